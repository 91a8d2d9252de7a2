"""Pictures through stdin and stdout."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from tiny_painter import Painter, gradient

from ganstyle.cli.app import main


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch):
    """Put a picture, or bytes, into stdin."""

    def give(kind: str = "PNG", data: bytes | None = None) -> None:
        stream = io.BytesIO(data or b"")
        if data is None:
            gradient().save(stream, kind)
        stream.seek(0)
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=stream))

    return give


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch):
    """Run a command and return the picture that it writes to stdout."""

    def run(*words: str) -> Image.Image:
        output = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=output, flush=lambda: None))
        assert main(["transfer", *words]) == 0
        return Image.open(output)

    return run


def mean_of(picture: Image.Image) -> list[float]:
    return list(np.asarray(picture.convert("RGB"), dtype=float).mean((0, 1)))


@pytest.mark.parametrize(("options", "kind"), [((), "PNG"), (("--format", "jpg"), "JPEG")])
def test_a_picture_goes_through_a_pipe(painter: Painter, given, sent, options, kind: str) -> None:
    given("JPEG")
    picture = sent("-", "--style", "sunset", *options)
    assert (picture.format, picture.size) == (kind, (120, 80))
    assert mean_of(picture) == pytest.approx([200, 90, 40], abs=3)
    assert list(Path().rglob("stdin*")) == []


def test_a_file_goes_to_stdout(painter: Painter, sent) -> None:
    gradient().save("p.jpg")
    assert mean_of(sent("p.jpg", "--style", "night", "--out", "-")) == pytest.approx([20, 40, 120], abs=3)


def test_a_sheet_goes_to_stdout(painter: Painter, given, sent) -> None:
    given()
    assert sent("-", "--sheet").width > 2 * 120


def test_stdin_goes_to_a_folder_like_any_photograph(painter: Painter, run_cli, given) -> None:
    for words, result in (((), "done"), (("--skip-existing",), "skipped"), (("--overwrite",), "done")):
        given("JPEG")
        done = run_cli("transfer", "-", "-s", "sunset", "-s", "night", "-o", "out", "--json", *words)
        assert {outcome["state"] for outcome in json.loads(done.out)["results"]} == {result}
    assert sorted(path.name for path in Path("out").iterdir()) == ["stdin-night.jpg", "stdin-sunset.jpg"]


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"", "stdin holds nothing"), (b"<html></html>", "stdin is an HTML page"), (b"?", "stdin is not")],
)
def test_what_is_no_picture_is_exit_4(painter: Painter, run_cli, given, data: bytes, said: str) -> None:
    given(data=data)
    done = run_cli("transfer", "-", "--style", "sunset")
    assert (done.code, done.out, said in done.err, "hint:" in done.err) == (4, "", True, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-s", "night", "-s", "sunset"), "not 2 results"),
        (("-s", "night", "--variations", "2"), "not 2 results"),
        (("-s", "night", "--json"), "so does --json"),
        (("-s", "night", "--dry-run"), "so does --dry-run"),
        (("p.png", "-s", "night"), "not 2 pictures"),
    ],
)
def test_only_one_picture_fits_through_stdout(painter: Painter, run_cli, words, said: str) -> None:
    for name in ("o.png", "p.png"):
        gradient().save(name)
    done = run_cli("transfer", "o.png", *words, "--out", "-")
    assert done.code == 2
    assert said in (done.err or done.out) and "--out FOLDER" in (done.err or done.out)


def test_stdin_stands_alone(painter: Painter, run_cli) -> None:
    done = run_cli("transfer", "-", "p.png", "-s", "night")
    assert (done.code, "can't be mixed" in done.err) == (2, True)


def test_a_photograph_that_fails_writes_nothing_to_stdout(painter: Painter, run_cli) -> None:
    Path("torn.jpg").write_bytes(b"\xff\xd8\xff")
    done = run_cli("transfer", "torn.jpg", "-s", "night", "-o", "-")
    assert (done.code, done.out, "where: torn.jpg" in done.err) == (4, "", True)
