"""Line charts without a plotting library: laid out once, then written as SVG or drawn with Pillow."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from PIL import Image, ImageDraw, ImageFont

Point = tuple[float, float]
PAPER, INK, FAINT, GRID = "#faf9f6", "#3a3836", "#8a8782", "#e4e1da"
COLOURS = ("#2a6fa8", "#c8553d", "#3f8f5b", "#8a5aa8", "#b8860b", "#4d4a46")
SIZE = (620, 300)  # of one chart, in units that are pixels in the PNG
FRAME = (62, 34, 604, 262)  # left, top, right, bottom of the plotted area
MOST_POINTS = 400
MOST_UNSMOOTHED = 25
SMOOTHED_SHARE = 0.03  # of a curve, on each side of a point of the strong line


@dataclass(frozen=True)
class Series:
    """One curve.

    Attributes:
        name: in the legend.
        points: (x, y), finite, in order of x.
    """

    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Chart:
    """Curves on one pair of axes.

    Attributes:
        title: what y is.
        series: at least one, each with at least one point.
        across: what x is.
    """

    title: str
    series: tuple[Series, ...]
    across: str = "images"


@dataclass(frozen=True)
class Axis:
    """From numbers to places: 0 at `low`, 1 at `high`.

    Attributes:
        low: smallest number; positive on a logarithmic axis.
        high: largest number, above `low`.
        log: logarithmic.
    """

    low: float
    high: float
    log: bool = False

    def place(self, value: float) -> float:
        """Return where a number lies; outside the axis it is at its end."""
        value = min(max(value, self.low), self.high)
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self, count: int = 5) -> list[float]:
        """Return at most about `count` round numbers on the axis."""
        if self.log:
            return _log_ticks(self.low, self.high)
        step = _round_step((self.high - self.low) / count)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]


@dataclass(frozen=True)
class Line:
    """A polygonal line in a chart."""

    points: tuple[Point, ...]
    colour: str
    width: float


@dataclass(frozen=True)
class Label:
    """A text in a chart; `anchor` is start, middle or end, y its middle."""

    at: Point
    text: str
    anchor: str = "start"
    size: int = 12
    colour: str = INK


def axis_over(values: Sequence[float]) -> Axis:
    """Return the axis for some numbers: logarithmic where they are positive and their bulk spans a factor of 30."""
    ranked = sorted(values)
    low, high = ranked[0], ranked[-1]
    usual_low, usual_high = ranked[len(ranked) // 20], ranked[-1 - len(ranked) // 20]
    if low > 0 and usual_high / usual_low > 30:
        return Axis(low, high, log=True)
    margin = 0.04 * (high - low) or 0.1 * abs(high) or 1.0
    return Axis(low - margin, high + margin)


def thinned(points: Sequence[Point], most: int = MOST_POINTS) -> tuple[Point, ...]:
    """Return at most `most` points: means over equal stretches of the sequence."""
    if len(points) <= most:
        return tuple(points)
    bounds = [round(index * len(points) / most) for index in range(most + 1)]
    groups = [points[start:end] for start, end in pairwise(bounds)]
    return tuple((fmean(x for x, _ in group), fmean(y for _, y in group)) for group in groups)


def smoothed(points: Sequence[Point], share: float = SMOOTHED_SHARE) -> tuple[Point, ...]:
    """Return the points with y averaged over that share of them on each side, as far as there are any."""
    reach = max(1, round(share * len(points)))
    sums = [0.0]
    for _, y in points:
        sums.append(sums[-1] + y)
    found = []
    for index, (x, _) in enumerate(points):
        start, end = max(0, index - reach), min(len(points), index + reach + 1)
        found.append((x, (sums[end] - sums[start]) / (end - start)))
    return tuple(found)


def short(value: float) -> str:
    """Return a number for an axis.

    >>> [short(v) for v in (0, 0.25, 20000, 1_500_000, 0.0001)]
    ['0', '0.25', '20k', '1.5M', '1e-04']
    """
    for limit, unit in ((1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            return f"{value / (1000 if unit == 'k' else limit):.4g}{unit}"
    return f"{value:.0e}" if 0 < abs(value) < 1e-3 else f"{value:.4g}"


def layout(chart: Chart) -> list[Line | Label]:
    """Place everything of a chart in SIZE: grid, curves (raw behind, smoothed in front), ticks, title, legend."""
    curves = [thinned(series.points) for series in chart.series]
    xs, ys = ([point[index] for curve in curves for point in curve] for index in (0, 1))
    across = Axis(min(xs), max(xs)) if max(xs) > min(xs) else Axis(min(xs) - 1, max(xs) + 1)
    up = axis_over(ys)
    title = Label((FRAME[0], 16), chart.title, size=14)
    below = Label((FRAME[2], SIZE[1] - 9), chart.across, "end", 11, FAINT)
    found: list[Line | Label] = [*_grid(across, up), title, below]
    for colour, curve in zip(_colours(len(curves)), curves):
        places = _placed(curve, across, up)
        if len(curve) > MOST_UNSMOOTHED:
            found.append(Line(places, _pale(colour), 1))
            places = smoothed(places)  # of places: on a logarithmic axis this is the geometric mean
        found.append(Line(places, colour, 2))
    return found + _legend([series.name for series in chart.series])


def svg(chart: Chart) -> str:
    """Return a chart as one SVG element: no script, no reference to anything outside."""
    return svg_of(layout(chart), chart.title)


def svg_of(parts: Sequence[Line | Label], title: str, size: tuple[int, int] = SIZE) -> str:
    """Return placed parts as one SVG element; the title is read out by screen readers."""
    width, height = size
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'font-family="sans-serif"><title>{html.escape(title)}</title>{"".join(map(_svg_part, parts))}</svg>'
    )


def picture(charts: Sequence[Chart], *, columns: int = 2) -> Image.Image:
    """Draw charts side by side on one page; at least one."""
    columns = min(columns, len(charts))
    rows = -(-len(charts) // columns)
    page = Image.new("RGB", (columns * SIZE[0], rows * SIZE[1]), PAPER)
    for index, chart in enumerate(charts):
        row, column = divmod(index, columns)
        page.paste(drawn(layout(chart)), (column * SIZE[0], row * SIZE[1]))
    return page


def drawn(parts: Sequence[Line | Label], size: tuple[int, int] = SIZE, *, finer: int = 2) -> Image.Image:
    """Draw placed parts, larger, and shrink the picture: Pillow's lines have hard edges."""
    canvas = Image.new("RGB", (size[0] * finer, size[1] * finer), PAPER)
    draw = ImageDraw.Draw(canvas)
    for part in parts:
        if isinstance(part, Line):
            points = [(x * finer, y * finer) for x, y in part.points]
            points = points * 2 if len(points) == 1 else points
            draw.line(points, part.colour, round(part.width * finer), joint="curve")
            _dot(draw, points, part) if len(part.points) == 1 else None
        else:
            at = (part.at[0] * finer, part.at[1] * finer)
            anchor = {"start": "lm", "middle": "mm", "end": "rm"}[part.anchor]
            draw.text(at, part.text, part.colour, ImageFont.load_default(part.size * finer), anchor)
    return canvas.resize(size, Image.Resampling.LANCZOS)


