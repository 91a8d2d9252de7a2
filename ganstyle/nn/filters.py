"""Resampling by 2 with the smooth filter [1, 3, 3, 1], whose zeros lie where doubled grids alias.

Source: Karras et al. 2020 (arXiv:1912.04958), app. B; Zhang 2019 (arXiv:1904.11486) for why.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

TAPS = (1.0, 3.0, 3.0, 1.0)


class Blur(nn.Module):
    """Convolve every channel with the outer product of [1, 3, 3, 1], whose sum is `gain`; zeros lie outside.

    One depthwise convolution: of six ways tried the fastest on a CPU in either memory format.
    """

    kernel: Tensor

    def __init__(self, *, padding: int, stride: int = 1, gain: float = 1.0) -> None:
        """Prepare the filter.

        Args:
            padding: pixels on every side; the result has 2 padding - 3 more than the input, over `stride`.
            stride: 2 keeps every other pixel.
            gain: sum of the filter; 4 after zeros were put between pixels.
        """
        super().__init__()
        self.padding, self.stride = padding, stride
        taps = torch.tensor(TAPS)
        kernel = taps[:, None] * taps * (gain / taps.sum() ** 2)
        self.register_buffer("kernel", kernel[None, None], persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """Filter float (B, C, H, W)."""
        channels = int(features.shape[1])  # a constant, also where a graph is traced for ONNX
        weight = self.kernel.expand(channels, -1, -1, -1)
        return F.conv2d(features, weight, stride=self.stride, padding=self.padding, groups=channels)


class Halving(nn.Module):
    """Halve both sides through the filter; the border is repeated, so that a constant stays one."""

    def __init__(self) -> None:
        """Prepare the filter."""
        super().__init__()
        self.blur = Blur(padding=0, stride=2)

    def forward(self, features: Tensor) -> Tensor:
        """Return float (B, C, H / 2, W / 2) of float (B, C, H, W), both sides even."""
        return self.blur(F.pad(features, (1, 1, 1, 1), mode="replicate"))


def doubled(features: Tensor) -> Tensor:
    """Return float (B, C, 2 H, 2 W) of float (B, C, H, W) through the filter, the border repeated.

    Bilinear interpolation at half-pixel positions has just these weights: (1/4, 3/4) and (3/4, 1/4).
    """
    return F.interpolate(features, scale_factor=2.0, mode="bilinear", align_corners=False)
