"""Who is best, whether that may be chance, and the plot of it."""

from __future__ import annotations

import numpy as np
import pytest

from ganstyle.engine.charts import COLOURS, Label, Line
from ganstyle.engine.comparison import Comparison, panel, plot, short_names, svgs
from ganstyle.engine.scores import Score


def low(value, half=None, **facts):
    interval = None if half is None else (value - half, value + half)
    return Score("fd", "fd_net", value, n_fake=9, n_real=9, interval=interval, **facts)


def high(value):
    return Score("ssim", "ssim_g", value, n_fake=9, higher_is_better=True)


def comparison(**things):
    return Comparison(tuple(things), tuple(tuple(scores) for scores in things.values()))


def test_the_best_follows_the_direction():
    found = comparison(a=[low(3), high(0.5)], b=[low(2), high(0.4)])
    assert found.keys == ["fd_net", "ssim_g"]
    assert (found.best("fd_net"), found.best("ssim_g")) == ({1}, {0})


@pytest.mark.parametrize(("half", "best"), [(0.4, {1}), (0.6, {0, 1})])
def test_values_whose_intervals_overlap_with_the_bests_share_its_mark(half, best):
    assert comparison(a=[low(3, half)], b=[low(2, half)], c=[low(9, half)]).best("fd_net") == best


def test_a_lone_value_is_no_winner_and_missing_ones_are_none():
    found = comparison(a=[low(3)], b=[Score("fd", "fd", error="no weights")])
    assert found.best("fd_net") == set() and found.keys == ["fd_net"]
    assert [score and score.value for score in found.values("fd_net")] == [3, None]


def test_unequal_counts_and_weights_are_warned_of():
    found = comparison(a=[low(1, weights_sha256="x")], b=[Score("fd", "fd_net", 2.0, n_fake=5, n_real=1000)])
    first, second = found.warnings()
    assert first == "fd_net: unequal counts (5 / 1,000, 9 / 9); compare equal counts only, see --count"
    assert second == "fd_net: different weights; the values don't compare"
    assert comparison(a=[low(1)], b=[low(2)]).warnings() == []


def test_names_are_as_short_as_they_can_be():
    assert short_names(["runs/1", "x/runs/2"]) == ("1", "2")
    assert short_names(["a/model", "b/model"]) == ("a/model", "b/model")
    assert short_names(["a", "a"]) == ("a (1)", "a (2)")


def test_a_panel_puts_values_and_intervals_where_they_belong():
    parts, size = panel(comparison(a=[low(0, 1)], b=[low(10, 2)], c=[]), "fd_net")
    strokes = [part for part in parts if isinstance(part, Line) and part.width >= 3]
    spans = [[x for x, _ in stroke.points] for stroke in strokes]
    pixel = (spans[3][0] - spans[1][0]) / 10
    assert spans[0] == pytest.approx([spans[1][0] - pixel, spans[1][0] + pixel])
    assert spans[2] == pytest.approx([spans[3][0] - 2 * pixel, spans[3][0] + 2 * pixel])
    assert [stroke.colour == COLOURS[0] for stroke in strokes] == [True, True, False, False]
    texts = [part.text for part in parts if isinstance(part, Label)]
    assert {"fd_net", "lower is better", "a", "b", "c", "no value", "10"} <= set(texts)
    assert all(0 <= x <= size[0] and 0 <= y <= size[1] for part in strokes for x, y in part.points)


def test_long_names_and_infinite_values_still_fit():
    found = comparison(**{"x" * 200: [low(float("inf"))], "b": [low(1)]})
    page = plot(found)
    assert (np.asarray(page)[:, :5] == np.asarray(page)[0, 0]).all()
    assert "..." in svgs(found)[0]


def test_all_panels_are_on_one_page():
    found = comparison(a=[low(1), high(0.5)], b=[low(2), high(0.6)], c=[low(3), high(0.7)])
    assert plot(found).width == 2 * plot(comparison(a=[low(1)], b=[low(2)], c=[low(3)])).width
    assert len(svgs(found)) == 2
