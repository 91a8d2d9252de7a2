"""Whether people agree with one another, beyond what guessing would give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

FIRST, SECOND, EQUAL = "first", "second", "equal"


def krippendorff_alpha(units: Iterable[Sequence[Hashable]]) -> float | None:
    """Return Krippendorff's alpha for nominal data.

    Args:
        units: for each thing that was judged the answers it got, in any order; a rater who didn't judge it is left
            out. Things with fewer than two answers don't count.

    Returns:
        1 is full agreement, 0 what chance would give, below 0 disagreement; None where nothing can be said: no thing
        has two answers, or all answers are the same.

    Source: Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", section D.
    """
    counts = [Counter(unit) for unit in units if len(unit) > 1]
    return _alpha(counts, sum(counts, Counter()))


def preference_alpha(units: Iterable[Sequence[str]]) -> float | None:
    """Return alpha of preferences: `first`, `second` or `equal` of a pair.

    Which one of a pair is called first is arbitrary, so both ways count half: 0 is then what tossing a coin gives, and
    people who all prefer one method to the other agree fully, where plain alpha would find nothing to tell apart.

    Args:
        units: for each pair of pictures the answers it got.
    """
    counts = [Counter(unit) for unit in units if len(unit) > 1]
    total = sum(counts, Counter())
    half = (total[FIRST] + total[SECOND]) / 2
    return _alpha(counts, {FIRST: half, SECOND: half, EQUAL: total[EQUAL]})


def _alpha(counts: Sequence[Counter[Any]], values: Mapping[Any, float]) -> float | None:
    """Return 1 - observed / expected disagreement.

    Args:
        counts: answers of each unit, at least two each.
        values: answers of all units.
    """
    total = sum(values.values())
    if not total:
        return None
    agreeing = sum(sum(n * (n - 1) for n in unit.values()) / (unit.total() - 1) for unit in counts)
    expected = 1 - sum(n * (n - 1) for n in values.values()) / (total * (total - 1))
    return 1 - (1 - agreeing / total) / expected if expected > 0 else None


def percent_agreement(units: Iterable[Sequence[Hashable]]) -> float | None:
    """Return the share of pairs of raters of one thing that answered the same, pooled; None without such pairs."""
    counts = [Counter(unit) for unit in units]
    pairs = sum(unit.total() * (unit.total() - 1) for unit in counts)
    same = sum(n * (n - 1) for unit in counts for n in unit.values())
    return same / pairs if pairs else None


def dissent(unit: Sequence[Hashable]) -> float:
    """Return the chance that two raters of one thing answered differently; 0 with fewer than two."""
    agreement = percent_agreement([unit])
    return 0.0 if agreement is None else 1 - agreement
