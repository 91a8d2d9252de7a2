"""Names of the results, and a loop that bad files can't stop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_painter import Painter, gradient

from ganstyle.data.finding import find_images
from ganstyle.errors import EnvironmentProblem, NoInputError, UsageError
from ganstyle.style.bank import Style, StyleBank
from ganstyle.style.batch import Outcome, check_found, check_suffix, distinct, exit_code, plan, run, without_own
from ganstyle.style.card import StyleCard
from ganstyle.style.transfer import TransferOptions
from ganstyle.style.variants import Variant, variants_of


def named(*names: str) -> list[Style]:
    return [Style(StyleCard(name, "m", "00" * 32), np.zeros(6, np.float32)) for name in names]


def plain(*styles: Style, **how: object) -> list[Variant]:
    return variants_of([(style,) for style in styles], options=TransferOptions(), **how)


def targets(found: object, tmp_path: Path, **how: object) -> list[str]:
    jobs = plan(found, plain(*named("monet")), out=tmp_path / "out", **how)
    return [job.target.relative_to(tmp_path / "out").as_posix() for job in jobs]


def put(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        gradient().save(folder / name)
    return folder


def test_results_keep_the_tree_and_the_format(tmp_path: Path) -> None:
    found = find_images(put(tmp_path / "in", "a.jpg", "trip/b.PNG", "trip/deep/c.webp", "d.bmp"))
    assert targets(found, tmp_path) == ["a-monet.jpg", "d-monet.png", "trip/b-monet.png", "trip/deep/c-monet.webp"]


def test_one_format_for_all_keeps_equal_names_apart(tmp_path: Path) -> None:
    found = find_images(put(tmp_path / "in", "a.jpg", "a.png", "b.jpg"))
    assert targets(found, tmp_path, suffix="png") == ["a-jpg-monet.png", "a-png-monet.png", "b-monet.png"]


def test_an_evil_name_stays_in_the_output_folder(tmp_path: Path) -> None:
    found = find_images(put(tmp_path / "in", "a\\..\\x.png"))
    assert targets(found, tmp_path) == ["a_.._x-monet.png"]


def test_styles_of_one_name_are_kept_apart() -> None:
    assert [style.name for style in distinct(named("a", "b", "a", "a"))] == ["a", "b", "a-2", "a-3"]


def test_an_unknown_format_is_refused() -> None:
    assert check_suffix("webp") == "webp"
    with pytest.raises(UsageError, match="did you mean 'jpg'"):
        check_suffix("jgp")


def test_a_search_without_pictures_says_what_there_was(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(NoInputError, match="1 not an image by its name"):
        check_found(find_images(tmp_path))


@pytest.mark.parametrize(
    ("states", "code"),
    [(["done"], 0), (["done", "skipped"], 0), (["done", "failed"], 3), (["failed"], 4), (["skipped", "failed"], 3)],
)
def test_the_exit_code_tells_how_much_failed(states: list[str], code: int) -> None:
    assert exit_code([Outcome(Path("a"), "s", None, state) for state in states]) == code


def paint_all(painter: Painter, source: Path, out: Path, **how: bool) -> list[Outcome]:
    found = find_images(source)
    jobs = plan(found, plain(StyleBank().load("sunset")), out=out)
    return list(run(jobs, base=painter.base, **how))


def test_a_zoo_of_bad_files_does_not_stop_the_batch(painter: Painter, tmp_path: Path) -> None:
    zoo = put(tmp_path / "zoo", "good1.png", "sub/good2.jpg")
    (zoo / "empty.png").write_bytes(b"")
    (zoo / "page.jpg").write_text("<html></html>")
    (zoo / "torn.png").write_bytes((zoo / "good1.png").read_bytes()[:900])
    states = {outcome.photo.name: outcome.state for outcome in paint_all(painter, zoo, tmp_path / "out")}
    assert states == {
        "empty.png": "failed", "good1.png": "done", "page.jpg": "failed", "torn.png": "failed", "good2.jpg": "done"
    }  # fmt: skip
    assert sorted(p.name for p in (tmp_path / "out").rglob("*.*")) == ["good1-sunset.png", "good2-sunset.jpg"]


def test_nothing_is_overwritten_unasked(painter: Painter, tmp_path: Path) -> None:
    source = put(tmp_path / "in", "a.png")
    first = paint_all(painter, source, tmp_path / "out")[0].path
    before = first.read_bytes()
    assert paint_all(painter, source, tmp_path / "out")[0].path.name == "a-sunset-2.png"
    assert paint_all(painter, source, tmp_path / "out", skip_existing=True)[0].state == "skipped"
    assert first.read_bytes() == before
    assert paint_all(painter, source, tmp_path / "out", overwrite=True)[0].path == first


def test_own_results_are_left_out_of_folders_but_not_when_named(painter: Painter, tmp_path: Path) -> None:
    source = put(tmp_path / "in", "a.png", "b.jpg", "c.webp")
    results = [outcome.path for outcome in paint_all(painter, source, source)]
    kept = without_own(find_images(source), [])
    assert [path.name for path in kept.files] == ["a.png", "b.jpg", "c.webp"]
    assert sorted(path for path, reason in kept.ignored if reason == "made by ganstyle") == sorted(results)
    assert without_own(find_images(results), results).files == results


def test_a_picture_too_large_for_its_format_fails_alone(painter: Painter, tmp_path: Path) -> None:
    put(tmp_path, "b.png")
    Image.new("RGB", (16400, 8)).save(tmp_path / "a.png")
    jobs = plan(find_images(tmp_path), plain(StyleBank().load("sunset")), out=tmp_path / "out", suffix="webp")
    outcomes = list(run(jobs, base=painter.base))
    assert [outcome.state for outcome in outcomes] == ["failed", "done"]
    assert "16383" in outcomes[0].message


def test_an_unwritable_output_folder_stops_the_batch(painter: Painter, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file in the way")
    with pytest.raises(EnvironmentProblem):
        paint_all(painter, put(tmp_path / "in", "a.png"), tmp_path / "out")
