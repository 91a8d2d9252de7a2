"""How well a discriminator's features remember the picture they came from (arXiv:2101.04775, section 3.2)."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganstyle.functional.images import shrink
from ganstyle.nn.encoders import EfficientNetLite0, load_lite0

TAPS = ("b0.output", "b2.output", "b4.output", "b8.output")  # strides 2, 4, 8, 16


class Gated(nn.Module):
    """Half of the channels, each times the sigmoid of its partner in the other half (GLU, arXiv:1612.08083)."""

    def forward(self, features: Tensor) -> Tensor:
        """Return float (B, C / 2, ...) of float (B, C, ...)."""
        return F.glu(features, dim=1)


class Decoder(nn.Module):
    """Features to a small picture: per doubling nearest up, 3x3, GLU; then 3x3."""

    def __init__(self, inputs: int, outputs: int, *, doublings: int) -> None:
        """Draw the weights.

        Args:
            inputs: channels of the features.
            outputs: channels of the picture.
            doublings: of the sides.
        """
        super().__init__()
        widths = [max(8, inputs >> stage) for stage in range(doublings + 1)]
        widths[0] = inputs
        self.layers = nn.Sequential(
            *(
                nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(coarse, 2 * fine, 3, padding=1), Gated())
                for coarse, fine in pairwise(widths)
            )
        )
        self.to_rgb = nn.Conv2d(widths[-1], outputs, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """Return float (B, outputs, ...) in [-1, 1] of float (B, inputs, ...)."""
        return torch.tanh(self.to_rgb(self.layers(features)))


class PictureDistance(nn.Module):
    """Mean absolute difference of pixels, plus that of what a frozen ImageNet network sees if one is given.

    Attributes:
        encoder: in no state dict and without parameters; None compares pixels only, at two scales.
    """

    def __init__(self, *, perceptual: bool) -> None:
        """Load the encoder.

        Args:
            perceptual: use EfficientNet-Lite0.

        Raises:
            FileNotFoundError: its weights are not installed.
        """
        super().__init__()
        self.encoder = load_lite0(last_block=8) if perceptual else None

    def forward(self, images: Tensor, targets: Tensor) -> Tensor:
        """Return a scalar, 0 for equal pictures.

        Args:
            images: float (B, 1 or 3, H, W) in [-1, 1].
            targets: float, same shape; no gradient reaches them.
        """
        targets = targets.detach()
        pixels = (images - targets).abs().mean()
        if self.encoder is None:
            return pixels + (shrink(images, 2) - shrink(targets, 2)).abs().mean()
        with torch.no_grad():
            wanted = self._directions(self.encoder, targets)
        found = self._directions(self.encoder, images)
        apart = [(found[tap] - wanted[tap]).square().sum(1).mean() for tap in TAPS]
        return pixels + torch.stack(apart).mean()

    @staticmethod
    def _directions(encoder: EfficientNetLite0, images: Tensor) -> Mapping[str, Tensor]:
        """Return each tap's map, the channel vector of each pixel at length 1 (arXiv:1801.03924, section 3)."""
        maps = encoder(images.expand(-1, 3, -1, -1), TAPS)
        return {tap: F.normalize(features, dim=1, eps=1e-6) for tap, features in maps.items()}
