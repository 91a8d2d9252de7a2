"""Layers of the translators: convolutions without frames, normalisation whose moments can be kept, blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganstyle.functional.style import channel_statistics, modulate

Moments = tuple[Tensor, Tensor]
Statistics = list[Moments]
NormKind = Literal["instance", "none"]
LOG_GAIN_LIMIT = 3.0


def conv(inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """Return a convolution that repeats the edge pixels: zeros would draw a frame.

    Args:
        inputs: channels in.
        outputs: channels out.
        kernel: odd side of the kernel.
        stride: step in pixels.
        groups: `inputs` makes it depthwise.
    """
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, padding_mode="replicate")


class Walk:
    """One pass through a generator: the style code, and the moments of its normalisations in the order met.

    Attributes:
        code: float (B, D) of the style, or None.
        noted: the moments used, float (B, C, 1, 1) each.
    """

    def __init__(self, code: Tensor | None = None, given: Sequence[Moments] | None = None) -> None:
        """Begin.

        Args:
            code: of the style.
            given: moments of a larger picture that the features are a tile of; None measures them.
        """
        self.code, self.noted = code, Statistics()
        self._given = None if given is None else iter(given)

    def moments(self, features: Tensor) -> Moments:
        """Return the mean and deviation to normalise float (B, C, H, W) by."""
        found = channel_statistics(features) if self._given is None else next(self._given)
        self.noted.append(found)
        return found


class Norm(nn.Module):
    """Instance normalisation with a gain and a bias of its own, or of the style code (arXiv:1703.06868)."""

    def __init__(self, channels: int, *, kind: NormKind = "instance", code_length: int = 0) -> None:
        """Make gain and bias.

        Args:
            channels: of the features.
            kind: `none` leaves the features alone.
            code_length: numbers of a style code that chooses gain and bias; 0 has fixed ones.
        """
        super().__init__()
        self.kind, self.by_code = kind, code_length > 0
        if self.by_code:
            self.enter = nn.Linear(code_length, 2 * channels)
        elif kind == "instance":
            self.gain_bias = nn.Parameter(torch.zeros(1, 2 * channels))

    def forward(self, features: Tensor, walk: Walk) -> Tensor:
        """Normalise float (B, C, H, W)."""
        if self.kind == "none" and not self.by_code:
            return features
        moments = walk.moments(features)
        gain, bias = (self.enter(walk.code) if self.by_code else self.gain_bias).chunk(2, dim=1)
        return modulate(features, LOG_GAIN_LIMIT * torch.tanh(gain / LOG_GAIN_LIMIT), bias, statistics=moments)


class DepthwiseBlock(nn.Module):
    """x + pw(relu(pw(norm(dw7(x))))): the block that is fast on CPUs."""

    def __init__(self, channels: int, *, kind: NormKind, code_length: int = 0) -> None:
        """Make the three convolutions; the hidden width is twice `channels`."""
        super().__init__()
        self.depthwise = conv(channels, channels, 7, groups=channels)
        self.norm = Norm(channels, kind=kind, code_length=code_length)
        self.expand = conv(channels, 2 * channels, 1)
        self.project = conv(2 * channels, channels, 1)

    def forward(self, features: Tensor, walk: Walk) -> Tensor:
        """Add the block's change to float (B, C, H, W)."""
        return features + self.project(F.relu(self.expand(self.norm(self.depthwise(features), walk))))


class ResidualBlock(nn.Module):
    """x + norm(conv3(relu(norm(conv3(x))))), as in arXiv:1603.08155 and arXiv:1703.10593."""

    def __init__(self, channels: int, *, kind: NormKind, code_length: int = 0) -> None:
        """Make both convolutions."""
        super().__init__()
        self.first, self.second = (conv(channels, channels, 3) for _ in range(2))
        self.norm_first, self.norm_second = (Norm(channels, kind=kind, code_length=code_length) for _ in range(2))

    def forward(self, features: Tensor, walk: Walk) -> Tensor:
        """Add the block's change to float (B, C, H, W)."""
        hidden = F.relu(self.norm_first(self.first(features), walk))
        return features + self.norm_second(self.second(hidden), walk)
