"""`ganstyle generate` samples without the data set and overwrites nothing."""

from __future__ import annotations

import json

import pytest
from PIL import Image, ImageSequence
from untrained import write_run

from ganstyle.data.provenance import read_marks


@pytest.fixture
def run(tmp_path, monkeypatch):
    """The folder of a tiny run; the working folder is its parent's parent."""
    monkeypatch.chdir(tmp_path)
    return write_run(tmp_path / "runs" / "0001-dcgan")


def pixels(path):
    with Image.open(path) as picture:
        return picture.tobytes()


def test_the_newest_run_is_sampled_into_its_own_folder(run, run_cli):
    answer = json.loads(run_cli("generate", "--count", "3", "--json").out)
    assert len(answer["files"]) == 3 and answer["grid"]
    with Image.open(run / "generated" / "seed0-00002.png") as picture:
        assert picture.size == (16, 16)


def test_a_model_file_alone_is_enough(run, run_cli, tmp_path):
    moved = tmp_path / "elsewhere.safetensors"
    (run / "model.safetensors").rename(moved)
    done = run_cli("generate", moved, "--count", "1", "--out", tmp_path / "out", "--quiet")
    assert done.code == 0 and (tmp_path / "out" / "seed0-00000.png").is_file()


def test_equal_seeds_give_equal_bytes_of_pixels_and_nothing_is_overwritten(run, run_cli, tmp_path):
    for _ in range(2):
        assert run_cli("generate", "--count", "1", "--seed", "9", "--quiet").code == 0
    files = sorted((run / "generated").glob("seed9-*.png"))
    assert len(files) == 2 and pixels(files[0]) == pixels(files[1])


def test_a_list_of_seeds_gives_the_first_picture_of_each(run, run_cli, tmp_path):
    assert run_cli("generate", "--seeds", "3-4,9", "--out", tmp_path / "list", "--quiet").code == 0
    assert run_cli("generate", "--seed", "9", "--count", "2", "--out", tmp_path / "one", "--quiet").code == 0
    names = sorted(path.name for path in (tmp_path / "list").glob("seed*"))
    assert names == ["seed3-00000.png", "seed4-00000.png", "seed9-00000.png"]
    assert pixels(tmp_path / "list" / names[2]) == pixels(tmp_path / "one" / names[2])
    assert run_cli("generate", "--seeds", "0-3", "--count", "2").code == 2


def test_marks_say_that_a_picture_is_generated_and_from_which_seed(run, run_cli):
    assert run_cli("generate", "--count", "1", "--seed", "5", "--quiet").code == 0
    marks = read_marks(run / "generated" / "seed5-00000.png")
    assert marks.source_type == "trainedAlgorithmicMedia" and marks.settings["seed"] == 5
    assert marks.settings["arch"] == "dcgan" and len(marks.settings["weights_sha256"]) == 64


@pytest.mark.parametrize("suffix", [".webp", "gif"])
def test_a_loop_has_its_frames(run, run_cli, suffix):
    words = ("--interpolate", "3", "--frames", "4", "--suffix", suffix, "--json")
    (path,) = json.loads(run_cli("generate", *words).out)["files"]
    with Image.open(path) as animation:
        assert sum(1 for _ in ImageSequence.Iterator(animation)) == 12 and animation.size == (16, 16)


def test_a_strip_shows_every_picture_at_every_strength(run, run_cli):
    words = ("--direction", "2", "--strength", "-1,0,1", "--count", "2", "--json")
    (path,) = json.loads(run_cli("generate", *words).out)["files"]
    assert path.endswith("direction2-seed0.png")
    with Image.open(path) as page:
        assert page.width > 3 * 96 and page.height > 2 * 96


def test_a_single_strength_gives_pictures_and_strength_zero_the_unedited_ones(run, run_cli, tmp_path):
    for words in (["--direction", "1", "--strength", "0"], ["--direction", "1", "--strength", "3"], []):
        assert run_cli("generate", "--count", "1", "--out", tmp_path / "o", "--quiet", *words).code == 0
    zero, three, plain = (
        pixels(tmp_path / "o" / f"seed0-00000{name}.png") for name in ("-direction1+0", "-direction1+3", "")
    )
    assert zero == plain != three


def test_mixing_needs_style_codes(run, run_cli, tmp_path):
    done = run_cli("generate", "--mix", "2x3")
    assert done.code == 2 and "one code for the whole picture" in done.err and "--interpolate" in done.err
    styled = write_run(tmp_path / "runs" / "0002-stylegan2", "stylegan2")
    answer = json.loads(run_cli("generate", styled, "--mix", "2x3", "--layers", "0-1", "--json").out)
    assert answer["files"][0].endswith("mix-seed0.png")
    assert run_cli("generate", styled, "--mix", "2x3", "--layers", "99").code == 2


def test_truncation_to_the_mean_makes_all_pictures_alike(run, run_cli, tmp_path):
    styled = write_run(tmp_path / "runs" / "0002-stylegan2", "stylegan2")
    words = ("generate", styled, "--truncation", "0", "--count", "2", "--out", tmp_path / "o", "--quiet")
    assert run_cli(*words).code == 0
    assert pixels(tmp_path / "o" / "seed0-00000.png") == pixels(tmp_path / "o" / "seed0-00001.png")
    assert run_cli("generate", run, "--truncation", "0.7").code == 2


def test_styles_and_blends_of_a_conditional_model_differ(run_cli, tmp_path):
    labelled = write_run(tmp_path / "runs" / "0001-dcgan", styles=("ink", "oil"))
    seen = set()
    for style in ("ink", "oil", "ink:0.5,oil:0.5"):
        words = ("--style", style, "--count", "1", "--out", tmp_path / style, "--quiet", "--no-grid")
        assert run_cli("generate", labelled, *words).code == 0
        seen.add(pixels(tmp_path / style / "seed0-00000.png"))
    assert len(seen) == 3


def test_a_dry_run_writes_nothing(run, run_cli):
    assert run_cli("generate", "--dry-run").code == 0
    assert not (run / "generated").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("--interpolate", "3", "--direction", "1"),
        ("--interpolate", "3", "--suffix", ".jpg"),
        ("--suffix", ".exe"),
        ("--direction", "99"),
        ("--direction", "1", "--layers", "1"),
        ("--seeds", "x"),
        ("--style", "monet"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_written(run, run_cli, words):
    done = run_cli("generate", *words)
    assert done.code == 2 and "error:" in done.err and not (run / "generated").exists()


@pytest.mark.parametrize(("source", "code"), [("missing.safetensors", 4), ("runs/0001-dcgan/config.json", 5)])
def test_a_missing_or_foreign_model_is_told_by_its_exit_code(run, run_cli, source, code):
    done = run_cli("generate", source)
    assert done.code == code and "error:" in done.err


def test_without_any_run_it_says_how_to_make_one(run_cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run_cli("generate")
    assert done.code == 4 and "ganstyle train" in done.err
