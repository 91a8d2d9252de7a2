"""The report holds everything in one file, believes no name, and never ends a run."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from ganstyle.engine import reports
from ganstyle.engine.reports import write_report


class Reading(HTMLParser):
    """Collects tags, attributes and text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.values, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.values += [(tag, name, value or "") for name, value in attributes]

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def folder(tmp_path):
    """What a run leaves: configuration, status, scalars, previews."""
    made = tmp_path / "0001-x"
    (made / "previews").mkdir(parents=True)
    config = {
        "arch": {"name": "dcgan"},
        "data": {"name": "folder", "path": "/home/ann/<b>cats"},
        "train": {"images": 99},
    }
    (made / "config.json").write_text(json.dumps(config))
    (made / "status.json").write_text(json.dumps({"state": "finished", "images": 40, "reason": "<i>"}))
    lines = [{"step": n, "images": 10 * n, "generator": 1 / n} for n in range(1, 5)]
    event = {"kind": "rollback", "images": 1040, "message": "rolled back & <script>alert(1)</script>"}
    (made / "events.jsonl").write_text(json.dumps(event) + "\n" + json.dumps({"message": "a note"}) + "\n")
    (made / "scalars.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for images in (10, 20):
        Image.new("RGB", (32, 32), (images, 9, 9)).save(made / f"previews/{images:09d}.png")
    return made


def read(folder):
    return Reading(write_report(folder).read_text("utf-8"))


def test_it_says_what_was_trained_how_far_and_what_happened(folder):
    text = read(folder).text
    for words in (
        "0001-x",
        "dcgan",
        "40 of 99",
        "finished, <i>",
        "1,040 images: rolled back & <script>alert(1)",
        "a note",
    ):
        assert words in text


def test_nothing_in_it_is_a_script_or_comes_from_elsewhere(folder):
    page = read(folder)
    assert {"svg", "polyline", "img"} <= set(page.tags) and not {"script", "link", "iframe", "b", "i"} & set(page.tags)
    outside = [value for _, name, value in page.values if name in ("src", "href") and not value.startswith("data:")]
    assert outside == [] and not any(name.startswith("on") for _, name, _ in page.values)
    assert any("default-src 'none'" in value for _, name, value in page.values if name == "content")


def test_absolute_paths_are_cut_to_their_last_part(folder):
    page = read(folder)
    assert "/home/ann/" not in page.text and "cats" in page.text


def test_the_curves_are_a_picture_beside_it(folder):
    write_report(folder)
    with Image.open(folder / "curves.png") as picture:
        assert (
            len(set(picture.get_flattened_data() if hasattr(picture, "get_flattened_data") else picture.getdata())) > 10
        )


def test_pictures_stay_within_the_limit(folder, monkeypatch):
    monkeypatch.setattr(reports, "MOST_PICTURES_BYTES", 20_000)
    noise = np.random.default_rng(0).integers(0, 256, (90, 90, 3), dtype=np.uint8)
    for number in range(30):
        Image.fromarray(np.roll(noise, number, 0)).save(folder / f"previews/{number:09d}.png")
    page = write_report(folder).read_text("utf-8")
    assert 1 <= page.count("<img") < reports.PREVIEWS
    assert sum(map(len, re.findall(r"base64,([^\"]*)", page))) <= 4 / 3 * 20_000 + 4


def test_the_last_preview_comes_first_and_sheets_of_alarms_before_it(folder):
    (folder / "collapse").mkdir()
    Image.new("RGB", (8, 8)).save(folder / "collapse/a&b.png")
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", write_report(folder).read_text("utf-8"))
    assert captions == ["collapse/a&amp;b.png", "20 images", "10 images"]


def test_the_best_checkpoint_is_named(folder):
    best = {"images": 30, "metric": "fid", "value": 12.5}
    (folder / "status.json").write_text(json.dumps({"best": best}))
    assert "30 images, fid 12.5" in read(folder).text


@pytest.mark.parametrize(
    "name", ["config.json", "status.json", "scalars.jsonl", "events.jsonl", "previews/000000010.png"]
)
def test_a_damaged_or_missing_part_costs_only_that_part(folder, name):
    (folder / name).write_bytes(b'{"half": ')
    assert write_report(folder) is not None
    (folder / name).unlink()
    assert write_report(folder) is not None


def test_what_cannot_be_written_is_none(tmp_path):
    (tmp_path / "file").write_text("")
    assert write_report(tmp_path / "file") is None
