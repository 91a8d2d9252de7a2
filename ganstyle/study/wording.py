"""Results in plain sentences and in JSON; the report and the command line show the same."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

from ganstyle.data.names import shown
from ganstyle.study.results import Divided, Result


def verdicts(result: Result) -> list[str]:
    """Return one sentence for each two neighbours in the order of scores, and what the best is to the last."""
    if result.scores is None:
        return []
    order = result.order
    pairs = list(pairwise(order))
    if len(order) > 2:
        pairs.append((order[0], order[-1]))
    return [_verdict(result, one, other) for one, other in pairs]


def _verdict(result: Result, one: int, other: int) -> str:
    scores = result.scores
    if scores is None:
        return ""
    names = [shown(result.design.methods[index]) for index in (one, other)]
    middle, low, high = scores.chance(one, other)
    if math.isnan(low):
        return f"{names[0]} against {names[1]}: {percent(middle)} of this rater's preferences"
    span = f"{percent(middle)} (95 %: {percent(low)} to {percent(high)})"
    if scores.differ(one, other):
        return f"{names[0]} is preferred to {names[1]}: {span}"
    return f"no difference can be told between {names[0]} and {names[1]}: {span}"


def percent(share: float | None) -> str:
    """Return a share as a whole percentage; a dash for None."""
    return "–" if share is None else f"{100 * share:.0f} %"


def measures(result: Result) -> list[tuple[str, str, str]]:
    """Return (measure, value, what it means)."""
    same, twice = result.retest
    first = result.first_share
    alpha = "–" if result.alpha is None else f"{result.alpha:.2f}"
    rows = [
        ("agreement (Krippendorff's alpha)", alpha, alpha_words(result.alpha)),
        ("same answer of two raters", percent(result.agreement), "half of it would be chance, without ties"),
        ("same answer when asked again", f"{same} of {twice}" if twice else "–", retest_words(same, twice)),
        ("no difference", f"{result.ties} of {result.votes}", "counted as half a win for each"),
    ]
    if first is not None:
        words = f"95 %: {percent(first[1])} to {percent(first[2])}; 50 % is no habit"
        rows.append(("first (left) one chosen", percent(first[0]), words))
    return rows


def alpha_words(alpha: float | None) -> str:
    """Return what a value of alpha says; the limits 0.667 and 0.8 are Krippendorff's (2004)."""
    if alpha is None:
        return "no pair was answered by two raters"
    if alpha >= 0.8:
        return "people agree: taste plays a small part"
    if alpha >= 0.667:
        return "people mostly agree"
    if alpha >= 0.2:
        return "people agree in part: usual for taste, and no fault of a study"
    return "hardly more than chance" if alpha >= -0.1 else "people disagree more than chance would"


def retest_words(same: int, twice: int) -> str:
    """Return what the repeats say."""
    if not twice:
        return "nobody was asked anything twice"
    share = same / twice
    return "raters know what they prefer" if share >= 0.8 else "mostly" if share >= 0.65 else "close to guessing"


def score_rows(result: Result) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return headings and one row per method, the best first."""
    rows: list[tuple[str, ...]] = [
        (
            shown(result.design.methods[index]),
            f"{result.scores.score[index]:+.2f}",
            span(interval(result, index)),
            percent(result.win_share(index)),
            f"{result.wins[index].sum() + result.wins[:, index].sum():.0f}",
        )
        for index in result.order
        if result.scores is not None
    ]
    return ("method", "score", "95 %", "won", "comparisons"), rows


def span(ends: tuple[float, float] | None) -> str:
    """Return an interval as text; a dash for None."""
    return f"{ends[0]:+.2f} to {ends[1]:+.2f}" if ends else "–"


def interval(result: Result, method: int) -> tuple[float, float] | None:
    """Return the 95 % interval of a method's score; None where there is none."""
    if result.scores is None or math.isnan(result.scores.half_width[method]):
        return None
    score, half = float(result.scores.score[method]), float(result.scores.half_width[method])
    return score - half, score + half


def divided_words(result: Result, pair: Divided) -> str:
    """Return how raters answered one pair, e.g. `ours 3, theirs 2, no difference 1`."""
    _, one, other = pair.unit
    parts = [f"{shown(result.design.methods[index])} {pair.wins[side]}" for side, index in enumerate((one, other))]
    return ", ".join([*parts, *([f"no difference {pair.wins[2]}"] if pair.wins[2] else [])])


def as_data(result: Result) -> dict[str, Any]:
    """Return the result for machines; the order of methods is that of the scores, the matrix that of `methods`."""
    design, scores = result.design, result.scores
    methods = [
        {
            "name": design.methods[index],
            "score": float(scores.score[index]) if scores else None,
            "interval": interval(result, index),
            "win_share": result.win_share(index),
            "comparisons": float(result.wins[index].sum() + result.wins[:, index].sum()),
        }
        for index in result.order
    ]
    order = result.order
    return {
        "study": result.study,
        "question": design.question,
        "methods": methods,
        "wins": [[float(result.wins[row, column]) for column in order] for row in order],
        "better": [
            [design.methods[one], design.methods[other]]
            for place, one in enumerate(order)
            for other in order[place + 1 :]
            if scores is not None and scores.differ(one, other)
        ],
        "votes": result.votes,
        "ties": result.ties,
        "alpha": result.alpha,
        "agreement": result.agreement,
        "retest": {"same": result.retest[0], "pairs": result.retest[1]},
        "first_share": result.first_share,
        "regularised": bool(scores and scores.regularised),
        "raters": result.raters,
        "divided": [_divided(result, pair) for pair in result.divided[:20]],
        "notes": result.notes,
    }


def _divided(result: Result, pair: Divided) -> dict[str, Any]:
    item, one, other = pair.unit
    names = [result.design.methods[index] for index in (one, other)]
    return {"item": result.design.items[item], "methods": names, "wins": pair.wins, "dissent": pair.dissent}
