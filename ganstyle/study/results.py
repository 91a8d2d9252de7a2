"""What can be said from the votes of a study, and what can't."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ganstyle.data.names import shown
from ganstyle.study.agreement import EQUAL, FIRST, SECOND, dissent, percent_agreement, preference_alpha
from ganstyle.study.design import Design
from ganstyle.study.preferences import Array, Scores, scores_with_intervals, wilson_interval
from ganstyle.study.votes import Rater, Vote, label

WRONG_SHARE = 0.2  # of the checks; one slip in five is forgiven, none of four
HASTY_MS = 700  # a median below this is too fast to have looked at two pictures
FEW_RATERS = 5
Unit = tuple[int, int, int]
"""Item, and two methods, the lower index first."""


@dataclass(frozen=True)
class RaterSummary:
    """How one rater voted.

    Attributes:
        label: name and beginning of the id.
        votes: answers, repeats and checks left out.
        planned: trials of the study; fewer answered means stopped early.
        answered: trials answered.
        checks: checks answered.
        wrong: of these, the damaged picture or no difference was chosen.
        repeats: pairs answered twice.
        same: of these, answered alike.
        median_ms: time of an answer; None without any.
        kept: whether the votes count.
    """

    label: str
    votes: int
    planned: int
    answered: int
    checks: int
    wrong: int
    repeats: int
    same: int
    median_ms: float | None
    kept: bool

    @property
    def failed(self) -> bool:
        """Whether more checks were wrong than slips explain."""
        return self.wrong > WRONG_SHARE * self.checks


@dataclass(frozen=True)
class Divided:
    """A pair that raters answered differently.

    Attributes:
        unit: item and methods.
        wins: raters for the first method, for the second, and for neither.
        dissent: chance that two raters answered differently.
    """

    unit: Unit
    wins: tuple[int, int, int]
    dissent: float


@dataclass
class Result:
    """The outcome of a study.

    Attributes:
        design: what was asked.
        study: its id.
        raters: all of them, in the order of the files.
        wins: float (M, M), how often row was preferred to column by the raters that are kept; ties are half a win.
        ties: how many answers were ties.
        votes: answers that count.
        scores: Bradley-Terry; None without votes.
        alpha: Krippendorff's, see `agreement.preference_alpha`.
        agreement: share of pairs of raters that answered alike.
        first_share: how often the left (upper) picture was chosen, and the 95 % interval; None without choices.
        retest: pairs answered alike both times, pairs answered twice, over the raters that are kept.
        divided: pairs with at least two answers, those that divided people most first.
        notes: what a reader must know.
    """

    design: Design
    study: str
    raters: list[RaterSummary]
    wins: Array
    ties: int
    votes: int
    scores: Scores | None
    alpha: float | None
    agreement: float | None
    first_share: tuple[float, float, float] | None
    retest: tuple[int, int]
    divided: list[Divided] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def kept(self) -> list[RaterSummary]:
        """Raters whose votes count."""
        return [rater for rater in self.raters if rater.kept]

    @property
    def order(self) -> list[int]:
        """Methods, the best first; without scores in the order of the design."""
        if self.scores is None:
            return list(range(len(self.design.methods)))
        return [int(index) for index in np.argsort(-self.scores.score, kind="stable")]

    def win_share(self, method: int) -> float | None:
        """Return the share of its comparisons that a method won, ties half; None without any."""
        games = float(self.wins[method].sum() + self.wins[:, method].sum())
        return float(self.wins[method].sum()) / games if games else None


def result_of(
    study: str, design: Design, raters: Sequence[Rater], *, keep_failed: bool = False, seed: int = 0
) -> Result:
    """Return what can be said from votes.

    Args:
        study: its id.
        design: what was asked.
        raters: each once, see `votes.merged`.
        keep_failed: count raters who failed the checks as well.
        seed: of the bootstrap.
    """
    summaries = [summary_of(rater, keep_failed=keep_failed) for rater in raters]
    kept = [rater for rater, summary in zip(raters, summaries, strict=True) if summary.kept and summary.votes]
    tables = np.array([table_of(rater, len(design.methods)) for rater in kept])
    units = _units(kept)
    choices = [vote.choice for rater in kept for vote in rater.votes if vote.kind != "check"]
    votes = [vote for rater in kept for vote in _pairs(rater)]
    result = Result(
        design=design,
        study=study,
        raters=summaries,
        wins=tables.sum(0) if kept else np.zeros((len(design.methods),) * 2),
        ties=sum(vote.choice == "equal" for vote in votes),
        votes=len(votes),
        scores=scores_with_intervals(tables, np.random.default_rng(seed)) if votes else None,
        alpha=preference_alpha(units.values()),
        agreement=percent_agreement(units.values()),
        first_share=_share(choices),
        retest=(sum(s.same for s in summaries if s.kept), sum(s.repeats for s in summaries if s.kept)),
        divided=_divided(units),
    )
    result.notes += _notes(result)
    return result


def summary_of(rater: Rater, *, keep_failed: bool = False) -> RaterSummary:
    """Return how a rater voted."""
    checks = [vote for vote in rater.votes if vote.kind == "check"]
    wrong = sum(vote.chosen != 0 for vote in checks)
    first = {_unit(vote): vote.chosen for vote in _pairs(rater)}
    again = [vote for vote in rater.votes if vote.kind == "repeat" and _unit(vote) in first]
    times = [vote.ms for vote in rater.votes]
    return RaterSummary(
        label=label(rater),
        votes=len(first),
        planned=rater.planned,
        answered=len(rater.votes),
        checks=len(checks),
        wrong=wrong,
        repeats=len(again),
        same=sum(vote.chosen == first[_unit(vote)] for vote in again),
        median_ms=statistics.median(times) if times else None,
        kept=keep_failed or wrong <= WRONG_SHARE * len(checks),
    )


def table_of(rater: Rater, methods: int) -> Array:
    """Return float (M, M): how often a rater preferred row to column; ties are half a win, repeats don't count."""
    table = np.zeros((methods, methods))
    for vote in _pairs(rater):
        if vote.chosen is None:
            table[vote.left, vote.right] += 0.5
            table[vote.right, vote.left] += 0.5
        else:
            table[vote.chosen, vote.left + vote.right - vote.chosen] += 1
    return table


