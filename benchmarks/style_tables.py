"""Tables of the comparison of style_quality.py: means, bootstrap intervals over pairs, paired differences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

METHODS = ("photo", "colour", "instant", "broad", "refined", "arbitrary", "nearest", "gatys")
RIVAL = "arbitrary"
MEASURES = {  # name: (heading, is less better; None: neither)
    "style": ("style", True),
    "style_half": ("style, half size", True),
    "content": ("content", True),
    "perceptual": ("perceptual", True),
    "patch_frechet": ("patch Fréchet", True),
    "embedding": ("rival's embedding", True),
    "texture": ("texture", True),
    "palette": ("palette", True),
    "recoloured": ("recolouring", None),
    "edges": ("edges", None),
    "lattice_db": ("lattice, dB", None),
    "border": ("border", None),
    "flat_grain": ("flat grain", None),
}


def interval(values: Sequence[float], *, draws: int = 2000, seed: int = 0) -> tuple[float, float, float]:
    """Return the mean and the bounds of its 95 % bootstrap interval over pairs."""
    array = np.asarray([value for value in values if not np.isnan(value)], dtype=np.float64)
    if not len(array):
        return (float("nan"),) * 3
    chosen = np.random.default_rng(seed).integers(len(array), size=(draws, len(array)))
    low, high = np.percentile(array[chosen].mean(1), [2.5, 97.5])
    return float(array.mean()), float(low), float(high)


def against(rows: Sequence[dict[str, Any]], method: str, measure_name: str) -> tuple[tuple[float, ...], int, int]:
    """Return the paired difference to the rival with its interval, pairs won (less is better), and pairs."""
    by_pair = {(row["photo"], row["work"]): row[measure_name] for row in rows if row["method"] == RIVAL}
    keys = [(row, by_pair.get((row["photo"], row["work"]))) for row in rows if row["method"] == method]
    differences = [row[measure_name] - other for row, other in keys if other is not None]
    return interval(differences), sum(d < 0 for d in differences), len(differences)


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return a markdown table of means and intervals, and one of paired differences to the rival."""
    methods = [method for method in METHODS if any(row["method"] == method for row in rows)]
    names = [name for name in MEASURES if any(name in row for row in rows)]
    lines = ["| measure | " + " | ".join(methods) + " |", "|---" * (len(methods) + 1) + "|"]
    counts = [str(sum(row["method"] == method for row in rows)) for method in methods]
    lines.append("| pairs | " + " | ".join(counts) + " |")
    for name in names:
        cells = []
        for method in methods:
            mean, low, high = interval([row[name] for row in rows if row["method"] == method and name in row])
            cells.append(f"{mean:.3g} ({low:.3g}-{high:.3g})")
        lines.append(f"| {MEASURES[name][0]} | " + " | ".join(cells) + " |")
    lines += ["", f"Paired differences to `{RIVAL}` (below 0 is better), pairs won:", ""]
    others = [method for method in methods if method not in (RIVAL, "photo")]
    lines += ["| measure | " + " | ".join(others) + " |", "|---" * (len(others) + 1) + "|"]
    for name in names:
        if MEASURES[name][1]:
            found = [against(rows, method, name) for method in others]
            cells = [f"{m:+.3g} ({lo:+.3g} to {hi:+.3g}), {won}/{n}" for (m, lo, hi), won, n in found]
            lines.append(f"| {MEASURES[name][0]} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
