"""`ganstyle generate` samples without the data set and overwrites nothing."""

from __future__ import annotations

import json

import pytest
from PIL import Image


@pytest.fixture
def run(run_cli, tmp_path, monkeypatch):
    """The folder of a tiny finished run; the working folder is its parent's parent."""
    monkeypatch.chdir(tmp_path)
    sets = ("--set", "arch.base_channels=4", "--resolution", "16", "--batch", "4", "--images", "4")
    assert run_cli("train", *sets, "--quiet").code == 0
    return tmp_path / "runs" / "0001-dcgan"


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
    assert len(files) == 2
    pixels = [Image.open(file).tobytes() for file in files]
    assert pixels[0] == pixels[1]


def test_a_dry_run_writes_nothing(run, run_cli):
    assert run_cli("generate", "--dry-run").code == 0
    assert not (run / "generated").exists()


@pytest.mark.parametrize(("source", "code"), [("missing.safetensors", 4), ("runs/0001-dcgan/config.json", 5)])
def test_a_missing_or_foreign_model_is_told_by_its_exit_code(run, run_cli, source, code):
    done = run_cli("generate", source)
    assert done.code == code and "error:" in done.err


def test_a_style_of_an_unconditional_model_is_a_usage_error(run, run_cli):
    assert run_cli("generate", "--style", "monet").code == 2


def test_without_any_run_it_says_how_to_make_one(run_cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run_cli("generate")
    assert done.code == 4 and "ganstyle train" in done.err