def _dot(draw: ImageDraw.ImageDraw, points: list[Point], part: Line) -> None:
    draw.circle(points[0], 3 * part.width, part.colour)


def _svg_part(part: Line | Label) -> str:
    if isinstance(part, Label):
        x, y = part.at
        text = html.escape(part.text)
        return (
            f'<text x="{x:.1f}" y="{y + part.size * 0.35:.1f}" font-size="{part.size}" fill="{part.colour}" '
            f'text-anchor="{part.anchor}">{text}</text>'
        )
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in part.points)
    return (
        f'<polyline points="{points}" fill="none" stroke="{part.colour}" stroke-width="{part.width:g}" '
        'stroke-linejoin="round" stroke-linecap="round"/>'
    )


def _placed(curve: Iterable[Point], across: Axis, up: Axis) -> tuple[Point, ...]:
    left, top, right, bottom = FRAME
    return tuple((left + (right - left) * across.place(x), bottom - (bottom - top) * up.place(y)) for x, y in curve)


def _grid(across: Axis, up: Axis) -> list[Line | Label]:
    left, top, right, bottom = FRAME
    parts: list[Line | Label] = []
    for value in up.ticks():
        y = bottom - (bottom - top) * up.place(value)
        parts += [Line(((left, y), (right, y)), GRID, 1), Label((left - 8, y), short(value), "end", 11, FAINT)]
    for value in across.ticks():
        x = left + (right - left) * across.place(value)
        parts += [Line(((x, bottom), (x, bottom + 4)), FAINT, 1)]
        parts += [Label((x, bottom + 14), short(value), "middle", 11, FAINT)]
    axis = Line(((left, top), (left, bottom), (right, bottom)), FAINT, 1)
    return [*parts, axis]


def _legend(names: Sequence[str]) -> list[Line | Label]:
    parts: list[Line | Label] = []
    x, y = float(FRAME[0]), SIZE[1] - 9
    for colour, name in zip(_colours(len(names)), names):
        parts += [Line(((x, y), (x + 16, y)), colour, 3), Label((x + 22, y), name)]
        x += 40 + ImageFont.load_default(12).getlength(name)
    return parts


def _colours(count: int) -> list[str]:
    return [COLOURS[index % len(COLOURS)] for index in range(count)]


def _pale(colour: str) -> str:
    mixed = (round(int(colour[at : at + 2], 16) * 0.3 + 248 * 0.7) for at in (1, 3, 5))
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= 0.75 * rough)


def _log_ticks(low: float, high: float) -> list[float]:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    factors = (1, 2, 5) if last - first <= 3 else (1,)
    every = max(1, (last - first) // 6)
    found = [factor * 10.0**power for power in range(first, last + 1, every) for factor in factors]
    return [value for value in found if low <= value <= high]
