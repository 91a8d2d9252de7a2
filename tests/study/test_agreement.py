"""Krippendorff's alpha against the published worked examples."""

from __future__ import annotations

from random import Random

import pytest

from ganstyle.study.agreement import (
    EQUAL,
    FIRST,
    SECOND,
    dissent,
    krippendorff_alpha,
    percent_agreement,
    preference_alpha,
)

# Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability": example B, and example D with its gaps.
TWO_OBSERVERS = ("aabbdcccedda", "babbbccceddd")
FOUR_OBSERVERS = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")


def units(observers):
    return [[value for value in column if value != "."] for column in zip(*observers, strict=True)]


def test_published_example_of_two_observers():
    assert krippendorff_alpha(units(TWO_OBSERVERS)) == pytest.approx(0.692, abs=5e-4)


def test_published_example_of_four_observers_with_gaps():
    assert krippendorff_alpha(units(FOUR_OBSERVERS)) == pytest.approx(0.743, abs=5e-4)


def test_full_agreement_is_1_and_one_value_says_nothing():
    assert krippendorff_alpha(["aa", "bb"]) == 1.0
    assert krippendorff_alpha(["aa", "aa"]) is None


def test_without_two_answers_to_anything_there_is_no_alpha():
    assert krippendorff_alpha([]) is None and krippendorff_alpha(["a", "b"]) is None
    assert preference_alpha([[FIRST]]) is None and percent_agreement(["a"]) is None


def test_alpha_of_preferences_takes_a_common_taste_for_agreement():
    assert preference_alpha([[FIRST] * 3] * 10) == pytest.approx(1.0)
    assert krippendorff_alpha([[FIRST] * 3] * 10) is None


def test_alpha_of_preferences_doesnt_depend_on_what_is_called_first():
    random = Random(0)
    judged = [[random.choice((FIRST, SECOND, EQUAL)) for _ in range(4)] for _ in range(20)]
    swap = {FIRST: SECOND, SECOND: FIRST, EQUAL: EQUAL}
    turned = [[swap[answer] for answer in unit] if random.random() < 0.5 else unit for unit in judged]
    assert preference_alpha(turned) == pytest.approx(preference_alpha(judged))


def test_alpha_of_guessing_is_near_0():
    random = Random(1)
    guessed = [[random.choice((FIRST, SECOND)) for _ in range(8)] for _ in range(400)]
    assert abs(preference_alpha(guessed)) < 0.03


def test_alpha_of_balanced_preferences_is_plain_alpha():
    judged = [[FIRST, FIRST, SECOND], [SECOND, SECOND, FIRST], [FIRST] * 3, [SECOND] * 3]
    assert preference_alpha(judged) == pytest.approx(krippendorff_alpha(judged))


def test_two_people_who_always_differ_disagree_more_than_chance():
    assert preference_alpha([[FIRST, SECOND]] * 10) < -0.8


def test_percent_agreement_counts_pairs_of_raters():
    assert percent_agreement(["aab", "bb"]) == pytest.approx((1 + 1) / (3 + 1))


def test_dissent_is_the_chance_that_two_differ():
    assert dissent("aabb") == pytest.approx(4 / 6)
    assert dissent("a") == 0.0 and dissent("aaa") == 0.0