def _pairs(rater: Rater) -> list[Vote]:
    """Return the votes that count: the first answer to each pair."""
    found: dict[Unit, Vote] = {}
    for vote in rater.votes:
        if vote.kind == "pair":
            found.setdefault(_unit(vote), vote)
    return list(found.values())


def _unit(vote: Vote) -> Unit:
    return vote.item, min(vote.left, vote.right), max(vote.left, vote.right)


def _units(raters: Sequence[Rater]) -> dict[Unit, list[str]]:
    units: dict[Unit, list[str]] = {}
    for rater in raters:
        for vote in _pairs(rater):
            unit = _unit(vote)
            answer = EQUAL if vote.chosen is None else FIRST if vote.chosen == unit[1] else SECOND
            units.setdefault(unit, []).append(answer)
    return units


def _share(choices: Sequence[str]) -> tuple[float, float, float] | None:
    left, count = choices.count("left"), len(choices) - choices.count("equal")
    return (left / count, *wilson_interval(left, count)) if count else None


def _divided(units: dict[Unit, list[str]]) -> list[Divided]:
    found = [
        Divided(unit, (answers.count(FIRST), answers.count(SECOND), answers.count(EQUAL)), dissent(answers))
        for unit, answers in units.items()
        if len(answers) > 1
    ]
    # Nearest to an even split first; of equal ones the one that more people answered.
    return sorted(
        found, key=lambda pair: (abs(pair.wins[0] - pair.wins[1]) / sum(pair.wins), -sum(pair.wins), pair.unit)
    )


def _notes(result: Result) -> list[str]:
    return [*_rater_notes(result), *_score_notes(result), *_bias_notes(result)]


def _rater_notes(result: Result) -> list[str]:
    notes = []
    out = [rater for rater in result.raters if not rater.kept]
    if out:
        names = ", ".join(f"{rater.label} ({rater.wrong} of {rater.checks} wrong)" for rater in out)
        notes.append(f"{_raters(len(out))} failed the attention checks and {_are(out)} not counted: {names}")
    failed = [rater for rater in result.kept if rater.failed]
    if failed:
        names = ", ".join(rater.label for rater in failed)
        notes.append(
            f"{_raters(len(failed))} failed the attention checks and {_are(failed)} counted all the same: {names}"
        )
    unchecked = [rater for rater in result.kept if rater.votes and not rater.checks]
    if unchecked and result.design.checks:
        notes.append(f"{_raters(len(unchecked))} stopped before the first check; nothing tells whether they looked")
    hasty = [rater.label for rater in result.kept if rater.median_ms is not None and rater.median_ms < HASTY_MS]
    if hasty:
        notes.append(f"faster than {HASTY_MS / 1000} s an answer, by the median: {', '.join(hasty)}")
    short = sum(0 < rater.answered < rater.planned for rater in result.kept)
    if short:
        notes.append(f"{_raters(short)} stopped early; what they answered counts")
    return notes


def _score_notes(result: Result) -> list[str]:
    voters = sum(rater.votes > 0 for rater in result.kept)
    if result.scores is None:
        return ["there are no votes to count"]
    notes = []
    if voters == 1:
        notes.append("one rater: this is one person's taste; intervals and agreement need two, better ten or more")
    elif voters < FEW_RATERS:
        notes.append(f"{voters} raters: intervals are wide, and rough; ten or more make them useful")
    if not result.scores.connected:
        notes.append("some methods were never compared, not even by way of others: their scores say nothing together")
    elif result.scores.regularised:
        notes.append(
            "a method never lost or never won against the rest: half a win each way was added to every pair, without "
            "which its score would be infinite"
        )
    names = [shown(result.design.methods[index]) for index in result.order]
    if len(names) == 2 and np.allclose(result.scores.score, 0):
        notes.append(f"a tie: {names[0]} and {names[1]} were preferred equally often")
    return notes


def _bias_notes(result: Result) -> list[str]:
    if result.first_share is None or result.first_share[1] <= 0.5 <= result.first_share[2]:
        return []
    side = "first (left)" if result.first_share[0] > 0.5 else "second (right)"
    return [
        f"the {side} picture was chosen more often than chance explains; sides are balanced, so scores are not moved"
    ]


def _raters(count: int) -> str:
    return "1 rater" if count == 1 else f"{count} raters"


def _are(raters: Sequence[RaterSummary]) -> str:
    return "is" if len(raters) == 1 else "are"
