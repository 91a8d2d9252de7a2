"""`ganstyle report` as a person uses it."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from ganstyle.engine.run import Run


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Two runs, the newer with a log and previews."""
    monkeypatch.chdir(tmp_path)
    Run.create(tmp_path / "runs", {"arch": {"name": "old"}}, "old")
    made = Run.create(tmp_path / "runs", {"arch": {"name": "dcgan"}}, "new")
    (made.folder / "scalars.jsonl").write_text('{"images": 1, "generator": 1.0}\n{"images": 2, "generator": 2.0}\n')
    (made.folder / "previews").mkdir()
    for images in (1, 2):
        Image.new("RGB", (16, 16)).save(made.folder / f"previews/{images:09d}.png")
    return made


def test_without_a_name_it_reports_the_newest_run(run, run_cli):
    done = run_cli("report", "--json")
    answer = json.loads(done.out)
    assert (answer["report"], answer["timeline"]) == ("runs/0002-new/report.html", "runs/0002-new/timeline.webp")
    assert all((run.folder / name).is_file() for name in ("report.html", "curves.png", "timeline.webp"))


def test_a_run_without_log_or_previews_still_has_a_report(run, run_cli):
    done = run_cli("report", "runs/0001-old")
    assert done.code == 0 and done.out.strip() == "report:   runs/0001-old/report.html"


def test_what_is_no_run_is_exit_4(run, run_cli):
    done = run_cli("report", "runs")
    assert done.code == 4 and "is not a run folder" in done.err


def test_a_folder_that_cannot_be_written_is_exit_6(run, run_cli):
    (run.folder / "report.html").mkdir()
    done = run_cli("report")
    assert done.code == 6 and "could not be written" in done.err and "hint" in done.err
