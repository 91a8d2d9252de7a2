"""Alarms come when a training has gone wrong, once, and never in a healthy one."""

from __future__ import annotations

import json

import pytest

from ganstyle.engine.collapse import CollapseRules, remedies


def diversities(values, *, rules=None, fraction=0.5):
    """Return which readings raised an alarm."""
    rules = rules or CollapseRules()
    return [rules.see_diversity(value, fraction=fraction) is not None for value in values]


def accuracies(values, *, rules=None, share=0.001):
    rules = rules or CollapseRules()
    return [rules.see_accuracy(value, fraction=share * index) is not None for index, value in enumerate(values)]


def test_a_generator_that_was_varied_and_falls_below_a_quarter_raises_one_alarm():
    assert diversities([0.1, 0.45, 0.35, 0.24, 0.23, 0.1, 0.05]) == [False] * 4 + [True] + [False] * 2


def test_a_variety_that_halves_within_five_readings_raises_an_alarm_if_it_is_low_as_well():
    assert diversities([0.9, 0.8, 0.6, 0.5, 0.44]) == [False] * 4 + [True]
    assert not any(diversities([1.4, 0.6]))


def test_a_generator_that_never_began_alarms_only_after_a_fifth_of_the_budget():
    assert not any(diversities([0.02] * 10, fraction=0.1))
    assert diversities([0.02] * 6, fraction=0.3) == [False] * 4 + [True, False]


def test_an_alarm_is_armed_again_by_recovery():
    assert diversities([0.6, 0.2, 0.2, 0.6, 0.6, 0.2]) == [False, True, False, False, False, True]


def test_the_message_names_the_share_and_what_it_was():
    rules = CollapseRules()
    found = [rules.see_diversity(value, fraction=0.5) for value in (0.62, 0.04)]
    assert "only 4% of what real ones do (it was 62%" in found[1].message and found[1].kind == "collapse"


def test_a_discriminator_that_wins_for_a_tenth_of_the_budget_raises_one_alarm():
    raised = accuracies([1.0] * 200)
    assert raised.index(True) == pytest.approx(24 + 100, abs=1) and sum(raised) == 1


@pytest.mark.parametrize(
    "values",
    [
        [0.9] * 400,
        [1.0] * 90 + [0.5] * 25 + [1.0] * 90,  # it wins early, and again late, but never for long
        [1.0, 0.85] * 200,
    ],
)
def test_a_discriminator_that_is_good_or_wins_for_a_while_raises_none(values):
    assert not any(accuracies(values))


def test_three_scores_twice_as_bad_as_the_best_raise_an_alarm_in_either_direction():
    lower, higher = CollapseRules(), CollapseRules()
    assert [bool(lower.see_score(value)) for value in (10, 8, 17, 16, 30)] == [False] * 4 + [True]
    found = [bool(higher.see_score(value, higher_is_better=True)) for value in (2, 4, 1.9, 2, 1)]
    assert found == [False] * 4 + [True]


def test_scores_that_get_better_or_waver_raise_none():
    rules = CollapseRules()
    assert not any(rules.see_score(value) for value in (90, 50, 110, 120, 40, 41, 81, 60, 0.0, -1.0, 5.0))


def stalls(scores, *, accuracy=1.0, higher=False):
    """Return which scores raised an alarm of a stall, with D at an accuracy."""
    rules = CollapseRules(accuracy=accuracy, lines=100)
    found = [rules.see_score(value, higher_is_better=higher) for value in scores]
    return [alarm is not None and alarm.kind == "stall" for alarm in found]


def test_scores_that_stand_still_while_d_wins_are_a_stall_again_after_as_many_more():
    assert stalls([50.0, 49.8, 50.1, 49.7, 49.9, 49.8, 50.0, 50, 50, 50, 50]) == [False] * 5 + [True] + [False] * 4 + [
        True
    ]
    assert stalls([2.0, 2.01, 1.9, 1.9, 2.0, 1.5], higher=True)[-1]


def test_scores_that_improve_by_a_hundredth_or_a_d_that_does_not_win_are_no_stall():
    assert not any(stalls([50.0 * 0.98**n for n in range(20)]))
    assert not any(stalls([50.0] * 20, accuracy=0.9))
    fresh = CollapseRules(accuracy=1.0, lines=3)
    assert not any(fresh.see_score(50.0) for _ in range(20))


def test_the_rules_go_to_json_and_back_in_the_middle_of_an_alarm():
    whole, halved = CollapseRules(), CollapseRules()
    values = [0.6, 0.5, 0.2, 0.2, 0.2]
    expected = diversities(values, rules=whole)
    first = diversities(values[:3], rules=halved)
    resumed = CollapseRules.restored(json.loads(json.dumps(vars(halved))) | {"of_a_later_version": 1})
    assert first + diversities(values[3:], rules=resumed) == expected and vars(resumed) == vars(whole)


def test_remedies_are_options_of_this_configuration():
    config = {"regularizer": {"r1": {"gamma": 0.5, "every": 16}, "lecam": {"weight": 1.0}}}
    assert "--set regularizer.r1.gamma=1)" in remedies("discriminator_wins", config)
    assert "ada" in remedies("discriminator_wins", config)
    assert "regularizer=[" in remedies("collapse", {"regularizer": {}})
    assert "train.on_collapse=rollback" in remedies("collapse", {})
