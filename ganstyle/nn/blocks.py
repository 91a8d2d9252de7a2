"""Building blocks that several architectures share."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class EqualizedConv2d(nn.Conv2d):
    """A convolution with weights from N(0, 1) that are scaled by gain / sqrt(fan_in) at run time.

    Every weight then moves at the same relative speed under Adam.

    Source: Karras et al. 2018 (arXiv:1710.10196), section 4.1.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int | tuple[int, int], *, gain: float = math.sqrt(2.0), **kwargs: Any
    ) -> None:
        """Draw the weights.

        Args:
            inputs: channels in.
            outputs: channels out.
            kernel: side in pixels.
            gain: sqrt(2) before a rectifier, 1 before nothing.
            **kwargs: as for `torch.nn.Conv2d`.
        """
        super().__init__(inputs, outputs, kernel, **kwargs)
        self.scale = gain / math.sqrt(self.weight[0].numel())
        nn.init.normal_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Convolve float (B, inputs, H, W)."""
        return self._conv_forward(features, self.weight * self.scale, self.bias)


class EqualizedLinear(nn.Linear):
    """A linear map with weights from N(0, 1), scaled by gain / sqrt(fan_in) at run time.

    Source: arXiv:1710.10196, section 4.1.
    """

    def __init__(self, inputs: int, outputs: int, *, gain: float = math.sqrt(2.0), bias: bool = True) -> None:
        """Draw the weights.

        Args:
            inputs: numbers in.
            outputs: numbers out.
            gain: sqrt(2) before a rectifier, 1 before nothing.
            bias: add one, from 0.
        """
        super().__init__(inputs, outputs, bias=bias)
        self.scale = gain / math.sqrt(inputs)
        nn.init.normal_(self.weight)
        if bias:
            nn.init.zeros_(self.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Map float (B, inputs) to (B, outputs)."""
        return F.linear(features, self.weight * self.scale, self.bias)


class PixelNorm(nn.Module):
    """Divide each pixel's channel vector by its root mean square.

    Source: arXiv:1710.10196, section 4.2.
    """

    def forward(self, features: Tensor) -> Tensor:
        """Normalise float (B, C, ...)."""
        return features * (features.square().mean(1, keepdim=True) + 1e-8).rsqrt()


class MinibatchStddev(nn.Module):
    """Append one channel: how much the pictures of a group differ, which shows a collapse.

    Source: arXiv:1710.10196, section 3, with groups as in its reference implementation.
    """

    def __init__(self, group: int = 4) -> None:
        """Keep the largest group size; a batch it doesn't divide gets the next smaller that does."""
        super().__init__()
        self.group = group

    def forward(self, features: Tensor) -> Tensor:
        """Append the statistic.

        Args:
            features: float (B, C, H, W).

        Returns:
            float (B, C + 1, H, W); picture i belongs to group i modulo the number of groups.
        """
        count = len(features)
        size = next(size for size in range(min(self.group, count), 0, -1) if count % size == 0)
        groups = features.view(size, count // size, *features.shape[1:])
        deviation = (groups.var(0, correction=0) + 1e-8).sqrt().mean((1, 2, 3))
        statistic = deviation.repeat(size).view(-1, 1, 1, 1).to(features.dtype)
        return torch.cat([features, statistic.expand(-1, 1, *features.shape[2:])], dim=1)
