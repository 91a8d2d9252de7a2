"""What the benchmarks of styles measure, keep and say. Networks are tiny and random: no weights file is needed."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from ganstyle.functional.style import content_distance, style_distance

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
MODULES = ("ablation", "bench", "judges", "measures", "painters", "quality", "tables")


@pytest.fixture(scope="module")
def programs():
    """Benchmarks are programs that import one another by their bare names."""
    sys.path.insert(0, str(BENCHMARKS))
    yield SimpleNamespace(**{name: importlib.import_module(f"style_{name}") for name in MODULES})
    sys.path.remove(str(BENCHMARKS))


@pytest.fixture(scope="module")
def ablation(programs):
    return programs.ablation


class Pyramid(nn.Module):
    """Five random convolutions, each at half the size of the one before; taps are their numbers."""

    weights_sha256, standard = "ab" * 32, False

    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.layers = nn.ModuleList(nn.Conv2d(3 if i == 0 else 4, 4, 3, stride=2, padding=1) for i in range(5))

    def forward(self, images, taps):
        features, found = images, {}
        for number, layer in enumerate(self.layers):
            features = F.relu(layer(features))
            found[str(number)] = features
        return {tap: found[tap] for tap in taps}


def judge_of(programs, *, channels=None, name="vgg16", seed=0):
    """Return a judge on a pyramid, whose tap 2 has stride 8."""
    taps = programs.judges.Taps(("0", "1", "3"), ("2",), ("0", "2", "4"))
    network = Pyramid(seed).eval()
    return programs.judges.Judge(name, network, taps, "2", "ab" * 32, "drawn at random", channels, {"0": "relu1_1"})


def picture(seed, height=48, width=64):
    return np.random.default_rng(seed).integers(256, size=(height, width, 3), dtype=np.uint8)


def seen(programs, judge, seed):
    return programs.judges.look(judge, programs.judges.as_input(picture(seed)))


def test_style_and_content_are_those_of_the_metrics(programs):
    judge = judge_of(programs)
    photo, work, painted = (seen(programs, judge, seed) for seed in (1, 2, 3))
    found = programs.measures.by_judge(judge, photo, work, painted=painted)
    images = [programs.judges.as_input(picture(seed)) for seed in (1, 2, 3)]
    smaller = [F.interpolate(image, scale_factor=0.5, mode="bilinear", antialias=True) for image in images]
    with torch.no_grad():
        maps, halves = ([judge.network(image, "0123") for image in some] for some in (images, smaller))
    target, small = ({tap: some[1][tap] for tap in "013"} for some in (maps, halves))
    assert found["style"] == pytest.approx(style_distance(maps[2], target).item(), rel=1e-5)
    assert found["style_half"] == pytest.approx(style_distance(halves[2], small).item(), rel=1e-5)
    assert found["content"] == pytest.approx(content_distance(maps[2], maps[0], ("2",)).item(), rel=1e-5)


def test_layers_bear_the_names_of_papers_and_average_to_the_style(programs):
    judge = judge_of(programs)
    photo, work, painted = (seen(programs, judge, seed) for seed in (1, 2, 3))
    found = programs.measures.by_judge(judge, photo, work, painted=painted)
    layers = {name: value for name, value in found.items() if name.startswith("full ")}
    assert list(layers) == ["full relu1_1", "full 1", "full 3"]
    assert sum(layers.values()) / 3 == pytest.approx(found["style"])


def test_lpips_weighs_channels_of_unit_vectors(programs):
    weights = {tap: torch.rand(4, generator=torch.Generator().manual_seed(int(tap))) for tap in "024"}
    judge = judge_of(programs, channels=weights)
    photo, work, painted = (seen(programs, judge, seed) for seed in (1, 2, 3))
    found = programs.measures.by_judge(judge, photo, work, painted=painted)
    total = 0.0
    for tap, weight in weights.items():
        x, y = (one.maps[tap][0].double().numpy() for one in (painted, photo))
        x, y = (maps / np.maximum(np.sqrt((maps**2).sum(0)), 1e-10) for maps in (x, y))
        total += (((x - y) ** 2).mean((1, 2)) * weight.double().numpy()).sum()
    assert found["lpips"] == pytest.approx(total, rel=1e-4)
    assert "perceptual" not in found


def test_the_same_picture_is_at_no_distance(programs):
    judge = judge_of(programs)
    one = seen(programs, judge, 1)
    found = programs.measures.by_judge(judge, one, one, painted=one)
    assert max(abs(value) for value in found.values()) < 1e-5
    assert "perceptual" in found  # not LPIPS without its weights


def test_of_a_work_only_patches_are_kept(programs):
    judge = judge_of(programs)
    image = programs.judges.as_input(picture(1))
    assert set(programs.judges.look(judge, image, layout=False).maps) == {"2"}
    assert set(programs.judges.look(judge, image).maps) == {"0", "2", "4"}


def test_patches_that_are_shifted_are_as_far_as_the_shift(programs):
    maps = torch.randn(1, 3, 30, 30, generator=torch.Generator().manual_seed(0))
    distance = programs.measures.patch_frechet(maps + 2.0, maps)
    assert distance.item() == pytest.approx(3 * 4.0 / maps[0].flatten(1).var(1).sum().item(), rel=1e-4)


def test_a_judge_says_whose_weights_it_has(programs, monkeypatch):
    monkeypatch.setattr(programs.judges, "load_trunk", lambda net, options, device: Pyramid())
    judge = programs.judges.load_judge("vgg16", sha256="ab" * 32, origin="made here")
    assert judge.described() == f"VGG16 of ImageNet, made here; sha256 of the weights file {'ab' * 32}"
    assert "the user's own" in programs.judges.load_judge("vgg16", sha256="ab" * 32).origin
    assert [len(judge.channels[tap]) for tap in judge.taps.perceptual] == [64, 128, 256, 512, 512]
    assert [judge.layers[tap] for tap in judge.taps.style] == [f"relu{i}_1" for i in range(1, 6)]


def test_missing_weights_are_named_with_a_way_to_get_them(programs, tmp_path):
    with pytest.raises(SystemExit, match=r"vgg16-397923af\.pth"):
        programs.judges.load_judge("vgg16", weights=str(tmp_path / "none.pth"))


@pytest.fixture
def bench(programs, tmp_path):
    """Two photographs and two works, of which training saw one; painted without any network."""
    for folder, names in {"photos": "ab", "unseen": "c", "seen": "d"}.items():
        (tmp_path / folder).mkdir()
        for name in names:
            Image.fromarray(picture(ord(name))).save(tmp_path / folder / f"{name}.png")
    places = {"photos": [tmp_path / "photos"], "works": [tmp_path / "unseen"], "seen_works": [tmp_path / "seen"]}
    options = {"methods": ["photo", "colour"], "pairs": 3, "minutes": 1, "gatys_pairs": 0, "broad": 1.5, "fit_steps": 0}
    more = {"gatys_steps": 1, "cache": tmp_path / "cache", "out": tmp_path / "out", "judge": "vgg16", "unshown": []}
    found = programs.bench.open_bench(argparse.Namespace(**places, **options, **more))
    found.base, found.engine, found.judge = SimpleNamespace(sha256="cd" * 32), None, judge_of(programs)
    found.works = [
        programs.bench.Work(work.name, work.path, work.seen, picture(ord(work.name))) for work in found.works
    ]
    return found


def test_a_run_writes_tables_and_numbers_that_name_the_judge(programs, bench, capsys):
    rows = programs.quality.run(bench)
    assert [(row["photo"], row["work"]) for row in rows[::2]] == [("a", "c"), ("b", "d"), ("a", "d")]
    written = sorted(path.name for path in bench.options.out.iterdir())
    assert written == ["results_vgg16.json", "table_vgg16.md"]
    text = (bench.options.out / "table_vgg16.md").read_text(encoding="utf-8")
    assert f"Judge: {bench.judge.described()}." in text
    assert "| style | " in text and "| palette | " in text and "# Layers" in text


def test_another_judge_judges_anew_but_pixels_are_measured_once(programs, bench, monkeypatch, capsys):
    first = programs.quality.run(bench)
    monkeypatch.setattr(programs.quality, "by_pixels", None)  # would fail if it were called
    monkeypatch.setattr(programs.quality, "by_judge", None)
    assert programs.quality.run(bench) == first
    monkeypatch.undo()
    monkeypatch.setattr(programs.quality, "by_pixels", None)
    bench.judge, bench.looks = judge_of(programs, name="lite2", seed=1), {}
    second = programs.quality.run(bench)
    assert [row["palette"] for row in second] == [row["palette"] for row in first]
    assert second[1]["style"] != first[1]["style"]


def test_colours_transferred_have_the_mean_and_covariance_of_the_work(programs):
    photo, work = picture(1) // 4 + 90, picture(2) // 2 + 60
    work[..., 0] = work[..., 1] // 2 + 64
    made = programs.painters.colour_transfer(photo, work).reshape(-1, 3).astype(float)
    assert made.mean(0) == pytest.approx(work.reshape(-1, 3).mean(0), abs=0.2)
    assert np.cov(made.T) == pytest.approx(np.cov(work.reshape(-1, 3).T.astype(float)), rel=0.03, abs=2)


def numbers(method, values, *, seen=(False, False, True)):
    """Return a row for each pair; `full one` and `half one` are the value and its half."""
    facts = [{"method": method, "photo": str(i), "work": "w", "seen": s} for i, s in enumerate(seen)]
    return [f | {"style": v, "full one": v, "half one": v / 2} for f, v in zip(facts, values, strict=True)]


def test_differences_are_counted_in_every_group_of_works(programs):
    rows = numbers("instant", [1.0, 3.0, 5.0]) + numbers("arbitrary", [2.0, 4.0, 4.5])
    lines = programs.tables.differences(rows).splitlines()
    cells = {line.split("|")[1].strip(): line.split("|")[2].strip() for line in lines[2:]}
    assert cells["style, never seen"] == "-1 (-1 to -1), 2/2"
    assert cells["style, seen"] == "+0.5 (+0.5 to +0.5), 0/1"
    assert cells["style, all"].startswith("-0.5 (") and cells["style, all"].endswith(", 2/3")


def test_a_measure_that_is_not_told_apart_has_one_line(programs):
    rows = numbers("instant", [1.0, 3.0, 5.0]) + numbers("arbitrary", [2.0, 4.0, 4.5])
    assert len(programs.tables.differences(rows, apart=()).splitlines()) == 3


def test_works_of_one_kind_make_one_group(programs):
    assert list(programs.tables.groups(numbers("photo", [1.0, 2.0, 3.0], seen=(True,) * 3))) == ["all"]


def test_layers_are_told_at_both_sizes(programs):
    rows = numbers("instant", [1.0, 3.0, 5.0]) + numbers("arbitrary", [2.0, 2.0, 5.0])
    assert programs.tables.layers(rows).splitlines()[2] == "| one | 3 / 1.5 | 3 / 1.5 |"


def test_a_page_repeats_no_measure_that_needs_no_judge(programs, bench, capsys):
    rows = programs.quality.run(bench)
    assert "palette" not in programs.quality.on_page(bench, rows)
    bench.judge = judge_of(programs, name="lite2")
    assert "palette" in programs.quality.on_page(bench, rows)


def test_a_page_gets_its_tables_between_the_marks_of_the_judge(programs, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- lite2 -->\nold\n<!-- end of lite2 -->\nb\n<!-- vgg16 -->\n<!-- end of vgg16 -->\nc\n")
    programs.quality.insert("new\n", page, mark="lite2")
    programs.quality.insert("too\n", page, mark="vgg16")
    text = page.read_text()
    assert "old" not in text
    order = ["a\n<!-- lite2", "new", "<!-- end of lite2", "b\n<!-- vgg16", "too", "<!-- end of vgg16", "c\n"]
    assert sorted(order, key=text.index) == order
    with pytest.raises(SystemExit, match="end of other"):
        programs.quality.insert("new\n", page, mark="other")


def rows(ablation, **values):
    """Return four pairs; a number is taken for all of them, and a measure not named is its place in the table."""
    standing = {name: float(index) for index, name in enumerate(ablation.SHOWN)}
    columns = standing | values
    return [{name: float(np.broadcast_to(value, 4)[pair]) for name, value in columns.items()} for pair in range(4)]


def test_the_first_run_is_told_by_its_means(ablation):
    text = ablation.table({"all": rows(ablation, style=[0.1, 0.2, 0.3, 0.4])})
    header, _, line = text.splitlines()
    assert header.startswith("| | style | style, half size | content |")
    assert line.startswith("| all | 0.25 | 1 | 2 |")


def test_a_difference_that_every_pair_shows_is_in_bold(ablation):
    base = rows(ablation, style=[0.1, 0.9, 0.5, 0.3], content=1.0)
    worse = rows(ablation, style=[0.2, 1.0, 0.6, 0.4], content=[0.9, 1.1, 0.8, 1.2])
    line = ablation.table({"all": base, "no windows": worse}).splitlines()[-1]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[0] == "no windows"
    assert cells[1] == "**+0.1 (+0.1 to +0.1)**"
    low, high = (float(part) for part in cells[3].partition("(")[2].rstrip(")").split(" to "))
    assert low < 0 < high
    assert not cells[3].startswith("**")


def test_a_sheet_has_a_tile_for_every_picture(programs):
    red, wide = np.full((30, 40, 3), (255, 0, 0), np.uint8), np.zeros((20, 80, 3), np.uint8)
    image = programs.quality.tiled([[red, wide], [wide]], 40)
    assert image.size == (2 * 43, 2 * 33)
    assert image.getpixel((5, 5)) == (255, 0, 0)
    assert image.getpixel((43 + 5, 5)) == (0, 0, 0)
    assert image.getpixel((43 + 5, 33 + 5)) == (255, 255, 255)
