"""Penalties: a finite scalar whose gradient reaches the network, and nothing left behind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ganstyle.testing._findings import Findings
from ganstyle.testing._pictures import float_pictures
from ganstyle.testing._subject import Tested, subject_of


def check_regularizer(tested: Tested, options: Mapping[str, Any] | None = None) -> None:
    """Check a penalty on a small discriminator.

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
        every = getattr(penalty, "every", None)
        findings.require(
            type(every) is int and every >= 1, f"`every` is {every!r}", "set it to an integer of at least 1"
        )
        _check_call(penalty, findings)
    findings.raise_any()


def _check_call(penalty: Any, findings: Findings) -> None:
    network, real, fake = _judge(), float_pictures(4, 16, 16, seed=1), float_pictures(4, 16, 16, seed=2)
    before = [real.clone(), fake.clone(), *(part.detach().clone() for part in network.parameters())]
    value = _seeded(penalty, network, real, fake=fake)
    is_scalar = isinstance(value, Tensor) and value.shape == ()
    if not findings.require(is_scalar, "it returns no scalar tensor", "return the batch mean"):
        return
    findings.require(
        bool(torch.isfinite(value)), f"it is {value.item()}", "guard roots and logarithms with a small eps"
    )
    after = [real, fake, *network.parameters()]
    equal = all(torch.equal(a, b) for a, b in zip(before, after))
    findings.require(equal, "it changes the pictures or the weights", "work on new tensors")
    flags = real.requires_grad or fake.requires_grad or not all(part.requires_grad for part in network.parameters())
    findings.require(not flags, "it leaves requires_grad changed", "use x = images.detach().requires_grad_()")
    grads = [part.grad for part in network.parameters() if part.grad is not None]
    findings.require(not grads, "it leaves gradients in .grad", "use torch.autograd.grad(..., create_graph=True)")
    findings.require(network.training, "it leaves the network in evaluation mode", "restore the mode")
    _check_gradient(value, network, findings)
    _check_mean(penalty, network, findings)


def _check_gradient(value: Tensor, network: nn.Module, findings: Findings) -> None:
    weights = list(network.parameters())
    found = torch.autograd.grad(value, weights, allow_unused=True) if value.requires_grad else ()
    reached = any(part is not None and bool(part.abs().sum() > 0) for part in found)
    findings.require(
        reached, "its gradient doesn't reach the network", "use create_graph=True, don't detach the result"
    )


def _check_mean(penalty: Any, network: nn.Module, findings: Findings) -> None:
    """Only for penalties that draw nothing at random, where both sides see the same points."""
    real, fake = float_pictures(8, 16, 16, seed=1), float_pictures(8, 16, 16, seed=2)
    whole = _seeded(penalty, network, real, fake=fake)
    if not torch.equal(whole, _seeded(penalty, network, real, fake=fake, seed=1)):
        return
    halves = (
        _seeded(penalty, network, real[:4], fake=fake[:4]) + _seeded(penalty, network, real[4:], fake=fake[4:])
    ) / 2
    close = torch.allclose(whole, halves, rtol=1e-3, atol=1e-7)
    found = f"of a batch it is {whole.item():.4g}, the mean of its halves {halves.item():.4g}"
    findings.require(close, found, "return the mean over the examples")


def _seeded(penalty: Any, network: nn.Module, real: Tensor, *, fake: Tensor, seed: int = 0) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return penalty(network, real, fake)


def _judge() -> nn.Module:
    """Return a smooth discriminator, so that second derivatives exist and differ from zero."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = [nn.Conv2d(3, 8, 3, 2, 1), nn.Softplus(), nn.Conv2d(8, 8, 3, 2, 1), nn.Softplus(), nn.Flatten()]
        return nn.Sequential(*layers, nn.Linear(8 * 4 * 4, 1))
