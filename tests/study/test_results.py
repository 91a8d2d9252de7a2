"""What is said of votes made up so that the answer is known."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from small_studies import design_of, rater_of, rater_of_taste

from ganstyle.study.results import result_of, summary_of, table_of

STUDY = "0" * 16


def of(design, *raters, **options):
    return result_of(STUDY, design, raters, **options)


def test_wins_are_counted_by_method_whatever_the_side():
    rater = rater_of([(0, 0, 1, "left"), (1, 1, 0, "right"), (2, 0, 1, "right"), (3, 1, 0, "equal")])
    np.testing.assert_array_equal(table_of(rater, 2), [[0, 2.5], [1.5, 0]])


def test_repeats_and_checks_dont_count_as_votes():
    answers = [(0, 0, 1, "left"), (0, 1, 0, "left", "repeat"), (0, 0, 1, "left", "check")]
    np.testing.assert_array_equal(table_of(rater_of(answers), 2), [[0, 1], [0, 0]])


def test_repeats_are_compared_with_the_first_answer():
    answers = [(0, 0, 1, "left"), (1, 0, 1, "left"), (2, 0, 1, "equal")]
    answers += [(0, 1, 0, "right", "repeat"), (1, 1, 0, "left", "repeat"), (2, 1, 0, "equal", "repeat")]
    summary = summary_of(rater_of(answers))
    assert (summary.repeats, summary.same) == (3, 2)


@pytest.mark.parametrize(("checks", "wrong", "kept"), [(4, 0, True), (4, 1, False), (5, 1, True), (5, 2, False)])
def test_raters_fail_with_more_than_one_wrong_check_in_five(checks, wrong, kept):
    answers = [(0, 0, 1, "right" if index < wrong else "left", "check") for index in range(checks)]
    assert summary_of(rater_of(answers)).kept == kept


def test_no_difference_to_a_damaged_copy_is_wrong():
    assert summary_of(rater_of([(0, 1, 0, "equal", "check")])).wrong == 1


def test_raters_who_fail_are_left_out_and_named():
    design = design_of(checks=3, damaged=3)
    good = rater_of([(0, 0, 1, "left"), (0, 0, 1, "left", "check")], name="Ann")
    bad = rater_of([(0, 0, 1, "right"), (0, 0, 1, "right", "check")], name="Bob")
    result = of(design, good, bad)
    assert result.votes == 1 and result.wins[0, 1] == 1
    assert "1 rater failed the attention checks and is not counted: Bob" in result.notes[0]
    assert "(1 of 1 wrong)" in result.notes[0]


def test_raters_who_fail_can_be_kept():
    bad = rater_of([(0, 0, 1, "right"), (0, 0, 1, "right", "check")], name="Bob")
    result = of(design_of(checks=3, damaged=3), bad, keep_failed=True)
    assert result.votes == 1 and "counted all the same: Bob" in result.notes[0]


def test_one_voter_gets_scores_and_a_clear_word():
    result = of(design_of(), rater_of([(0, 0, 1, "left"), (1, 0, 1, "left"), (2, 0, 1, "right")]))
    assert result.scores.chance(0, 1)[0] == pytest.approx(2 / 3) and np.isnan(result.scores.half_width).all()
    assert result.alpha is None and any(note.startswith("one rater") for note in result.notes)


def test_two_voters_who_differ_make_a_tie():
    votes = [[(item, 0, 1, side) for item in range(6)] for side in ("left", "right")]
    result = of(design_of(), *map(rater_of, votes))
    assert result.scores.score == pytest.approx([0, 0], abs=1e-9) and not result.scores.differ(0, 1)
    assert result.agreement == 0 and result.alpha < 0
    assert any(note.startswith("a tie: m0 and m1") for note in result.notes)


def test_no_votes_say_so():
    for raters in ([], [rater_of([])]):
        result = of(design_of(), *raters)
        assert result.scores is None and result.notes[-1] == "there are no votes to count"


def test_a_clear_taste_is_found_and_its_interval_leaves_out_none():
    random, design = Random(0), design_of(items=20)
    result = of(design, *(rater_of_taste(design, 0.8, random) for _ in range(12)))
    assert result.order == [0, 1] and result.scores.differ(0, 1)
    assert result.scores.chance(0, 1)[0] == pytest.approx(0.8, abs=0.06)


def test_a_toss_of_coins_shows_no_difference_and_no_agreement():
    random, design = Random(1), design_of(items=20)
    result = of(design, *(rater_of_taste(design, 0.5, random) for _ in range(12)))
    assert not result.scores.differ(0, 1) and abs(result.alpha) < 0.1


def test_the_pair_that_divided_people_most_comes_first():
    votes = [[(0, 0, 1, "left"), (1, 0, 1, "left" if number % 2 else "right")] for number in range(4)]
    result = of(design_of(), *map(rater_of, votes))
    assert [pair.unit[0] for pair in result.divided] == [1, 0]
    assert result.divided[0].wins == (2, 2, 0) and result.divided[1].dissent == 0


def test_a_habit_of_one_side_is_noted():
    votes = [[(item, *((0, 1) if item % 2 else (1, 0)), "left") for item in range(6)] for _ in range(4)]
    result = of(design_of(), *map(rater_of, votes))
    assert result.first_share[0] == 1 and "the first (left) picture was chosen more often" in result.notes[-1]


def test_hasty_and_unfinished_raters_are_noted():
    rater = rater_of([(0, 0, 1, "left")], planned=6)
    fast = rater.model_copy(update={"votes": tuple(v.model_copy(update={"ms": 300}) for v in rater.votes)})
    notes = " ".join(of(design_of(), fast, rater_of([(0, 0, 1, "right")])).notes)
    assert "faster than 0.7 s" in notes and "1 rater stopped early" in notes


def test_a_method_that_never_won_is_said_to_need_the_prior():
    result = of(design_of(), *(rater_of([(item, 0, 1, "left") for item in range(6)]) for _ in range(5)))
    assert result.scores.regularised and any("half a win each way" in note for note in result.notes)
    assert np.isfinite(result.scores.half_width).all()


def test_methods_never_compared_are_said():
    result = of(design_of(methods=3), *(rater_of([(0, 0, 1, "left"), (1, 0, 1, "right")]) for _ in range(5)))
    assert not result.scores.connected and any("never compared" in note for note in result.notes)


def test_shares_of_wins_count_ties_half():
    result = of(design_of(), rater_of([(0, 0, 1, "left"), (1, 0, 1, "equal")]))
    assert result.win_share(0) == 0.75 and result.ties == 1
    assert of(design_of(methods=3), rater_of([(0, 0, 1, "left")])).win_share(2) is None
