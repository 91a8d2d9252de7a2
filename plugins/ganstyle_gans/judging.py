"""The discriminator as penalties call it, and what its logits tell about the game."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganstyle.api import LossLike
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

    def forward(self, images: Tensor) -> Tensor:
        """Return D's logits of float (B, C, H, W)."""
        return self.discriminator(images, self.labels)

    def real(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return D's logits of real pictures and its auxiliary loss, if it has one.

        Args:
            images: float (B, C, H, W).
        """
        judge_real = getattr(unwrapped(self.discriminator), "judge_real", None)
        return (self(images), None) if judge_real is None else judge_real(images, self.labels)


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
