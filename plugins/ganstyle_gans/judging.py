"""The discriminator as penalties call it, and what its logits tell about the game."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ganstyle.api import LossLike, RegularizerLike
from ganstyle.nn.modules import unwrapped


class Judge(nn.Module):
    """The discriminator with the labels filled in, as penalties call it."""

    def __init__(self, discriminator: nn.Module, labels: Tensor | None) -> None:
        """Keep both.

        Args:
            discriminator: any that takes (images, labels).
            labels: int64 (B,) or None.
        """
        super().__init__()
        self.discriminator, self.labels = discriminator, labels
        self._known: list[tuple[Tensor, Tensor]] = []

    def forward(self, images: Tensor) -> Tensor:
        """Return D's logits of float (B, C, H, W)."""
        return self.discriminator(images, self.labels)

    def remember(self, images: Tensor, logits: Tensor) -> Tensor:
        """Keep logits whose graph reaches their pictures, for the penalties; return the logits."""
        if images.requires_grad:
            self._known.append((images, logits))
        return logits

    def recall(self, images: Tensor) -> Tensor | None:
        """Return the logits that were kept for these very pictures, or None."""
        return next((logits for known, logits in self._known if known is images), None)

    def real(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return D's logits of real pictures and its auxiliary loss, if it has one.

        Args:
            images: float (B, C, H, W).
        """
        judge_real = getattr(unwrapped(self.discriminator), "judge_real", None)
        return (self(images), None) if judge_real is None else judge_real(images, self.labels)


def recalled(network: nn.Module, images: Tensor) -> Tensor | None:
    """Return logits that the network, if it is a judge, has made of these pictures already, with their graph."""
    recall = getattr(network, "recall", None)
    return None if recall is None else recall(images)


def reaching(images: Tensor, at: str, penalties: Sequence[RegularizerLike]) -> Tensor:
    """Return the pictures so that the graph of their logits reaches them, if that saves a penalty its own pass.

    Under autocast it doesn't: penalties are computed in float32.

    Args:
        images: float (B, C, H, W).
        at: `real` or `fake`.
        penalties: due in this step.
    """
    wanted = any(getattr(penalty, "at", "") == at for penalty in penalties)
    in_full = images.dtype is torch.float32 and not torch.is_autocast_enabled(images.device.type)
    return images.detach().requires_grad_(True) if wanted and in_full else images


@torch.no_grad()
def logit_facts(loss: LossLike, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    """Return how the game stands, as scalars on the device.

    Where only differences of logits mean anything (relativistic and unbounded losses), signs and accuracy are those of
    the pairs d - f; otherwise of d and f against the loss's boundary.

    Args:
        loss: that the logits are for.
        real: float, any shape.
        fake: float, the same shape.

    Returns:
        `real_logits` and `fake_logits`, means; `sign` of real logits, in [-1, 1]; `accuracy`, in [0, 1].
    """
    real, fake = real.detach().float(), fake.detach().float()
    boundary = getattr(loss, "boundary", 0.0)
    if loss.relativistic or getattr(loss, "unbounded", False):
        signs = right = real - fake
    else:
        signs, right = real - boundary, torch.stack([real - boundary, boundary - fake])
    return {
        "real_logits": real.mean(),
        "fake_logits": fake.mean(),
        "sign": signs.sign().mean(),
        "accuracy": (right > 0).float().mean(),
    }
