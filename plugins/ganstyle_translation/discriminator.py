"""Patch discriminator: a logit for each piece of a picture, conditional on a domain by projection.

Papers: Isola et al. 2017 (arXiv:1611.07004) for patches, Miyato and Koyama 2018 (arXiv:1802.05637) for the projection.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from ganstyle.nn.modules import initialise_normal, spectrally_normalised

JudgeNorm = Literal["spectral", "instance", "none"]
MOST_WIDTH = 8  # times the first layer's


class PatchDiscriminator(nn.Module):
    """conv4 s2 as often as asked for, conv4, conv4 to one logit; three times sees 70 x 70 pixels.

    Attributes:
        labels: domains that it tells apart; 0 asks only whether a picture is real.
    """

    def __init__(self, channels: int, layers: int, *, norm: JudgeNorm = "spectral", labels: int = 0) -> None:
        """Make the layers.

        Args:
            channels: of the first layer; doubled at each, at most 8 times.
            layers: strided ones.
            norm: `spectral` bounds the slope and fits every loss; `instance` is the papers'.
            labels: domains.
        """
        super().__init__()
        widths = [3, *(channels * min(2**step, MOST_WIDTH) for step in range(layers + 1))]
        parts: list[nn.Module] = []
        for index, (inputs, outputs) in enumerate(pairwise(widths)):
            parts.append(nn.Conv2d(inputs, outputs, 4, 2 if index < layers else 1, 1))
            parts += [nn.InstanceNorm2d(outputs)] if norm == "instance" and index else []
            parts.append(nn.LeakyReLU(0.2))
        self.labels = labels
        self.features = nn.Sequential(*parts)
        self.head = nn.Conv2d(widths[-1], 1, 4, 1, 1)
        self.domains = nn.Embedding(labels, widths[-1]) if labels else None
        if norm == "spectral":
            spectrally_normalised(self)  # of torch's own first weights: small ones would not matter
        else:
            initialise_normal(self)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Judge.

        Args:
            images: float (B, 3, H, W) in [-1, 1].
            labels: int64 (B,), domains; None asks only whether the pictures are real.

        Returns:
            float (B, 1, h, w).
        """
        features = self.features(images)
        logits = self.head(features)
        if self.domains is None or labels is None:
            return logits
        pooled = features.mean((2, 3))
        return logits + (self.domains(labels) * pooled).sum(1)[:, None, None, None]
