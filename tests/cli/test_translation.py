"""Unpaired translation from the command line: train on two folders, apply to photographs."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_painter import gradient
from tiny_translator import sets_of, write_translator

from ganstyle.data.provenance import read_marks


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def put(path, size=(40, 32), shade=0):
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(shade).integers(0, 60, (*size[::-1], 3), dtype=np.uint8)
    Image.fromarray(noise + np.uint8(shade)).save(target)
    return target


def written(folder="stylized"):
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file())


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def two_folders():
    for index in range(3):
        put(f"photos/{index}.png", shade=20 * index)
        put(f"monet/{index}.png", shade=150 + 10 * index)
    return ["--data", "photos", "--set", "data.styles=monet"]


def tiny(arch, *words):
    sets = [*sets_of(arch), "train.batch=2", "train.preview_count=2", "train.log_every_steps=1"]
    flags = [word for text in sets for word in ("--set", text)]
    return ["--arch", arch, *words, "--resolution", "32", "--images", "4", *flags]


def test_two_folders_make_a_model_that_transfer_applies(run_cli):
    done = run_cli("train", *tiny("cut", *two_folders()), "--json")
    assert done.code == 0
    run = json.loads(done.out)["run"]
    # photograph and translation, in turns: two pairs of 32 pixels
    assert Image.open(json.loads(done.out)["preview"]).width > 2 * 32
    again = run_cli("transfer", "photos", "--model", run)
    assert (again.code, written()) == (0, ["0-monet.png", "1-monet.png", "2-monet.png"])
    assert Image.open("stylized/0-monet.png").size == (40, 32)
    assert read_marks(Path("stylized/0-monet.png")).ours


def test_training_ends_with_the_command_that_applies_the_model(run_cli):
    done = run_cli("train", *tiny("cut", *two_folders()))
    assert "ganstyle transfer PHOTOS --model" in done.out


@pytest.mark.parametrize("words", [["--data", "photos"], ["--data", "photos", "--set", "data.styles=nowhere"]])
def test_one_folder_missing_is_told_before_a_run_exists(run_cli, words):
    two_folders()
    done = run_cli("train", *tiny("cut", *words))
    assert done.code in (2, 4)
    assert "ganstyle train --arch cut --data PHOTOS --set data.styles=PAINTINGS" in done.err
    assert not Path("runs").exists()


def test_sub_folders_are_domains_and_one_is_not_enough(run_cli):
    two_folders()
    Path("all").mkdir()
    Path("photos").rename("all/photos")
    assert run_cli("train", *tiny("multistyle", "--data", "all")).code == 4
    Path("monet").rename("all/monet")
    done = run_cli("train", *tiny("multistyle", "--data", "all"), "--json")
    assert done.code == 0
    assert run_cli("transfer", "all/photos/0.png", "--model", json.loads(done.out)["run"], "--style", "monet").code == 0
    assert written() == ["0-monet.png"]


def test_both_directions_can_be_asked_for(run_cli):
    model, photo = write_translator(Path("run"), "cyclegan"), put("p.png")
    for words in ([], ["--direction", "b2a"]):
        assert run_cli("transfer", photo, "--model", model, *words).code == 0
    assert written() == ["p-monet.png", "p-photos.png"]
    assert np.abs(pixels("stylized/p-monet.png") - pixels("stylized/p-photos.png")).mean() > 1


def test_strength_zero_writes_the_photograph_and_a_half_lies_between(run_cli):
    model, photo = write_translator(Path("run")), put("p.png")
    assert run_cli("transfer", photo, "--model", model, "--strength", "0,0.5,1").code == 0
    none, half, whole = (pixels(f"stylized/p-monet-s{share}.png") for share in (0, 50, 100))
    assert np.array_equal(none, pixels(photo))
    assert np.abs(2 * half - none - whole).max() <= 4
    assert np.abs(whole - none).mean() > 3


def test_folders_keep_their_tree_and_existing_results_are_skipped(run_cli):
    model = write_translator(Path("run"))
    put("in/a.png"), put("in/trip/b.png")
    first = run_cli("transfer", "in", "--model", model, "--json")
    again = run_cli("transfer", "in", "--model", model, "--skip-existing", "--json")
    assert written() == ["a-monet.png", "trip/b-monet.png"]
    assert [json.loads(done.out)[key] for done, key in ((first, "done"), (again, "skipped"))] == [2, 2]


def test_a_mask_keeps_the_photograph_where_it_is_black(run_cli):
    model, photo = write_translator(Path("run")), put("p.png")
    mask = np.zeros((32, 40), np.uint8)
    mask[:, :20] = 255
    Image.fromarray(mask).save("mask.png")
    assert run_cli("transfer", photo, "--model", model, "--mask", "mask.png", "--feather", "0").code == 0
    changed = np.abs(pixels("stylized/p-monet.png") - pixels(photo)).max((0, 2))
    assert changed[22:].max() <= 1 < changed[:18].max()


def test_a_sheet_shows_every_domain(run_cli):
    model = write_translator(Path("run"), "multistyle", styles=("a", "b", "c"))
    assert run_cli("transfer", put("p.png"), "--model", model, "--sheet").code == 0
    assert written() == ["p-sheet.png"]


def test_a_pipe_translates_one_picture(run_cli):
    model, photo = write_translator(Path("run")), put("p.png")
    assert run_cli("transfer", photo, "--model", model, "-o", "out", "--dry-run").code == 0
    assert not Path("out").exists()
    assert run_cli("transfer", photo, "--model", model, "-o", "out").code == 0
    assert Image.open(io.BytesIO(Path("out/p-monet.png").read_bytes())).size == (40, 32)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--style", "monet"], "knows no style 'monet'"),
        (["--direction", "b2a"], "has no direction 'b2a'"),
        (["--variations", "3"], "has no variations"),
        (["--method", "optimise"], "a translation has one method"),
        (["--strength", "1.2"], "from 0, the photograph, to 1"),
    ],
)
def test_what_the_model_cannot_do_is_a_usage_error(run_cli, words, message):
    done = run_cli("transfer", put("p.png"), "--model", write_translator(Path("run")), *words)
    assert done.code == 2
    assert message in done.err
    assert not Path("stylized").exists()


def test_a_direction_without_a_translator_is_a_usage_error(run_cli):
    gradient().save("p.png")
    done = run_cli("transfer", "p.png", "--direction", "b2a")
    assert done.code == 2
    assert "--direction is for models that translate" in done.err


def test_a_model_without_translator_or_stylizer_says_what_it_is(run_cli):
    from untrained import write_run

    done = run_cli("transfer", put("p.png"), "--model", write_run(Path("gan")), "--style", "monet")
    assert done.code == 5
    assert "has no stylizer and no translator" in done.err


def test_generating_from_a_translator_tells_the_way(run_cli):
    done = run_cli("generate", write_translator(Path("run")))
    assert done.code == 2
    assert "ganstyle transfer PHOTOS --model RUN" in done.err
