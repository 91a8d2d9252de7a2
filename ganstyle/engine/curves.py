"""From a run's `scalars.jsonl` to charts: which keys belong on one pair of axes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ganstyle.engine.charts import Chart, Series

PER_CHART = 6
_COUNTS = ("step", "images")
# Told together whatever their phase; everything else of a phase gets a chart of that phase.
_GROUPS: Mapping[str, tuple[str, ...]] = {
    "D's mean logits": ("real_logits", "fake_logits"),
    "D: overfitting (sign, accuracy, p)": ("sign", "accuracy", "ada_p"),
    "gradient norms": ("gradient_norm",),
}
_WATCHED: Mapping[str, str] = {
    "non_finite": "skipped updates",
    "diversity": "variety of the pictures, real ones are 1",
    "nearest_training": "distance to the nearest training picture, theirs is 1, copies are 0",
}

_ENDS: Mapping[str, str] = {"metric": "", "metric_low": "95 % from", "metric_high": "95 % to"}


def charts(lines: Sequence[Mapping[str, Any]]) -> list[Chart]:
    """Return the charts of a log: losses first, then scores, what watches D, norms, the rest, and speed last.

    Args:
        lines: of `read_scalars`, in order; what is no finite number is left out, and a count of
            non-finite values that stayed 0.
    """
    groups: dict[str, list[Series]] = {}
    for key, points in _points(lines).items():
        title, name = _place(key)
        groups.setdefault(title, []).append(Series(name, tuple(points)))
    ranked = sorted(groups.items(), key=lambda item: _rank(item[0]))
    return [
        Chart(title, tuple(series[start : start + PER_CHART]))
        for title, series in ranked
        for start in range(0, len(series), PER_CHART)
    ]


def _points(lines: Sequence[Mapping[str, Any]]) -> dict[str, list[tuple[float, float]]]:
    found: dict[str, list[tuple[float, float]]] = {}
    for line in lines:
        for key, value in line.items():
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if key not in _COUNTS and is_number and math.isfinite(value):
                found.setdefault(key, []).append((line["images"], float(value)))
    return {key: points for key, points in found.items() if key != "non_finite" or any(y for _, y in points)}


def _place(key: str) -> tuple[str, str]:
    """Return the title of a key's chart and its name there."""
    section, _, name = key.partition("/")
    if key == "images_per_second":
        return "images per second", "speed"
    if key in _WATCHED:
        return _WATCHED[key], key
    if not name:
        return "losses", key
    if section in _ENDS:
        return f"metric/{name}", _ENDS[section] or name
    for title, names in _GROUPS.items():
        if name in names:
            return title, section if len(names) == 1 else name
    return section, name


def _rank(title: str) -> tuple[int, str]:
    order = ["losses", "metric/", *_WATCHED.values(), *_GROUPS, ""]
    rank = next(index for index, start in enumerate(order) if title.startswith(start))
    return rank + (title == "images per second"), title
