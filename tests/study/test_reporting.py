"""The report is one file that loads and runs nothing, whatever people called themselves and their pictures."""

from __future__ import annotations

import re
from random import Random

import pytest
from small_studies import design_of, rater_of, rater_of_taste

from ganstyle.study.reporting import result_page
from ganstyle.study.results import result_of

HOSTILE = "<img src=x onerror=alert(1)>\x1b[2J"


def report(design, *raters, study=None):
    return result_page(result_of("0" * 16, design, raters), study).decode()


def test_it_loads_nothing_and_runs_nothing(study):
    raters = [rater_of([(0, 0, 1, side)]) for side in ("left", "right")]
    text = report(study.design, *raters, study=study)
    assert "default-src 'none'" in text and "<script" not in text
    assert all(place.startswith("data:image/webp") for place in re.findall(r'src="([^"]*)"', text))


def test_hostile_names_are_text():
    design = design_of(question=HOSTILE, items=1).model_copy(update={"methods": (HOSTILE, "b"), "items": (HOSTILE,)})
    raters = [rater_of([(0, 0, 1, side)], name=HOSTILE) for side in ("left", "right")]
    text = report(design, *raters)
    assert "<img" not in text and "\x1b" not in text and "&lt;img src=x onerror=alert(1)&gt;" in text


def test_it_shows_the_pictures_that_divided_people(study):
    raters = [rater_of([(2, 0, 1, side), (3, 0, 1, "left")]) for side in ("left", "right", "left", "right")]
    text = report(study.design, *raters, study=study)
    for index in study.shown[2].candidates:
        assert study.pictures[index] in text
    assert study.pictures[study.shown[3].candidates[0]] not in text and "p2: ours 2, theirs 2" in text


def test_without_the_page_it_names_them_and_says_how_to_see_them():
    raters = [rater_of([(2, 0, 1, side)]) for side in ("left", "right")]
    text = report(design_of(), *raters)
    assert "<td>p2</td>" in text and "--study study.html" in text


def test_raters_who_failed_are_struck_out():
    design = design_of(checks=1, damaged=1)
    bad = rater_of([(0, 0, 1, "left"), (0, 0, 1, "right", "check")], name="Bob")
    text = report(design, bad, rater_of([(0, 0, 1, "left")]))
    assert re.search(r'<tr class="out"><td>Bob', text) and "not counted" in text


def test_every_section_is_there_for_a_real_study():
    random, design = Random(0), design_of(items=12)
    text = report(design, *(rater_of_taste(design, 0.7, random) for _ in range(8)))
    for title in ("Scores", "Who won against whom", "How much raters agree", "divided people most", "Raters"):
        assert title in text
    assert text.count("<circle") == 2 and "m0 is preferred to m1" in text


@pytest.mark.parametrize("raters", [[], [rater_of([])]])
def test_a_study_without_votes_has_a_report_that_says_so(raters):
    text = report(design_of(), *raters)
    assert "there are no votes to count" in text and "<svg" not in text


def test_the_interval_lies_where_the_numbers_say():
    random, design = Random(0), design_of(items=12)
    result = result_of("0" * 16, design, [rater_of_taste(design, 0.7, random) for _ in range(8)])
    text = result_page(result).decode()
    lines = re.findall(r'class="span" x1="([\d.]+)" x2="([\d.]+)"', text)
    dots = [float(x) for x in re.findall(r'class="dot" cx="([\d.]+)"', text)]
    scale = (dots[0] - dots[1]) / (result.scores.score[0] - result.scores.score[1])
    for (left, right), half in zip(lines, result.scores.half_width, strict=True):
        assert (float(right) - float(left)) / 2 == pytest.approx(half * scale, abs=0.1)
