"""The report of films shows frames of both, evenly, whatever their length."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from PIL import Image

from ganstyle.data.films import Film
from ganstyle.engine.film_report import FRAMES, write_film_report
from ganstyle.engine.scores import Score

SCORE = Score("flicker", "flicker_beyond", 0.5, n_fake=1, counted="films", warnings=("short",))


@pytest.fixture
def film(tmp_path):
    """A function that makes a folder of frames."""

    def make(name, count):
        (tmp_path / name).mkdir()
        for number in range(count):
            Image.new("RGB", (8, 6), (number, 0, 0)).save(tmp_path / name / f"{number:03}.png")
        return Film(tmp_path / name)

    return make


def captions(path):
    return re.findall(r"<figcaption>([^<]*)</figcaption>", path.read_text("utf-8"))


def test_frames_of_result_and_source_are_shown_evenly(tmp_path, film):
    facts = {"generated": "/private/out", "real": "in", "refused": [("bad.gif", "other size")]}
    films = [(film("out", 60), film("in", 60))]
    path = write_film_report(tmp_path / "f.html", [SCORE], films=films, facts=facts)
    expected = [f"frame {number}" for number in (1, 11, 21, 31, 41, 51)]
    assert captions(path) == [f"{what}, {number}" for what in ("result", "source") for number in expected]
    text = path.read_text("utf-8")
    assert "flicker_beyond" in text and "short (flicker_beyond)" in text and "/private" not in text
    assert "not scored: bad.gif: other size" in text


@pytest.mark.parametrize("count", [3, 40, 200])
def test_a_film_that_does_not_know_its_length_is_thinned_out(tmp_path, film, monkeypatch, count):
    first = film("out", count)
    monkeypatch.setattr(Film, "count", None)
    path = write_film_report(tmp_path / "f.html", [SCORE], films=[(first, first)], facts={})
    numbers = [int(text.rpartition(" ")[2]) for text in captions(path)]
    shown = numbers[: len(numbers) // 2]
    gaps = [after - before for before, after in pairwise(shown)]
    assert len(shown) == min(count, FRAMES) and shown[0] == 1 and shown[-1] > 0.6 * count
    assert max(gaps) <= 2 * min(gaps)
