"""How many raters a study needs: simulated studies of two methods, and how often their intervals tell and hold.

    python benchmarks/study_raters.py [--studies 400]

Each rater compares 30 pairs. Tastes differ: a rater's log odds scatter around the mean by a standard deviation of 0.5,
so that where 60 of 100 prefer the first one, two thirds of raters lie between 48 and 71 of 100. Prints a table.
"""

from __future__ import annotations

import argparse
import functools

import numpy as np
from numpy.typing import NDArray

from ganstyle.study.preferences import scores_with_intervals

PAIRS, SPREAD, RESAMPLES = 30, 0.5, 300
RATERS = (3, 5, 10, 20, 40)
SHARES = (0.5, 0.55, 0.6, 0.65, 0.75)


def tables(share: float, raters: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Return the votes of one study, float (raters, 2, 2), where the first is preferred with this mean share."""
    chances = 1 / (1 + np.exp(-(centre(share) + random.normal(0, SPREAD, raters))))
    wins = random.binomial(PAIRS, chances)
    found = np.zeros((raters, 2, 2))
    found[:, 0, 1], found[:, 1, 0] = wins, PAIRS - wins
    return found


@functools.cache
def centre(share: float) -> float:
    """Return the mean log odds whose mean chance over raters is the share."""
    scatter = np.random.default_rng(0).normal(0, SPREAD, 20_001)
    low, high = -4.0, 4.0
    for _ in range(40):
        middle = (low + high) / 2
        if np.mean(1 / (1 + np.exp(-(middle + scatter)))) < share:
            low = middle
        else:
            high = middle
    return low


def outcome(share: float, raters: int, studies: int) -> tuple[float, float, float]:
    """Return how often the difference was told rightly, how often the interval held, and its mean half width."""
    random = np.random.default_rng([raters, round(100 * share)])
    told, held, widths = 0, 0, []
    for _ in range(studies):
        found = scores_with_intervals(tables(share, raters, random), random, resamples=RESAMPLES)
        _, low, high = found.chance(0, 1)
        told += low > 0.5
        held += low <= share <= high
        widths.append((high - low) / 2)
    return told / studies, held / studies, float(np.mean(widths))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=400)
    studies = parser.parse_args().studies
    print(f"{studies} studies each; told rightly / interval holds the truth / half width in points\n")
    print("| raters |", " | ".join(f"{100 * share:.0f} of 100" for share in SHARES), "|")
    print("|---|" + "---|" * len(SHARES))
    for raters in RATERS:
        cells = (outcome(share, raters, studies) for share in SHARES)
        print(f"| {raters} |", " | ".join(f"{a:.0%} / {b:.0%} / {100 * c:.0f}" for a, b, c in cells), "|", flush=True)


if __name__ == "__main__":
    main()
