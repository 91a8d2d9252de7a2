"""Adversarial losses: finite, of the right sign, and a mean over the batch."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ganstyle.testing._findings import Findings
from ganstyle.testing._subject import Tested, subject_of

EXTREME = 50.0
SHAPES = ((8, 1), (8,), (8, 1, 3, 3))

Term = Callable[[Tensor, Tensor], Tensor]
"""Real and fake logits to a scalar."""


def check_loss(tested: Tested, options: Mapping[str, Any] | None = None) -> None:
    """Check a loss.

    Args:
        tested: the record or its target.
        options: of the loss; missing ones take their defaults.

    Raises:
        ConformanceError: lists every breach.
    """
    subject = subject_of(tested, "loss", options)
    findings = subject.findings()
    with findings.watching("building it"):
        loss = subject.build()
        relativistic = getattr(loss, "relativistic", None)
        findings.require(type(relativistic) is bool, "no attribute `relativistic`", "set it to True or False")
        boundary = getattr(loss, "boundary", 0.0)
        numeric = isinstance(boundary, int | float) and math.isfinite(boundary)
        findings.require(
            numeric, f"`boundary` is {boundary!r}", "set it to the logit between real and fake, or drop it"
        )
        terms: dict[str, Term] = {
            "discriminator": loss.discriminator,
            "generator": lambda real, fake: loss.generator(real if relativistic else None, fake),
        }
        for name, term in terms.items():
            with findings.watching(f"{name}()"):
                _check_term(name, term, findings)
        with findings.watching("the sign check"):
            _check_signs(terms, findings)
    findings.raise_any()


def _check_term(name: str, term: Term, findings: Findings) -> None:
    for shape in SHAPES:
        real, fake = _logits(shape, seed=1), _logits(shape, seed=2)
        before = real.clone(), fake.clone()
        value = term(real, fake)
        is_scalar = isinstance(value, Tensor) and value.shape == ()
        if not findings.require(is_scalar, f"{name}() of logits {shape} is no scalar tensor", "return the batch mean"):
            return
        unchanged = torch.equal(real, before[0]) and torch.equal(fake, before[1])
        findings.require(unchanged, f"{name}() changes its logits in place", "work on new tensors")
        findings.require(torch.equal(value, term(real, fake)), f"{name}() differs when repeated", "keep no state")
        halves = (term(real[:4], fake[:4]) + term(real[4:], fake[4:])) / 2
        close = torch.allclose(value, halves, rtol=1e-4, atol=1e-6)
        remedy = "return the mean over the examples, or processes and micro-batches won't add up"
        findings.require(close, f"{name}() of a batch is {value:.4g}, the mean of its halves {halves:.4g}", remedy)
    _check_extremes(name, term, findings)


def _check_extremes(name: str, term: Term, findings: Findings) -> None:
    for low, high in itertools.product((-EXTREME, EXTREME), repeat=2):
        real, fake = torch.full((2, 1), low, requires_grad=True), torch.full((2, 1), high, requires_grad=True)
        value = term(real, fake)
        gradients = torch.autograd.grad(value, (real, fake), allow_unused=True)
        numbers = [value.item(), *(part.abs().max().item() for part in gradients if part is not None)]
        remedy = "use softplus or log_sigmoid rather than log(sigmoid(x))"
        finite = all(map(math.isfinite, numbers))
        findings.require(finite, f"{name}() is not finite for logits {low:+g} (real), {high:+g} (fake)", remedy)


def _check_signs(terms: Mapping[str, Term], findings: Findings) -> None:
    """Logits in the wrong order: D must raise the real and lower the fake ones, G must raise the fake ones."""
    real, fake = (_logits((8, 1), seed=3) * 0.1 - 0.5), (_logits((8, 1), seed=4) * 0.1 + 0.5)
    for name, (first, second), signs in (
        ("discriminator", (real, fake), {"real": -1, "fake": 1}),
        ("generator", (fake, real), {"fake": -1}),  # here the fake logits are the low ones
    ):
        first, second = first.clone().requires_grad_(), second.clone().requires_grad_()
        gradients = torch.autograd.grad(terms[name](first, second), (first, second), allow_unused=True)
        for which, sign in signs.items():
            gradient = gradients[("real", "fake").index(which)]
            right = gradient is not None and bool((gradient * sign > 0).all())
            wish = "raise" if sign < 0 else "lower"
            findings.require(right, f"{name}() doesn't {wish} {which} logits", "turn the sign: it is minimised")
    ordered, swapped = terms["discriminator"](fake, real), terms["discriminator"](real, fake)
    findings.require(
        bool(ordered < swapped), "discriminator() prefers the wrong order", "turn the sign: it is minimised"
    )


def _logits(shape: tuple[int, ...], *, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))
