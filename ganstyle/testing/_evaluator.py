"""Metrics: order and split are irrelevant, reset forgets all, and the direction is the declared one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ganstyle.errors import EnvironmentProblem, GanstyleError, NoInputError, UsageError
from ganstyle.testing._evaluator_trials import COUNT, MadeUpSource, Trial, Values, trial_for
from ganstyle.testing._findings import Findings, NotCheckable
from ganstyle.testing._subject import Subject, Tested, subject_of

SIDES = (64, 176)  # tried in turn: some metrics need large pictures
SPLIT = 4
RELATIVE = 1e-3


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
        _check_abilities(metric, findings)
        if not findings.failures and getattr(metric, "generative", False):
            with findings.watching("measure() or compute()"):
                _check_generative(subject, device, max(sides), findings=findings)
        elif not findings.failures:
            trial = _accepted_trial(subject, device, sides)
            with findings.watching("update() or compute()"):
                values = _check_values(trial, findings)
                _check_empty(trial.new(), findings)
                if values:
                    _check_direction(trial, values, metric.higher_is_better, findings=findings)
    findings.raise_any()


def _check_abilities(metric: Any, findings: Findings) -> None:
    needed = {"styled": "take_styles", "film": "update_film", "generative": "measure", "extractor": "update_features"}
    for ability, method in needed.items():
        if getattr(metric, ability, None):
            findings.require(hasattr(metric, method), f"`{ability}` without {method}()", f"write {method}()")
    alone = not getattr(metric, "styled", False) or getattr(metric, "paired", False)
    findings.require(alone, "`styled` without `paired`", "set paired = True: styles belong to pairs")


def _built(subject: Subject, device: str) -> Any:
    try:
        return subject.build(torch.device(device))
    except EnvironmentProblem as error:
        raise NotCheckable(f"{subject.label}: {error.message}", hint=error.hint) from error


def _accepted_trial(subject: Subject, device: str, sides: Sequence[int]) -> Trial:
    refusal = ""
    for side in sides:
        trial = trial_for(_built(subject, device))(subject, lambda: _built(subject, device), side=side)
        refusal = _refusal(trial, 2) and _refusal(trial, COUNT)  # two pictures are quicker, and too few for some
        if not refusal:
            return trial
    raise NotCheckable(f"{subject.label} refuses pictures of {sides} pixels: {refusal}", hint="pass other sides")


def _refusal(trial: Trial, count: int) -> str:
    try:
        trial.values(trial.fake[:count], trial.real[:count])
    except EnvironmentProblem as error:
        raise NotCheckable(f"{trial.subject.label}: {error.message}", hint=error.hint) from error
    except (NoInputError, UsageError) as error:
        return error.message
    return ""


def _check_values(trial: Trial, findings: Findings) -> Values:
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
    shuffled = trial.values(fake, real, order=order)
    _compare(
        values, shuffled, findings=findings, text="the value depends on the order of the pictures; accumulate sums"
    )
    used = trial.feed(trial.new(), trial.noise[:2], trial.fake[:2])
    used.reset()
    again = trial.feed(used, fake, real).compute()
    _compare(values, again, findings=findings, text="reset() doesn't forget everything; clear each piece of state")
    _check_extras(trial, values, order, findings=findings)
    return values


def _check_extras(trial: Trial, values: Values, order: torch.Tensor, *, findings: Findings) -> None:
    """Check the optional answers: a value for each pair, intervals."""
    metric = trial.feed(trial.new(), trial.fake, trial.real)
    if hasattr(metric, "pair_values"):
        own = metric.pair_values()
        remedy = "return a tensor (n,) in the order of update()"
        if findings.require(own.shape == (COUNT,), f"pair_values() has shape {tuple(own.shape)}", remedy):
            moved = trial.feed(trial.new(), trial.fake, trial.real, order=order).pair_values()
            same = torch.allclose(own[order], moved, rtol=RELATIVE, atol=1e-6, equal_nan=True)
            findings.require(same, "pair_values() is not in the order of the pairs", remedy)
    for key, (low, high) in getattr(metric, "intervals", dict)().items():
        findings.require(key in values, f"intervals() has the key {key!r}, compute() has not", "use equal keys")
        findings.require(low <= high, f"the interval of {key} is {low:.4g} to {high:.4g}", "the lower end comes first")


def _check_generative(subject: Subject, device: str, side: int, *, findings: Findings) -> None:
    """Check a metric of generators on a made-up one: seeded, finite, forgetful, counting."""
    metric, counted = _built(subject, device), list[int]()
    metric.measure(MadeUpSource(side), counted.append)
    values = metric.compute()
    if not _check_form(values, findings):
        return
    findings.require(sum(counted) > 0, "measure() never calls progress(n)", "call it with the latents done")
    metric.reset()
    _check_empty(metric, findings)
    metric.measure(MadeUpSource(side), lambda done: None)
    text = "the value differs when measured again; draw from an own generator with a fixed seed"
    _compare(values, metric.compute(), findings=findings, text=text)


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


def _check_empty(metric: Any, findings: Findings) -> None:
    try:
        found = f"compute() without pictures returns {metric.compute()!r}"
    except GanstyleError:
        return
    except Exception as error:
        found = f"compute() without pictures raises {type(error).__name__}"
    findings.require(False, found, "raise ganstyle.errors.NoInputError: a value for nothing is no value")


def _check_direction(trial: Trial, close: Values, higher_is_better: bool, *, findings: Findings) -> None:
    """Noise must not beat alike pictures; passed over if the metric doesn't look at the real pictures or at quality."""
    if not getattr(trial.new(), "judges_quality", True):
        return
    far = trial.values(trial.noise, trial.real)
    if close == trial.values(trial.fake, trial.noise):
        return
    key = next(iter(close))
    right = far[key] <= close[key] if higher_is_better else far[key] >= close[key]
    found = f"{key} is {close[key]:.4g} for alike pictures and {far[key]:.4g} for noise"
    findings.require(right, f"higher_is_better is {higher_is_better}, but {found}", "turn higher_is_better")
