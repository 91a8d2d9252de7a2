"""What all translation tasks do alike: the game against a discriminator, previews, samples of photographs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ganstyle.api import Batch, LossLike, RegularizerLike
from ganstyle.errors import UsageError
from ganstyle.nn.modules import frozen, has_spectral_norm

Logged = tuple[Tensor, dict[str, Tensor]]


class Adversary:
    """A loss with the penalties on the discriminators; the formulas are the registry's."""

    def __init__(
        self, loss: LossLike, penalties: Sequence[RegularizerLike], judges: Sequence[nn.Module], *, name: str
    ) -> None:
        """Keep them.

        Args:
            loss: adversarial.
            penalties: on pictures or logits.
            judges: the discriminators.
            name: of the task, for messages.

        Raises:
            UsageError: a penalty on latent codes or with averages, or an unbounded loss on judges without a bound.
        """
        if any(getattr(part, "on", "images") == "codes" or hasattr(part, "begin") for part in penalties):
            reason = f"{name} has no latent codes and keeps no averages for a penalty"
            raise UsageError(reason, where="regularizer", hint="use r1, r2, gradient_penalty or drift")
        bounded = all(map(has_spectral_norm, judges)) or any(getattr(p, "per_picture", False) for p in penalties)
        if getattr(loss, "unbounded", False) and not bounded:
            raise UsageError(
                "this loss has no lower bound unless D is constrained",
                where="loss",
                hint="--set arch.d_norm=spectral, or --set 'regularizer=[\"gradient_penalty\"]'",
            )
        self.loss, self.penalties = loss, tuple(penalties)

    def judge(self, judge: Any, real: Tensor, fake: Tensor, *, step: int) -> Logged:
        """Return what a discriminator minimises: penalties that are due join in, times `every`.

        Args:
            judge: pictures to logits of patches; a penalty on gradients sees their mean of each picture, as their sum
                would make it stronger by the square of their number.
            real: float (B, 3, H, W) in [-1, 1].
            fake: the same shape, without a graph.
            step: counted from 0.

        Returns:
            Scalar; `real_logits`, `fake_logits` and `accuracy` for the log.
        """
        real_logits, fake_logits = judge(real), judge(fake)
        loss = self.loss.discriminator(real_logits, fake_logits)
        given = {"images": (real, fake), "logits": (real_logits, fake_logits)}
        for penalty in self.penalties:
            if step % penalty.every == 0:  # lazy (arXiv:1912.04958, app. B)
                term = penalty(lambda images: _of_pictures(judge(images)), *given[getattr(penalty, "on", "images")])
                loss = loss + penalty.every * term
        return loss, self._facts(real_logits.detach(), fake_logits.detach())

    def convince(self, judge: nn.Module, fake: Tensor, real: Tensor, *, labels: Tensor | None = None) -> Tensor:
        """Return what a translator pays for not convincing a discriminator, which only passes gradients on.

        Args:
            judge: the discriminator.
            fake: float (B, 3, H, W) with its graph.
            real: of the same kind, for losses that compare.
            labels: int64 (B,), domains.
        """
        extra = () if labels is None else (labels,)
        with frozen(judge):
            real_logits = judge(real, *extra) if self.loss.relativistic else None
            return self.loss.generator(real_logits, judge(fake, *extra))

    def progress(self, fraction: float) -> None:
        """Tell penalties that follow the budget how much of it is spent, 0 to 1."""
        for penalty in self.penalties:
            if hasattr(penalty, "progress"):
                penalty.progress(fraction)

    @property
    def follows_budget(self) -> bool:
        """Whether a penalty changes with the budget."""
        return any(getattr(part, "follows_budget", hasattr(part, "progress")) for part in self.penalties)

    def _facts(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        boundary = getattr(self.loss, "boundary", 0.0)
        paired = self.loss.relativistic or getattr(self.loss, "unbounded", False)
        right = real - fake if paired else torch.cat([(real - boundary).flatten(), (boundary - fake).flatten()])
        return {"real_logits": real.mean(), "fake_logits": fake.mean(), "accuracy": (right > 0).float().mean()}


def _of_pictures(logits: Tensor) -> Tensor:
    return logits.reshape(len(logits), -1).mean(1)


def photographs(batch: Batch | None, count: int) -> Batch:
    """Return `count` examples of a batch, repeated if it has fewer.

    Raises:
        UsageError: there is none: a translator makes nothing of nothing.
    """
    if batch is None or "images" not in batch:
        raise UsageError(
            "a translator makes pictures of photographs, not of nothing",
            where="generate",
            hint="ganstyle transfer PHOTOS --model RUN",
        )
    rows = torch.arange(count) % len(batch)
    return Batch({key: value[rows] for key, value in batch.items()})


def side_by_side(*columns: Tensor) -> Tensor:
    """Return float (n * columns, 3, H, W), the first of each, then the second of each: rows of a preview."""
    return torch.stack(columns, 1).flatten(0, 1)


def weighted(parts: Mapping[str, tuple[float, Tensor]]) -> Logged:
    """Return the weighted sum of named terms, and the terms without their graphs."""
    total = sum((weight * term for weight, term in parts.values()), torch.zeros((), device=_device(parts)))
    return total, {name: term.detach() for name, (_, term) in parts.items()}


def _device(parts: Mapping[str, tuple[float, Tensor]]) -> torch.device:
    return next(iter(parts.values()))[1].device
