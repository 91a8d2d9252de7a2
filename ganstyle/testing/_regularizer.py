"""Penalties: a finite scalar whose gradient reaches the network, nothing left behind, a state that can be restored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ganstyle.testing._findings import Findings
from ganstyle.testing._pictures import float_pictures
from ganstyle.testing._state import check_state
from ganstyle.testing._subject import Subject, Tested, subject_of

PLACES = ("images", "logits", "codes")
LATE = 10**6  # a step at which every term counts that starts later


class _Case(NamedTuple):
    """What a penalty is called with."""

    network: nn.Module
    first: Tensor
    second: Tensor


def check_regularizer(tested: Tested, options: Mapping[str, Any] | None = None) -> None:
    """Check a penalty on a small discriminator, or on a small generator if it trains one (`on = "codes"`).

    Args:
        tested: the record or its target.
        options: of the penalty; missing ones take their defaults.

    Raises:
        ConformanceError: lists every breach.
    """
    subject = subject_of(tested, "regularizer", options)
    findings = subject.findings()
    with findings.watching("building or calling it"):
        penalty = subject.build()
        if _check_form(penalty, findings):
            for fraction in (0.0, 1.0):
                _ready(penalty, fraction)
                _check_call(penalty, findings)
            _check_mean(penalty, findings)
            _check_restored(penalty, subject, findings=findings)
    findings.raise_any()


def _check_form(penalty: Any, findings: Findings) -> bool:
    every, shrink = getattr(penalty, "every", None), getattr(penalty, "shrink", 1)
    for name, value in (("every", every), ("shrink", shrink)):
        found = f"`{name}` is {value!r}"
        findings.require(type(value) is int and value >= 1, found, "set it to an integer of at least 1")
    place = getattr(penalty, "on", "images")
    return findings.require(place in PLACES, f"`on` is {place!r}", f"set it to one of {', '.join(PLACES)}")


def _ready(penalty: Any, fraction: float = 0.0) -> None:
    """Call the optional hooks as a task does before a step."""
    if hasattr(penalty, "progress"):
        penalty.progress(fraction)
    if hasattr(penalty, "begin"):
        penalty.begin(LATE)


def _check_call(penalty: Any, findings: Findings) -> None:
    case = _case(penalty)
    given = [*case[1:], *case.network.parameters()]
    before = [(part.detach().clone(), part.requires_grad) for part in given]
    value = _seeded(penalty, case)
    is_scalar = isinstance(value, Tensor) and value.shape == ()
    if not findings.require(is_scalar, "it returns no scalar tensor", "return the batch mean"):
        return
    findings.require(
        bool(torch.isfinite(value)), f"it is {value.item()}", "guard roots and logarithms with a small eps"
    )
    equal = all(torch.equal(part, old) for part, (old, _) in zip(given, before))
    findings.require(equal, "it changes what it was given or the weights", "work on new tensors")
    kept = all(part.requires_grad == flag for part, (_, flag) in zip(given, before))
    findings.require(kept, "it leaves requires_grad changed", "use x = images.detach().requires_grad_()")
    grads = [part.grad for part in given if part.is_leaf and part.grad is not None]
    findings.require(not grads, "it leaves gradients in .grad", "use torch.autograd.grad(..., create_graph=True)")
    findings.require(case.network.training, "it leaves the network in evaluation mode", "restore the mode")
    _check_gradient(value, case.network, findings)


def _check_gradient(value: Tensor, network: nn.Module, findings: Findings) -> None:
    weights = list(network.parameters())
    found = torch.autograd.grad(value, weights, allow_unused=True) if value.requires_grad else ()
    reached = any(part is not None and bool(part.abs().sum() > 0) for part in found)
    findings.require(
        reached, "its gradient doesn't reach the network", "use create_graph=True, don't detach the result"
    )


def _check_mean(penalty: Any, findings: Findings) -> None:
    """Only for penalties that draw nothing at random, where both sides see the same points."""
    whole = _seeded(penalty, _case(penalty))
    if not torch.equal(whole, _seeded(penalty, _case(penalty), seed=1)):
        return
    halves = sum(_seeded(penalty, _case(penalty, rows)) for rows in (slice(0, 4), slice(4, 8))) / 2
    close = torch.allclose(whole, halves, rtol=1e-3, atol=1e-7)
    found = f"of a batch it is {whole.item():.4g}, the mean of its halves {halves.item():.4g}"
    findings.require(close, found, "return the mean over the examples; move averages in begin()")


def _check_restored(penalty: Any, subject: Subject, *, findings: Findings) -> None:
    other = subject.build()
    if not check_state(penalty, other, findings=findings):
        return
    _ready(penalty)
    _ready(other)
    with findings.watching("a call after its state was restored"):
        same = torch.equal(_seeded(penalty, _case(penalty)), _seeded(other, _case(other)))
        findings.require(same, "it differs after its state was restored", "put all that changes into state_tensors()")


def _case(penalty: Any, rows: slice = slice(0, 8)) -> _Case:
    """Return what the penalty is called with, for some of eight examples."""
    place = getattr(penalty, "on", "images")
    if place == "codes":
        network = _synthesis()
        codes = torch.randn(8, 2, 4, generator=torch.Generator().manual_seed(1))[rows].requires_grad_(True)
        return _Case(network, codes, network(codes))
    network = _judge()
    real, fake = (float_pictures(8, 16, 16, seed=seed)[rows] for seed in (1, 2))
    return _Case(network, real, fake) if place == "images" else _Case(network, network(real), network(fake))


def _seeded(penalty: Any, case: _Case, *, seed: int = 0) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return penalty(*case)


def _judge() -> nn.Module:
    """Return a smooth discriminator, so that second derivatives exist and differ from zero."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = [nn.Conv2d(3, 8, 3, 2, 1), nn.Softplus(), nn.Conv2d(8, 8, 3, 2, 1), nn.Softplus(), nn.Flatten()]
        return nn.Sequential(*layers, nn.Linear(8 * 4 * 4, 1))


def _synthesis() -> nn.Module:
    """Return a smooth generator of 8-pixel pictures from codes (B, 2, 4)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = [nn.Flatten(), nn.Linear(8, 16), nn.Softplus(), nn.Linear(16, 3 * 8 * 8), nn.Tanh()]
        return nn.Sequential(*layers, nn.Unflatten(1, (3, 8, 8)))
