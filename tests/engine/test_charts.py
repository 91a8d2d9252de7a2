"""Axes have round ticks in the right places, smoothing keeps trends, and both renderings show what the data say."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from ganstyle.engine.charts import (
    COLOURS,
    FRAME,
    MOST_POINTS,
    SIZE,
    Axis,
    Chart,
    Label,
    Line,
    Series,
    axis_over,
    layout,
    picture,
    smoothed,
    svg,
    thinned,
)

LINEAR = Chart("losses", (Series("D", ((0.0, 0.0), (50.0, 1.0), (100.0, 2.0))),))


def lines(chart, colour):
    return [part for part in layout(chart) if isinstance(part, Line) and part.colour == colour]


def test_a_linear_axis_has_round_ticks_inside():
    assert Axis(0, 10).ticks() == [0, 2, 4, 6, 8, 10]
    assert Axis(-0.3, 0.72).ticks() == pytest.approx([-0.2, 0, 0.2, 0.4, 0.6])


def test_a_logarithmic_axis_has_a_tick_for_each_decade_and_the_middle_of_two_is_half_way():
    axis = Axis(0.001, 10, log=True)
    assert axis.ticks() == pytest.approx([0.001, 0.01, 0.1, 1, 10])
    assert axis.place(0.1) == pytest.approx(0.5)


def test_values_outside_an_axis_lie_at_its_ends():
    assert (Axis(1, 2).place(-5), Axis(1, 2).place(9), Axis(1, 8, log=True).place(0)) == (0, 1, 0)


@pytest.mark.parametrize(
    ("values", "log"),
    [([1, 10, 100, 1000], True), ([0, 10, 100, 1000], False), ([1, 2, 3], False), ([1] * 99 + [1000], False)],
)
def test_an_axis_is_logarithmic_where_the_bulk_of_positive_numbers_spans_decades(values, log):
    assert axis_over(values).log is log


def test_a_constant_curve_has_an_axis_around_it():
    axis = axis_over([3.0, 3.0])
    assert axis.low < 3 < axis.high and axis_over([0.0]).high > 0


def test_smoothing_keeps_a_straight_line_and_flattens_noise():
    straight = [(float(x), 2.0 * x) for x in range(100)]
    assert dict(smoothed(straight, 0.1)[10:-10]) == pytest.approx(dict(straight[10:-10]))
    noise = [(float(x), float(x % 2)) for x in range(100)]
    assert max(abs(y - 0.5) for _, y in smoothed(noise, 0.1)[10:-10]) < 0.1


def test_thinning_takes_means_of_equal_stretches():
    points = [(float(x), float(x % 4)) for x in range(4 * MOST_POINTS)]
    thin = thinned(points)
    assert len(thin) == MOST_POINTS and thin[0] == (1.5, 1.5) and thin[-1] == (4 * MOST_POINTS - 2.5, 1.5)
    assert thinned(points[:10]) == tuple(points[:10])


def test_a_curve_runs_from_corner_to_corner_of_the_frame():
    (curve,) = lines(LINEAR, COLOURS[0])[:1]
    (x0, y0), (x1, y1), (x2, y2) = curve.points
    left, top, right, bottom = FRAME
    assert (x0, x2) == (left, right) and y0 > y1 > y2 and (y0 + y2) / 2 == pytest.approx(y1)
    assert (x1, y1) == pytest.approx(((left + right) / 2, (top + bottom) / 2))


def test_a_long_curve_shows_the_raw_one_behind_the_smoothed():
    noisy = Chart("x", (Series("D", tuple((float(i), float(i % 2)) for i in range(200))),))
    parts = [part for part in layout(noisy) if isinstance(part, Line) and len(part.points) == 200]
    spans = [max(y for _, y in part.points) - min(y for _, y in part.points) for part in parts]
    assert len(parts) == 2 and spans[0] > 5 * spans[1] and parts[0].width < parts[1].width


def test_title_legend_and_unit_are_there_and_nothing_lies_outside():
    texts = {part.text: part.at for part in layout(LINEAR) if isinstance(part, Label)}
    assert {"losses", "D", "images", "100", "2"} <= set(texts)
    assert all(0 <= x <= SIZE[0] and 0 <= y <= SIZE[1] for x, y in texts.values())


def test_the_svg_is_well_formed_and_names_are_text_only():
    root = ElementTree.fromstring(svg(Chart("<b>&", (Series('"><script>', ((0.0, 1.0), (1.0, 2.0))),))))
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags == {"svg", "title", "text", "polyline"}
    assert '"><script>' in [element.text for element in root.iter()]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_picture_holds_every_chart_in_its_colours(count):
    page = np.asarray(picture([LINEAR] * count))
    assert page.shape == (SIZE[1] * -(-count // 2), SIZE[0] * min(count, 2), 3)
    blue = np.array([int(COLOURS[0][at : at + 2], 16) for at in (1, 3, 5)])
    rows, columns = np.nonzero((np.abs(page.astype(int) - blue) < 12).all(2))
    assert len({(row // SIZE[1], column // SIZE[0]) for row, column in zip(rows, columns)}) == count


def test_a_single_point_is_drawn_as_a_dot():
    page = np.asarray(picture([Chart("score", (Series("fid", ((10.0, 5.0),)),))]))
    middle = page[(FRAME[1] + FRAME[3]) // 2, (FRAME[0] + FRAME[2]) // 2]
    assert middle.astype(int) == pytest.approx([int(COLOURS[0][at : at + 2], 16) for at in (1, 3, 5)], abs=12)
