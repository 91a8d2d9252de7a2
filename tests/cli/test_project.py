"""`ganstyle project` finds a code, and `generate --code` shows and edits it."""

from __future__ import annotations

import json

import pytest
from PIL import Image
from untrained import write_run

from ganstyle.data.provenance import read_marks


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run whose encoder is left out: pixels alone are compared."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ganstyle.engine.projection.load_lite0", lambda **_: (_ for _ in ()).throw(FileNotFoundError))
    return write_run(tmp_path / "runs" / "0001-progan", "progan")


def pixels(path):
    with Image.open(path) as picture:
        return picture.tobytes()


@pytest.fixture
def projected(run, run_cli, tmp_path):
    """What projecting an oblong picture answers."""
    Image.linear_gradient("L").convert("RGB").resize((40, 24)).save(tmp_path / "sky.png")
    return json.loads(run_cli("project", "sky.png", "--steps", "6", "--starts", "2", "--json").out)


def test_code_reconstruction_and_comparison_are_written(run, projected):
    assert projected["psnr"] > 0 and projected["final_loss"] > 0 and projected["loss"] == "pixels on several scales"
    names = sorted(path.name for path in (run / "projected").iterdir())
    assert names == ["sky-projected.png", "sky-side-by-side.png", "sky.code.safetensors"]
    marks = read_marks(projected["reconstruction"])
    assert marks.settings["steps"] == 6 and len(marks.settings["picture_sha256"]) == 64


def test_a_code_is_rendered_as_its_reconstruction_and_can_be_edited(run, run_cli, projected):
    answer = json.loads(run_cli("generate", "--code", projected["code"], "--json").out)
    assert pixels(answer["files"][0]) == pixels(projected["reconstruction"])
    strip = json.loads(run_cli("generate", "--code", projected["code"], "--direction", "1", "--json").out)
    assert strip["files"][0].endswith("direction1-sky.png")


def test_a_code_of_another_model_is_refused(run_cli, projected, tmp_path):
    other = write_run(tmp_path / "runs" / "0002-dcgan", "dcgan")
    done = run_cli("generate", other, "--code", projected["code"])
    assert done.code == 5 and "another generator" in done.err


def test_projecting_again_overwrites_nothing(run, run_cli, projected):
    assert run_cli("project", "sky.png", "--steps", "2", "--starts", "1", "--quiet").code == 0
    assert len(list((run / "projected").iterdir())) == 6


def test_a_dry_run_writes_nothing_and_a_missing_picture_is_told(run, run_cli, tmp_path):
    assert run_cli("project", "missing.png").code == 4
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    assert run_cli("project", "a.png", "--dry-run").code == 0 and not (run / "projected").exists()
