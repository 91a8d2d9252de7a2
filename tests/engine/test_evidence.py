"""Evidence of a failure is strict JSON beside a readable sheet, and never hides the failure itself."""

from __future__ import annotations

import json

import torch
from PIL import Image

from ganstyle.engine.evidence import in_words, write_bundle, write_sheet


def test_a_bundle_holds_numbers_names_the_end_of_the_log_and_the_pictures(tmp_path):
    lines = "".join(json.dumps({"images": 4 * step, "step": step}) + "\n" for step in range(30))
    (tmp_path / "scalars.jsonl").write_text(lines)
    pictures = torch.zeros(2, 3, 8, 8, dtype=torch.uint8)
    path = write_bundle(tmp_path, {"step": 7, "norm": float("inf")}, pictures=pictures, names=["a.png", "b.png"])
    found = json.loads(path.read_text(), parse_constant=lambda text: 1 / 0)
    assert found["norm"] == "inf" and found["pictures"] == ["a.png", "b.png"]
    assert [line["step"] for line in found["last_scalars"]] == list(range(10, 30))
    with Image.open(path.with_suffix(".png")) as sheet:
        assert sheet.width >= 2 * 64


def test_what_is_no_number_becomes_a_word_at_any_depth():
    value = {"a": [1.5, float("nan")], "b": {"c": float("-inf"), "d": None}}
    assert in_words(value) == {"a": [1.5, "nan"], "b": {"c": "-inf", "d": None}}


def test_a_place_that_refuses_gives_none(tmp_path):
    (tmp_path / "diverged").write_text("a file where the folder should be")
    assert write_bundle(tmp_path, {"step": 1}) is None
    assert write_sheet(tmp_path / "diverged" / "x.png", torch.zeros(1, 3, 8, 8, dtype=torch.uint8)) is None
