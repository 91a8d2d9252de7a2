"""Courses of the rate start at one, end where they should, and never leave between."""

from __future__ import annotations

import pytest

from ganstyle.engine.schedules import SCHEDULES, warm_up


@pytest.mark.parametrize(
    ("name", "factors"),
    [("constant", (1.0, 1.0, 1.0, 1.0)), ("cosine", (1.0, 0.55, 0.1, 0.1)), ("linear", (1.0, 0.55, 0.1, 0.1))],
)
def test_a_schedule_falls_from_one_to_the_final_factor_and_stays(name, factors):
    found = [SCHEDULES[name](fraction, 0.1) for fraction in (0.0, 0.5, 1.0, 2.0)]
    assert found == pytest.approx(factors)


def test_a_quarter_of_the_way_the_cosine_is_still_above_the_line():
    assert SCHEDULES["linear"](0.25, 0.0) == pytest.approx(0.75)
    assert SCHEDULES["cosine"](0.25, 0.0) == pytest.approx(0.5 + 0.5**0.5 / 2)


@pytest.mark.parametrize(("images", "factor"), [(25, 0.25), (50, 0.5), (100, 1.0), (1000, 1.0)])
def test_the_rate_warms_up_along_a_line(images, factor):
    assert warm_up(images, 100) == pytest.approx(factor)


def test_without_a_warm_up_the_first_step_has_the_full_rate():
    assert warm_up(1, 0) == 1.0
