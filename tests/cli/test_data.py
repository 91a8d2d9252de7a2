"""`ganstyle data check` and `ganstyle data prepare`."""

from __future__ import annotations

import json
import shutil

import pytest
from PIL import Image

from ganstyle.data.embedded import embedded_root


@pytest.fixture
def paintings(tmp_path):
    folder = tmp_path / "paintings"
    for style in ("seurat", "turner"):
        shutil.copytree(embedded_root() / "paintings" / style, folder / style)
    return folder


def test_check_tells_counts_styles_and_use(run_cli, paintings):
    done = run_cli("data", "check", paintings)
    assert done.code == 0
    assert "3 of 3 pictures can be read" in done.out and "styles: seurat 1, turner 2" in done.out
    assert "training at 64x64 uses 3 pictures" in done.out


def test_check_as_json(run_cli, paintings):
    shutil.copy(next(paintings.glob("turner/*.jpg")), paintings / "seurat" / "again.jpg")
    report = json.loads(run_cli("data", "check", paintings, "--json", "--resolution", 512).out)
    assert report["schema"] == 1 and report["readable"] == 4 and report["styles"] == {"seurat": 2, "turner": 2}
    assert report["below"] == 4 and "seurat/again.jpg" in report["exact_duplicates"][0]


def test_broken_files_are_named_and_the_exit_code_says_so(run_cli, paintings):
    (paintings / "turner" / "x\x1b[2J[bold].jpg").write_bytes(b"<html>")
    done = run_cli("data", "check", paintings)
    assert done.code == 3 and "x\\x1b[2J[bold].jpg is an HTML page" in done.out and "\x1b" not in done.out
    assert "more than 1 % are broken" not in done.out  # one is always tolerated


@pytest.mark.parametrize(
    ("names", "found"), [(None, "does not exist"), ([], "nothing at all"), (["a.txt"], "1 not an image by its name")]
)
def test_nothing_to_check_is_exit_four_with_what_was_found(run_cli, tmp_path, names, found):
    for name in names if names is not None else ():
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / name).touch()
    if names == []:
        (tmp_path / "data").mkdir()
    done = run_cli("data", "check", tmp_path / "data")
    assert done.code == 4 and found in done.err and "hint:" in done.err


def test_only_broken_files_is_exit_four(run_cli, tmp_path):
    (tmp_path / "a.png").write_bytes(b"junk")
    done = run_cli("data", "check", tmp_path, "--json")
    assert done.code == 4 and "none of 1 pictures" in json.loads(done.out)["error"]["message"]


def test_prepare_writes_a_cache_that_checks_out(run_cli, paintings, tmp_path):
    done = run_cli("data", "prepare", paintings, tmp_path / "cache", "--resolution", 32)
    assert done.code == 0 and f"ganstyle train --data {tmp_path / 'cache'}" in done.out
    from ganstyle.data.cache import CachedPictures

    cached = CachedPictures(tmp_path / "cache")
    assert len(cached) == 3 and min(cached[0]["images"].shape[1:]) == 40


def test_prepare_never_overwrites_and_can_rehearse(run_cli, paintings, tmp_path):
    rehearsed = json.loads(run_cli("data", "prepare", paintings, tmp_path / "cache", "--dry-run", "--json").out)
    assert rehearsed["pictures"] == 3 and rehearsed["bytes_at_most"] == 3 * 80 * 80 * 3 * 3 // 2
    assert not (tmp_path / "cache").exists()
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "mine.txt").write_text("keep")
    done = run_cli("data", "prepare", paintings, tmp_path / "cache")
    assert done.code == 2 and "never overwrites" in done.err
    assert (tmp_path / "cache" / "mine.txt").read_text() == "keep"


def test_prepare_goes_on_past_broken_files(run_cli, tmp_path):
    (tmp_path / "in").mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / "in" / "good.png")
    (tmp_path / "in" / "bad.png").write_bytes(b"junk")
    done = run_cli("data", "prepare", tmp_path / "in", tmp_path / "cache", "--json")
    answer = json.loads(done.out)
    assert done.code == 3 and answer["pictures"] == 1 and "bad.png" in answer["skipped"][0]


def test_help_shows_both_commands(run_cli):
    done = run_cli("data", "--help")
    assert done.code == 0 and "check" in done.out and "prepare" in done.out
