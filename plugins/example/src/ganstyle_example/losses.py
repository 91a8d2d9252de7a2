"""What the two networks minimise."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import Tensor

from ganstyle.api import Options


class HingeOptions(Options):
    """Options of the loss."""

    margin: Annotated[float, Field(gt=0, le=100, description="Distance that D should keep from zero.")] = 1.0


class Hinge:
    """D minimises max(0, m - D(x)) + max(0, m + D(G(z))), G minimises -D(G(z)) (arXiv:1705.02894)."""

    relativistic = False  # G's loss doesn't look at the real logits

    def __init__(self, options: HingeOptions) -> None:
        self.margin = options.margin

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return D's loss: the mean over logits of any shape."""
        return (self.margin - real_logits).relu().mean() + (self.margin + fake_logits).relu().mean()

    def generator(self, real_logits: Tensor | None, fake_logits: Tensor) -> Tensor:
        """Return G's loss: the mean over logits of any shape."""
        return -fake_logits.mean()
