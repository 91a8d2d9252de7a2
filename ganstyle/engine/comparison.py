"""Scores of several runs, models or folders side by side: who is best, and whether that is more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageFont

from ganstyle.engine.charts import COLOURS, FAINT, GRID, PAPER, Axis, Label, Line, drawn, short, svg_of
from ganstyle.engine.scores import Score

WIDTH, TOP, ROW, BOTTOM = 620, 40, 26, 34
MOST_NAME = 220  # pixels of a name before it is cut
PAGE_COLUMNS = 2


@dataclass(frozen=True)
class Comparison:
    """Scores of several things.

    Attributes:
        names: of the things, each once.
        scores: of each, in the same order.
    """

    names: tuple[str, ...]
    scores: tuple[tuple[Score, ...], ...]

    @property
    def keys(self) -> list[str]:
        """Keys of values, in the order of their first appearance."""
        return list(dict.fromkeys(score.key for found in self.scores for score in found if score.value is not None))

    def values(self, key: str) -> list[Score | None]:
        """Return the score of each thing under a key; None where there is no value."""
        rows = [{score.key: score for score in found if score.value is not None} for found in self.scores]
        return [row.get(key) for row in rows]

    def best(self, key: str) -> set[int]:
        """Return the places of the best value under a key, and of those that can't be told from it.

        Two values can't be told apart if both have an interval and the intervals overlap. A lone value is no winner.
        """
        found = [(place, score) for place, score in enumerate(self.values(key)) if score is not None]
        if len(found) < 2:
            return set()
        sign = 1 if found[0][1].higher_is_better else -1
        winner = max((score for _, score in found), key=lambda score: sign * (score.value or 0.0))
        return {place for place, score in found if score.value == winner.value or _overlap(score, winner)}

    def warnings(self) -> list[str]:
        """Return what makes things hard to compare, in plain words."""
        said = []
        for key in self.keys:
            found = [score for score in self.values(key) if score is not None]
            counts = {(score.n_fake, score.n_real) for score in found}
            if len(counts) > 1:
                text = ", ".join(sorted(f"{fake:,}" + (f" / {real:,}" if real else "") for fake, real in counts))
                said.append(f"{key}: unequal counts ({text}); compare equal counts only, see --count")
            if len({score.weights_sha256 for score in found}) > 1:
                said.append(f"{key}: different weights; the values don't compare")
        return said


def _overlap(one: Score, other: Score) -> bool:
    if one.interval is None or other.interval is None:
        return False
    return one.interval[0] <= other.interval[1] and other.interval[0] <= one.interval[1]


def short_names(places: Sequence[str]) -> tuple[str, ...]:
    """Return the last parts of places, as many as are needed to tell them apart, each name once."""
    for parts in range(1, 5):
        names = ["/".join(Path(place).parts[-parts:]) or place for place in places]
        if len(set(names)) == len(names):
            return tuple(names)
    return tuple(f"{place} ({number})" for number, place in enumerate(places, 1))


def panel(comparison: Comparison, key: str) -> tuple[list[Line | Label], tuple[int, int]]:
    """Place a panel: a dot with its interval for each thing, under one key.

    Returns:
        The parts, and width and height in pixels.
    """
    scores, best = comparison.values(key), comparison.best(key)
    size = (WIDTH, TOP + ROW * len(scores) + BOTTOM)
    left, right, bottom = _left(comparison.names), WIDTH - 80, size[1] - BOTTOM + 4
    axis = _axis([score for score in scores if score is not None])
    direction = "higher is better" if any(s.higher_is_better for s in scores if s) else "lower is better"
    parts: list[Line | Label] = [Label((16, 18), key, size=14), Label((WIDTH - 16, 18), direction, "end", 11, FAINT)]
    for value in axis.ticks(4):
        x = left + (right - left) * axis.place(value)
        parts += [Line(((x, TOP), (x, bottom)), GRID, 1), Label((x, bottom + 12), short(value), "middle", 11, FAINT)]
    for place, (name, score) in enumerate(zip(comparison.names, scores, strict=True)):
        y = TOP + ROW * (place + 0.5)
        parts.append(Label((left - 12, y), _cut(name), "end", 12))
        parts += _marked(score, axis, (left, right, y), colour=COLOURS[0] if place in best or not best else FAINT)
    return parts, size


def _marked(score: Score | None, axis: Axis, frame: tuple[float, float, float], *, colour: str) -> list[Line | Label]:
    left, right, y = frame
    if score is None or score.value is None:
        return [Label((left + 4, y), "no value", size=11, colour=FAINT)]

    def place(value: float) -> float:
        return left + (right - left) * axis.place(value)

    parts: list[Line | Label] = []
    if score.interval is not None:
        low, high = (place(end) for end in score.interval)
        parts.append(Line(((low, y), (high, y)), colour, 3))
    x = place(score.value)
    parts += [Line(((x, y - 6), (x, y + 6)), colour, 4)]
    return [*parts, Label((WIDTH - 16, y), f"{score.value:.4g}", "end", 12, colour)]


def _axis(scores: Sequence[Score]) -> Axis:
    ends = [end for score in scores for end in (*(score.interval or ()), score.value) if end is not None]
    finite = [end for end in ends if abs(end) < float("inf")] or [0.0, 1.0]
    low, high = min(finite), max(finite)
    margin = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    return Axis(low - margin, high + margin)


def _left(names: Sequence[str]) -> float:
    font = ImageFont.load_default(12)
    return 36 + min(MOST_NAME, max(font.getlength(_cut(name)) for name in names))


def _cut(name: str) -> str:
    font = ImageFont.load_default(12)
    while len(name) > 4 and font.getlength(name) > MOST_NAME:
        name = "..." + name.removeprefix("...")[1:]
    return name


def plot(comparison: Comparison) -> Image.Image:
    """Draw all panels on one page; at least one key must have a value."""
    panels = [drawn(*panel(comparison, key)) for key in comparison.keys]
    columns = min(PAGE_COLUMNS, len(panels))
    height = panels[0].height
    page = Image.new("RGB", (columns * WIDTH, -(-len(panels) // columns) * height), PAPER)
    for index, one in enumerate(panels):
        page.paste(one, (index % columns * WIDTH, index // columns * height))
    return page


def svgs(comparison: Comparison) -> list[str]:
    """Return each panel as an SVG element."""
    return [svg_of(parts, key, size) for key in comparison.keys for parts, size in [panel(comparison, key)]]
