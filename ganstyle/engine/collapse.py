"""When a training has gone wrong although all its numbers are finite: rules over what the monitors read.

Thresholds are for alarms, not for ranking: a healthy run never comes near them. Each alarm is raised once and is armed
again when its cause has gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LOW, NEVER_UP = 0.25, 0.10  # diversity below which a run that was varied, or one that never was, has collapsed
REPEATS, NEVER_UP_REPEATS = 2, 5  # readings in a row
HALVED, HALVED_BELOW, WINDOW = 0.5, 0.5, 5  # half of the best of the last five readings, and low as well
START_SHARE = 0.2  # of the budget: until then a generator may simply not have begun
FIRST_STEPS = 1000  # in these, nothing has collapsed: untrained pictures are all alike, and D wins easily
WINS, WIN_LINES, WIN_SHARE = 0.95, 25, 0.1  # D's accuracy: mean over lines of the log, for a share of the budget
WORSE, WORSE_REPEATS = 2.0, 3  # times the best score, evaluations in a row
FLAT_REPEATS, BETTER = 5, 0.01  # evaluations in a row without a score better by so much, while D wins: a stall


@dataclass(frozen=True)
class Alarm:
    """What was noticed.

    Attributes:
        kind: `collapse`, `discriminator_wins`, `score` or `stall`.
        message: in plain words.
    """

    kind: str
    message: str


@dataclass
class CollapseRules:
    """Judges readings; its state is plain JSON.

    Attributes:
        diversity: the newest readings, oldest first.
        was_varied: whether diversity was ever above the threshold.
        accuracy: running mean of D's accuracy.
        lines: how many lines that mean has seen.
        winning_since: share of the budget when the mean rose above the threshold; None while below.
        worse: evaluations in a row that were far worse than the best.
        best: the best score so far.
        flat: evaluations in a row that were not clearly better than the reference.
        reference: the last score that was clearly better than the one before.
        raised: kinds of alarms whose cause still stands.
    """

    diversity: list[float] = field(default_factory=list)
    was_varied: bool = False
    accuracy: float = 0.5
    lines: int = 0
    winning_since: float | None = None
    worse: int = 0
    best: float | None = None
    flat: int = 0
    reference: float | None = None
    raised: list[str] = field(default_factory=list)

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> CollapseRules:
        """Return the rules with a state of `vars`; keys that are unknown or missing are as at the start."""
        known = {key: value for key, value in state.items() if key in cls.__dataclass_fields__}
        rules = cls(**known)
        rules.diversity, rules.raised = list(rules.diversity), list(rules.raised)
        return rules

    def see_diversity(self, value: float, *, fraction: float) -> Alarm | None:
        """Judge a reading of `monitors.Diversity`.

        Args:
            value: 1 is as varied as the data.
            fraction: share of the budget done.
        """
        before = max(self.diversity[-WINDOW:], default=value)
        self.diversity = [*self.diversity, value][-WINDOW - 1 :]
        self.was_varied = self.was_varied or value >= LOW
        low = self.was_varied and self._all_below(LOW, REPEATS)
        never = not self.was_varied and fraction >= START_SHARE and self._all_below(NEVER_UP, NEVER_UP_REPEATS)
        halved = value < HALVED * before and value < HALVED_BELOW
        message = f"the generator has collapsed: its pictures differ by only {value:.0%} of what real ones do"
        since = f" (it was {before:.0%} a few readings ago)" if before > 1.5 * value else ""
        return self._raise_or_rearm("collapse", low or never or halved, message + since, clear=value >= HALVED_BELOW)

    def see_accuracy(self, value: float, *, fraction: float) -> Alarm | None:
        """Judge the share of pictures that D told right in one logged step."""
        self.lines += 1
        self.accuracy += (value - self.accuracy) / min(self.lines, WIN_LINES)
        if self.accuracy <= WINS or self.lines < WIN_LINES:
            self.winning_since = None
        elif self.winning_since is None:
            self.winning_since = fraction
        wins = self.winning_since is not None and fraction - self.winning_since >= WIN_SHARE
        message = f"the discriminator wins: it tells {self.accuracy:.0%} of the pictures right, and G learns little"
        return self._raise_or_rearm("discriminator_wins", wins, message, clear=self.winning_since is None)

    def see_score(self, value: float, *, higher_is_better: bool = False) -> Alarm | None:
        """Judge the first metric of an evaluation; scores of zero or below have no multiples and are left alone."""
        better = self.best is None or (value > self.best if higher_is_better else value < self.best)
        self.best = value if better else self.best
        ratio = _worse_by(value, self.best or value, higher_is_better)
        self.worse = self.worse + 1 if ratio >= WORSE else 0
        message = f"the score is {ratio:.1f} times worse than its best ({value:.4g} against {self.best:.4g})"
        alarm = self._raise_or_rearm("score", self.worse >= WORSE_REPEATS, message, clear=self.worse == 0)
        return alarm or self._see_stall(value, higher_is_better)

    def _see_stall(self, value: float, higher_is_better: bool) -> Alarm | None:
        """Judge whether scores stand still while D wins; each further alarm needs as many scores as the first."""
        if self.reference is None or _is_better(value, self.reference, higher_is_better):
            self.reference, self.flat = value, 0
            return None
        self.flat += 1
        if self.flat < FLAT_REPEATS or self.accuracy <= WINS or self.lines < WIN_LINES:
            return None
        message = f"training stands still: {self.flat} scores in a row no better than {self.reference:.4g}"
        self.flat = 0
        return Alarm("stall", f"{message}, and the discriminator tells {self.accuracy:.0%} of the pictures right")

    def _all_below(self, threshold: float, count: int) -> bool:
        return len(self.diversity) >= count and all(value < threshold for value in self.diversity[-count:])

    def _raise_or_rearm(self, kind: str, stands: bool, message: str, *, clear: bool) -> Alarm | None:
        if stands and kind not in self.raised:
            self.raised.append(kind)
            return Alarm(kind, message)
        if clear and kind in self.raised:
            self.raised.remove(kind)
        return None


def _is_better(value: float, reference: float, higher_is_better: bool) -> bool:
    gained = value - reference if higher_is_better else reference - value
    return gained > BETTER * abs(reference)


def _worse_by(value: float, best: float, higher_is_better: bool) -> float:
    smaller, larger = (value, best) if higher_is_better else (best, value)
    return larger / smaller if smaller > 0 else 1.0


def remedies(kind: str, config: Mapping[str, Any]) -> str:
    """Return what helps against an alarm, as options of this configuration.

    Args:
        kind: of the alarm.
        config: of `config_to_dict`.
    """
    penalties = config.get("regularizer", {})
    gammas = [f"--set regularizer.{name}.gamma={2 * penalties[name]['gamma']:g}" for name in _with_gamma(penalties)]
    stronger = f"raise gamma ({' '.join(gammas)})" if gammas else "penalise D (--set 'regularizer=[\"r1\"]')"
    augmented = "augment what D sees (--set 'task.augment=[\"ada\"]')"
    restart = "or begin anew from the best of several starts (--restarts 4)"
    if kind in ("discriminator_wins", "stall"):
        return f"What helps: {stronger}; {augmented}; {restart}"
    return f"What helps: go on from the best checkpoint (--set train.on_collapse=rollback); {stronger}; {restart}"


def _with_gamma(penalties: Mapping[str, Any]) -> list[str]:
    return [name for name, options in penalties.items() if isinstance(options.get("gamma"), int | float)]
