"""Metrics: order and split are irrelevant, reset forgets all, and the direction is the declared one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ganstyle.errors import EnvironmentProblem, GanstyleError, NoInputError, UsageError
from ganstyle.testing._findings import Findings, NotCheckable
from ganstyle.testing._pictures import byte_pictures
from ganstyle.testing._subject import Subject, Tested, subject_of

SIDES = (64, 176)  # tried in turn: some metrics need large pictures
COUNT = 6
SPLIT = 4
RELATIVE = 1e-3

Values = dict[str, float]


def check_evaluator(
    tested: Tested, options: Mapping[str, Any] | None = None, *, device: str = "cpu", sides: Sequence[int] = SIDES
) -> None:
    """Check a metric on made-up pictures.

    Args:
        tested: the record or its target.
        options: of the metric; missing ones take their defaults.
        device: where it computes.
        sides: of the square pictures, in pixels, tried until one is accepted.

    Raises:
        ConformanceError: lists every breach.
        NotCheckable: weights are missing, or every size is refused.
    """
    subject = subject_of(tested, "metric", options)
    findings = subject.findings()
    with findings.watching("building it"):
        metric = _built(subject, device)
        for name in ("paired", "higher_is_better"):
            is_bool = type(getattr(metric, name, None)) is bool
            findings.require(is_bool, f"no attribute `{name}`", "set it to True or False")
        if not findings.failures:
            trial = _Trial(subject, device, paired=metric.paired, side=_accepted_side(subject, device, sides))
            with findings.watching("update() or compute()"):
                values = _check_values(trial, findings)
                _check_empty(trial, findings)
                if values:
                    _check_direction(trial, values, metric.higher_is_better, findings=findings)
    findings.raise_any()


def _built(subject: Subject, device: str) -> Any:
    try:
        return subject.build(torch.device(device))
    except EnvironmentProblem as error:
        raise NotCheckable(f"{subject.label}: {error.message}", hint=error.hint) from error


class _Trial:
    """A metric and the pictures to feed it."""

    def __init__(self, subject: Subject, device: str, *, paired: bool, side: int) -> None:
        self.subject, self.device, self.paired = subject, device, paired
        self.fake, self.real = byte_pictures(COUNT, side, side, seed=1), byte_pictures(COUNT, side, side, seed=2)
        noise = torch.randint(0, 256, self.fake.shape, generator=torch.Generator().manual_seed(3), dtype=torch.uint8)
        self.noise = noise
        if paired:  # alike, each a little less than the one before, so that a wrong weighting shows
            strength = torch.linspace(0.02, 0.2, COUNT)[:, None, None, None]
            self.fake = (self.real + (noise.float() - 128) * strength).round().clamp(0, 255).to(torch.uint8)

    def new(self) -> Any:
        """Return a fresh metric."""
        return _built(self.subject, self.device)

    def feed(self, metric: Any, fake: Tensor, real: Tensor, *, batch: int = COUNT) -> Any:
        """Update a metric with all pictures and return it."""
        for start in range(0, len(fake), batch):
            part = slice(start, start + batch)
            if self.paired:
                metric.update(fake[part], real[part])
            else:
                metric.update(fake[part], real=False)
                metric.update(real[part], real=True)
        return metric

    def values(self, fake: Tensor, real: Tensor, *, batch: int = COUNT) -> Values:
        """Return what a fresh metric says."""
        return self.feed(self.new(), fake, real, batch=batch).compute()


def _accepted_side(subject: Subject, device: str, sides: Sequence[int]) -> int:
    refusal = ""
    for side in sides:
        metric = _built(subject, device)
        try:
            trial = _Trial(subject, device, paired=metric.paired, side=side)
            trial.values(trial.fake[:2], trial.real[:2])
        except EnvironmentProblem as error:
            raise NotCheckable(f"{subject.label}: {error.message}", hint=error.hint) from error
        except (NoInputError, UsageError) as error:
            refusal = error.message
        else:
            return side
    raise NotCheckable(f"{subject.label} refuses pictures of {sides} pixels: {refusal}", hint="pass other sides")


def _check_values(trial: _Trial, findings: Findings) -> Values:
    """Return what the metric says of alike pictures; nothing if that is no answer."""
    fake, real = trial.fake.clone(), trial.real.clone()
    metric = trial.feed(trial.new(), fake, real)
    values = metric.compute()
    if not _check_form(values, findings):
        return {}
    unchanged = torch.equal(fake, trial.fake) and torch.equal(real, trial.real)
    findings.require(unchanged, "update() changes its pictures", "work on new tensors")
    _compare(values, metric.compute(), findings=findings, text="compute() differs when repeated; leave the state alone")
    order = torch.randperm(COUNT, generator=torch.Generator().manual_seed(4))
    split = trial.values(fake, real, batch=SPLIT)
    _compare(
        values,
        split,
        findings=findings,
        text="the value depends on how the pictures are split; weigh batches by their size",
    )
    shuffled = trial.values(fake[order], real[order])
    _compare(
        values, shuffled, findings=findings, text="the value depends on the order of the pictures; accumulate sums"
    )
    used = trial.feed(trial.new(), trial.noise[:2], trial.fake[:2])
    used.reset()
    again = trial.feed(used, fake, real).compute()
    _compare(values, again, findings=findings, text="reset() doesn't forget everything; clear each piece of state")
    return values


def _check_form(values: Any, findings: Findings) -> bool:
    is_values = isinstance(values, dict) and len(values) > 0
    is_values = is_values and all(isinstance(key, str) and type(value) is float for key, value in values.items())
    remedy = 'return {"name_protocol": value} with Python floats'
    if not findings.require(is_values, f"compute() returns {values!r}", remedy):
        return False
    finite = all(map(math.isfinite, values.values()))
    return findings.require(finite, f"compute() returns {values!r} for ordinary pictures", "guard the divisions")


def _compare(expected: Values, found: Values, *, findings: Findings, text: str) -> None:
    said, _, remedy = text.partition("; ")
    equal = expected.keys() == found.keys() and all(
        math.isclose(expected[key], found[key], rel_tol=RELATIVE, abs_tol=1e-6) for key in expected
    )
    findings.require(equal, f"{said}: {expected} and {found}", remedy)


def _check_empty(trial: _Trial, findings: Findings) -> None:
    metric = trial.new()
    try:
        found = f"compute() without pictures returns {metric.compute()!r}"
    except GanstyleError:
        return
    except Exception as error:
        found = f"compute() without pictures raises {type(error).__name__}"
    findings.require(False, found, "raise ganstyle.errors.NoInputError: a value for nothing is no value")


def _check_direction(trial: _Trial, close: Values, higher_is_better: bool, *, findings: Findings) -> None:
    """Noise must not beat alike pictures; passed over if the metric doesn't look at the real pictures."""
    far = trial.values(trial.noise, trial.real)
    if close == trial.values(trial.fake, trial.noise):
        return
    key = next(iter(close))
    right = far[key] <= close[key] if higher_is_better else far[key] >= close[key]
    found = f"{key} is {close[key]:.4g} for alike pictures and {far[key]:.4g} for noise"
    findings.require(right, f"higher_is_better is {higher_is_better}, but {found}", "turn higher_is_better")
