"""Tables of the comparison of style_quality.py: means, bootstrap intervals over pairs, paired differences, layers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

METHODS = ("photo", "colour", "instant", "broad", "refined", "arbitrary", "nearest", "gatys")
RIVAL = "arbitrary"
JUDGED = {  # name: (heading, is less better; None: neither)
    "style": ("style", True),
    "style_half": ("style, half size", True),
    "content": ("content", True),
    "perceptual": ("perceptual", True),
    "lpips": ("LPIPS", True),
    "patch_frechet": ("patch Fréchet", True),
}
MEASURES = JUDGED | {
    "embedding": ("rival's embedding", True),
    "texture": ("texture", True),
    "palette": ("palette", True),
    "recoloured": ("recolouring", None),
    "edges": ("edges", None),
    "lattice_db": ("lattice, dB", None),
    "border": ("border", None),
    "flat_grain": ("flat grain", None),
}
Rows = Sequence[Mapping[str, Any]]


def interval(values: Sequence[float], *, draws: int = 2000, seed: int = 0) -> tuple[float, float, float]:
    """Return the mean and the bounds of its 95 % bootstrap interval over pairs."""
    array = np.asarray([value for value in values if not np.isnan(value)], dtype=np.float64)
    if not len(array):
        return (float("nan"),) * 3
    chosen = np.random.default_rng(seed).integers(len(array), size=(draws, len(array)))
    low, high = np.percentile(array[chosen].mean(1), [2.5, 97.5])
    return float(array.mean()), float(low), float(high)


def against(rows: Rows, method: str, measure_name: str) -> tuple[tuple[float, float, float], int, int]:
    """Return the paired difference to the rival with its interval, pairs won (less is better), and pairs."""
    by_pair = {(row["photo"], row["work"]): row[measure_name] for row in rows if row["method"] == RIVAL}
    keys = [(row, by_pair.get((row["photo"], row["work"]))) for row in rows if row["method"] == method]
    differences = [row[measure_name] - other for row, other in keys if other is not None]
    return interval(differences), sum(d < 0 for d in differences), len(differences)


def groups(rows: Rows) -> dict[str, Rows]:
    """Return all rows, and by whether training saw the work where both kinds are there."""
    parts = {"never seen": [row for row in rows if not row["seen"]], "seen": [row for row in rows if row["seen"]]}
    return {"all": rows} | (parts if all(parts.values()) else {})


def means(rows: Rows, names: Collection[str] = MEASURES, *, intervals: bool = True) -> str:
    """Return a markdown table of means, a method a column, with their intervals in brackets."""
    methods = _methods(rows)
    counts = [str(sum(row["method"] == method for row in rows)) for method in methods]
    lines = [*_head("measure", methods), "| pairs | " + " | ".join(counts) + " |"]
    for name in _present(rows, names):
        found = [interval([row[name] for row in rows if row["method"] == method and name in row]) for method in methods]
        cells = [f"{m:.3g} ({low:.3g}-{high:.3g})" if intervals else f"{m:.3g}" for m, low, high in found]
        lines.append(f"| {MEASURES[name][0]} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def differences(rows: Rows, names: Collection[str] = MEASURES, *, apart: Collection[str] = MEASURES) -> str:
    """Return a markdown table of paired differences to the rival, with intervals and pairs won.

    Measures in `apart` are told by group of works, too.
    """
    others = [method for method in _methods(rows) if method not in (RIVAL, "photo")]
    lines = _head("measure, works", others)
    for name in (name for name in _present(rows, names) if MEASURES[name][1]):
        for group, some in (groups(rows) if name in apart else {"all": rows}).items():
            found = [against(some, method, name) for method in others]
            cells = [f"{m:+.3g} ({lo:+.3g} to {hi:+.3g}), {won}/{n}" if n else "" for (m, lo, hi), won, n in found]
            lines.append(f"| {MEASURES[name][0]}, {group} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def layers(rows: Rows) -> str:
    """Return a markdown table of the style distance at each of the judge's layers: full size / half size."""
    names = [name.removeprefix("full ") for name in rows[0] if name.startswith("full ")]
    methods = _methods(rows)
    lines = _head("layer", methods)
    for name in names:
        cells = [_both_sizes([row for row in rows if row["method"] == method], name) for method in methods]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def whole_report(rows: Rows) -> str:
    """Return every table, as markdown with headings."""
    titles = {"all": "All works", "never seen": "Works that training never saw", "seen": "Works that training saw"}
    parts = [f"# {titles[group]}\n\n{means(some)}" for group, some in groups(rows).items()]
    return "\n".join([*parts, f"# Differences\n\n{EXPLAINED}\n\n{differences(rows)}", f"# Layers\n\n{layers(rows)}"])


def summary(rows: Rows, names: Collection[str] = MEASURES) -> str:
    """Return the tables of a results page: means without intervals, and differences."""
    return "\n".join([means(rows, names, intervals=False), f"{EXPLAINED}\n", differences(rows, names, apart=JUDGED)])


EXPLAINED = f"Paired differences to `{RIVAL}` (below 0 is better) with 95 % intervals, pairs won:"


def _both_sizes(rows: Rows, layer: str) -> str:
    return " / ".join(f"{np.mean([row[f'{size} {layer}'] for row in rows]):.3g}" for size in ("full", "half"))


def _methods(rows: Rows) -> list[str]:
    return [method for method in METHODS if any(row["method"] == method for row in rows)]


def _present(rows: Rows, names: Collection[str]) -> list[str]:
    return [name for name in names if any(name in row for row in rows)]


def _head(first: str, methods: Sequence[str]) -> list[str]:
    return [f"| {first} | " + " | ".join(methods) + " |", "|---" * (len(methods) + 1) + "|"]
