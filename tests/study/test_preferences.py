"""Bradley-Terry scores against closed forms and an independent optimiser; intervals against simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import t

from ganstyle.study.preferences import (
    bradley_terry,
    regularised,
    scores_with_intervals,
    student_quantile,
    wilson_interval,
)


def table(*rows):
    return np.array(rows, dtype=float)


def by_likelihood(wins):
    """The scores of greatest likelihood, found by another method from the definition."""

    def loss(scores):
        odds = scores[:, None] - scores[None, :]
        return np.sum(wins * np.logaddexp(0, -odds))

    found = minimize(loss, np.zeros(len(wins)), method="BFGS", options={"gtol": 1e-9}).x
    return found - found.mean()


def test_two_methods_differ_by_the_log_odds():
    scores, needed = bradley_terry(table([0, 30], [10, 0]))
    assert scores[0] - scores[1] == pytest.approx(np.log(3), abs=1e-9) and not needed


def test_ties_as_half_wins_draw_scores_together():
    without, _ = bradley_terry(table([0, 8], [2, 0]))
    with_ties, _ = bradley_terry(table([0, 8 + 5], [2 + 5, 0]))
    assert with_ties[0] - with_ties[1] == pytest.approx(np.log(13 / 7))
    assert with_ties[0] < without[0]


@pytest.mark.parametrize("seed", range(5))
def test_scores_are_those_of_greatest_likelihood(seed):
    wins = np.random.default_rng(seed).integers(1, 30, (5, 5)) * (1 - np.eye(5))
    scores, _ = bradley_terry(wins)
    np.testing.assert_allclose(scores, by_likelihood(wins), atol=2e-6)


def test_methods_that_never_met_are_compared_by_way_of_others():
    wins = table([0, 3, 0], [1, 0, 3], [0, 1, 0])
    scores, needed = bradley_terry(wins)
    np.testing.assert_allclose(scores, [np.log(3), 0, -np.log(3)], atol=1e-8)
    assert not needed


def test_a_method_that_never_wins_gets_a_finite_score_by_the_prior():
    scores, needed = bradley_terry(table([0, 10], [0, 0]))
    assert needed and scores[0] - scores[1] == pytest.approx(np.log(10.5 / 0.5))


def test_a_group_that_always_loses_to_another_needs_the_prior():
    wins = table([0, 1, 5], [1, 0, 5], [0, 0, 0])
    assert bradley_terry(wins)[1] and np.isfinite(bradley_terry(wins)[0]).all()
    wins[2, 0] = 1
    assert not bradley_terry(wins)[1]


def test_extreme_tables_converge():
    wins = table([0, 10_000, 1], [1, 0, 10_000], [1, 1, 0])
    np.testing.assert_allclose(bradley_terry(wins)[0], by_likelihood(wins), atol=1e-4)


def test_many_tables_at_once_are_those_one_by_one():
    tables = np.random.default_rng(0).integers(0, 5, (20, 4, 4)).astype(float)
    together, needs = bradley_terry(tables)
    for index, wins in enumerate(tables):
        alone, need = bradley_terry(wins)
        np.testing.assert_allclose(together[index], alone, atol=1e-8)
        assert needs[index] == need


def test_order_of_methods_doesnt_matter():
    wins = np.random.default_rng(3).integers(1, 9, (4, 4)).astype(float)
    order = [2, 0, 3, 1]
    np.testing.assert_allclose(bradley_terry(wins[np.ix_(order, order)])[0], bradley_terry(wins)[0][order], atol=1e-9)


def test_the_diagonal_is_ignored():
    wins, _ = regularised(table([7, 2], [3, 9]))
    np.testing.assert_array_equal(wins, table([0, 2], [3, 0]))


def raters(shares, votes=20):
    return np.array([table([0, share * votes], [(1 - share) * votes, 0]) for share in shares])


def test_one_rater_has_scores_and_no_interval():
    found = scores_with_intervals(raters([0.75]), np.random.default_rng(0))
    assert np.isfinite(found.score).all() and np.isnan(found.half_width).all() and not found.differ(0, 1)


def test_interval_of_two_methods_is_students_of_the_raters_log_odds():
    # With equal and balanced votes the score is the log odds of the mean share; its spread follows from that of shares.
    shares = np.random.default_rng(1).normal(0.6, 0.1, 40).clip(0.2, 0.9)
    found = scores_with_intervals(raters(shares, 200), np.random.default_rng(0), resamples=4000)
    mean = shares.mean()
    expected = t.ppf(0.975, 39) * shares.std(ddof=1) / np.sqrt(40) / (mean * (1 - mean))
    assert found.difference_half_width[0, 1] == pytest.approx(expected, rel=0.06)


def test_raters_who_all_agree_dont_make_an_interval_of_no_width():
    found = scores_with_intervals(raters([0.75] * 8), np.random.default_rng(0))
    independent = 1.96 * np.sqrt(1 / (160 * 0.75 * 0.25))  # the delta method, all 160 votes independent
    assert found.difference_half_width[0, 1] == pytest.approx(independent, rel=1e-6)


def test_chance_of_one_against_the_other_is_the_share_of_wins():
    found = scores_with_intervals(raters([0.7, 0.8, 0.6, 0.7]), np.random.default_rng(0))
    middle, low, high = found.chance(0, 1)
    assert middle == pytest.approx(0.7) and low < 0.7 < high
    assert found.chance(1, 0)[0] == pytest.approx(0.3)


def test_methods_never_compared_are_said_to_be_unconnected():
    wins = np.zeros((2, 4, 4))
    wins[:, 0, 1] = wins[:, 1, 0] = wins[:, 2, 3] = wins[:, 3, 2] = 3
    found = scores_with_intervals(wins, np.random.default_rng(0))
    assert not found.connected and found.regularised


def test_equal_seeds_give_equal_intervals():
    one, other = (scores_with_intervals(raters([0.5, 0.7, 0.9]), np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(one.half_width, other.half_width)


def test_student_quantile_of_many_degrees_is_normal():
    assert student_quantile(10**7) == pytest.approx(1.959964, abs=1e-5)
    assert student_quantile(1) == pytest.approx(12.706, abs=1e-3)


def test_wilson_interval_of_a_published_example():
    # Newcombe 1998, table I, method 3: 81 of 263 gives 0.2553 to 0.3662; 0 of 20 gives 0 to 0.1611.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


def simulated(random, *, people, votes, methods, spread):
    """Votes of people whose tastes scatter around true scores."""
    truth = np.linspace(0.6, -0.6, methods)
    tables = np.zeros((people, methods, methods))
    for rater in range(people):
        taste = truth + random.normal(0, spread, methods)
        for _ in range(votes):
            one, other = random.choice(methods, 2, replace=False)
            first = random.random() < 1 / (1 + np.exp(taste[other] - taste[one]))
            tables[(rater, one, other) if first else (rater, other, one)] += 1
    return tables


def true_difference(*, methods, spread, size=40_000):
    """What infinitely many people would give: the scores of greatest likelihood for their mean chances."""
    random = np.random.default_rng(99)
    taste = np.linspace(0.6, -0.6, methods) + random.normal(0, spread, (size, methods))
    chances = (1 / (1 + np.exp(taste[:, None, :] - taste[:, :, None]))).mean(0)
    return by_likelihood(chances * (1 - np.eye(methods)))


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("people", "methods", "spread"), [(5, 2, 0.5), (12, 2, 1.0), (12, 4, 0.5), (30, 3, 0.0)])
def test_intervals_cover_the_truth_in_at_least_92_of_100_studies(people, methods, spread):
    truth = true_difference(methods=methods, spread=spread)
    random = np.random.default_rng(people)
    covered = 0
    for _ in range(300):
        tables = simulated(random, people=people, votes=24, methods=methods, spread=spread)
        found = scores_with_intervals(tables, random, resamples=300)
        covered += abs(found.score[0] - found.score[-1] - (truth[0] - truth[-1])) <= found.difference_half_width[0, -1]
    assert covered >= 0.92 * 300, covered
