"""The words are those of the numbers."""

from __future__ import annotations

import json
from random import Random

import pytest
from small_studies import design_of, rater_of, rater_of_taste

from ganstyle.cli.output import plain
from ganstyle.study.results import result_of
from ganstyle.study.wording import (
    alpha_words,
    as_data,
    divided_words,
    measures,
    percent,
    retest_words,
    score_rows,
    verdicts,
)


def result(chance=0.8, raters=10, items=20):
    random, design = Random(0), design_of(items=items)
    return result_of("0" * 16, design, [rater_of_taste(design, chance, random) for _ in range(raters)])


def test_a_clear_difference_is_a_preference_and_chance_is_none():
    assert verdicts(result(0.8))[0].startswith("m0 is preferred to m1: ")
    assert verdicts(result(0.5))[0].startswith("no difference can be told between")


def test_one_rater_is_not_called_people():
    assert "this rater's preferences" in verdicts(result(raters=1))[0]


def test_of_three_methods_neighbours_and_ends_are_compared():
    design = design_of(methods=3, items=2)
    rater = rater_of([(0, 0, 1, "left"), (0, 1, 2, "left"), (1, 1, 0, "left"), (1, 2, 1, "left")])
    assert len(verdicts(result_of("0" * 16, design, [rater, rater]))) == 3


def test_no_votes_give_no_verdict_and_no_rows():
    empty = result_of("0" * 16, design_of(), [])
    assert verdicts(empty) == [] and score_rows(empty)[1] == []
    assert json.loads(json.dumps(plain(as_data(empty)), allow_nan=False))["votes"] == 0


def test_rows_come_best_first_with_intervals():
    rows = score_rows(result(0.2))[1]
    assert [row[0] for row in rows] == ["m1", "m0"] and rows[0][1].startswith("+") and " to " in rows[0][2]


def test_data_for_machines_has_the_matrix_in_the_order_of_the_methods():
    data = as_data(result(0.2))
    assert [method["name"] for method in data["methods"]] == ["m1", "m0"]
    assert data["wins"][0][1] > data["wins"][1][0] and data["better"] == [["m1", "m0"]]
    assert json.loads(json.dumps(plain(data), allow_nan=False))["votes"] == 200


def test_one_rater_has_no_interval_in_the_data():
    assert as_data(result(raters=1))["methods"][0]["interval"] is None


@pytest.mark.parametrize(
    ("alpha", "words"),
    [(0.9, "people agree"), (0.7, "mostly"), (0.3, "in part"), (0.0, "chance"), (-0.5, "disagree"), (None, "no pair")],
)
def test_agreement_in_words(alpha, words):
    assert words in alpha_words(alpha)


def test_repeats_in_words():
    assert retest_words(0, 0).startswith("nobody") and retest_words(9, 10).startswith("raters know")
    assert retest_words(7, 10) == "mostly" and retest_words(5, 10) == "close to guessing"


def test_measures_hold_the_counts():
    rows = {name: value for name, value, _ in measures(result())}
    assert rows["no difference"] == "0 of 200" and rows["same answer when asked again"] == "–"


def test_divided_pairs_name_the_methods():
    votes = [rater_of([(0, 0, 1, side)]) for side in ("left", "right", "equal")]
    found = result_of("0" * 16, design_of(), votes)
    assert divided_words(found, found.divided[0]) == "m0 1, m1 1, no difference 1"


def test_shares_are_whole_percentages():
    assert percent(0.666) == "67 %" and percent(None) == "–"
