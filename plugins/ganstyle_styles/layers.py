"""Layers of the stylizer: modulation sites, depthwise blocks, position noise, the code."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor, nn

from ganstyle.functional.style import channel_statistics, modulate

from .adapter import SIDE, changed_convolution

Moments = tuple[Tensor, Tensor]
Statistics = list[Moments]


def conv(inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """Return a convolution that repeats the edge pixels.

    Zero padding taught the net to hide style energy in a frame along the border.

    Args:
        inputs: channels in.
        outputs: channels out.
        kernel: odd side of the kernel.
        stride: step in pixels.
        groups: `inputs` makes it depthwise.
    """
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, padding_mode="replicate")


class Site(nn.Module):
    """One modulation site: normalise, then apply the code's gain and bias."""

    def forward(self, features: Tensor, code: Tensor, statistics: Moments | None) -> Tensor:
        """Modulate.

        Args:
            features: float (B, C, H, W).
            code: float (B, 2C), log gains, then biases.
            statistics: moments of the whole picture, see `modulate`.
        """
        gain, bias = code.chunk(2, dim=1)
        return modulate(features, gain, bias, statistics=statistics)


class Recorder(Site):
    """A site that also notes the moments it normalised by."""

    def __init__(self) -> None:
        """Start with no notes."""
        super().__init__()
        self.moments: Statistics = []

    def forward(self, features: Tensor, code: Tensor, statistics: Moments | None) -> Tensor:
        """Modulate as `Site` does; note float (B, C, 1, 1) mean and deviation."""
        self.moments.append(channel_statistics(features) if statistics is None else statistics)
        return super().forward(features, code, self.moments[-1])


class DepthwiseBlock(nn.Module):
    """x + pw(relu(pw(mod(dw7(x)))))."""

    def __init__(self, channels: int, *, expansion: int = 2) -> None:
        """Make the three convolutions; the hidden width is `expansion` x `channels`."""
        super().__init__()
        self.depthwise = conv(channels, channels, SIDE, groups=channels)
        self.expand = conv(channels, expansion * channels, 1)
        self.project = conv(expansion * channels, channels, 1)

    def forward(
        self, features: Tensor, code: Tensor, statistics: Moments | None, *, site: Site, kernels: Tensor | None = None
    ) -> Tensor:
        """Add the block's change to float (B, C, H, W); `kernels` are changes of dw7's, see `changed_convolution`."""
        if kernels is None:
            marks = self.depthwise(features)
        else:
            marks = changed_convolution(self.depthwise, features, kernels)
        modulated = site(marks, code, statistics)
        return features + self.project(torch.relu(self.expand(modulated)))


@dataclass(frozen=True)
class CodeLayout:
    """Where each number of a style code goes.

    Attributes:
        sites: channels of every modulation site, in the order run; two numbers a channel.
        gates: channels of every skip; one number a channel.
        noise: channels of every place that takes noise; one number a channel.
    """

    sites: tuple[int, ...]
    gates: tuple[int, ...]
    noise: tuple[int, ...]

    @property
    def length(self) -> int:
        """Return the number of floats in a code."""
        return 2 * sum(self.sites) + sum(self.gates) + sum(self.noise)

    def split(self, code: Tensor) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """Cut float (B, length) into the parts of the sites, the gates and the noise."""
        sizes = [*(2 * c for c in self.sites), *self.gates, *self.noise]
        parts = list(code.split(sizes, dim=1))
        gates, noise = accumulate([len(self.sites), len(self.gates)])
        return parts[:gates], parts[gates:noise], parts[noise:]
