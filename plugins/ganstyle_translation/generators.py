"""Picture to picture: the fast generator, for CPUs, and the classic ResNet.

Papers: Zhu et al. 2017 (arXiv:1703.10593) and Park et al. 2020 (arXiv:2007.15651) for the ResNet, here with repeated
edges and resized convolutions; the fast one works at an eighth of the size behind a pixel unshuffle. Both were written
from the papers; the original code (BSD) was not consulted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .layers import DepthwiseBlock, Norm, NormKind, ResidualBlock, Walk, conv

Ups = Literal["shuffle", "linear"]
KEPT = 0.95  # of the picture, in front of the logarithm that black and white would send to infinity
QUIET = 0.1  # of the last layer's first weights: a fresh fast generator changes little


@dataclass(frozen=True)
class Encoded:
    """A picture halfway through a generator.

    Attributes:
        features: float (B, C, h, w).
        skips: what the second half takes besides.
        taps: features that patches are compared by, from the pixels inwards.
    """

    features: Tensor
    skips: tuple[Tensor, ...]
    taps: tuple[Tensor, ...]


class FastGenerator(nn.Module):
    """Unshuffle in, depthwise blocks at an eighth of the size, shuffle out; adds to the picture what changes.

    With `coarse` it adds to the blurred picture instead: whoever starts from the photograph pays nothing for its
    texture, and an adversary that small crops hardly serve has no reason to be feared. A blur has to be painted over.

    Attributes:
        tap_channels: of the features in `Encoded.taps`.
        reach: a pixel depends on none farther away than this, but for the moments.
    """

    def __init__(
        self,
        channels: int,
        blocks: int,
        *,
        kind: NormKind = "instance",
        code_length: int = 0,
        coarse: int = 1,
        ups: Ups = "shuffle",
    ) -> None:
        """Make all layers; widths are 1, 2 and 4 times `channels`.

        Args:
            channels: at half the size.
            blocks: at an eighth of the size.
            kind: of the normalisation.
            code_length: numbers of a style code; 0 is one fixed style.
            coarse: 1, 2, 4 or 8, side of the squares whose mean colours are built on; 1 is the picture itself.
            ups: how sizes are doubled. `shuffle` gives each of four pixels weights of its own, of which an adversary
                makes lattices; `linear` can't.
        """
        super().__init__()
        self.coarse, self.ups, shuffled = coarse, ups, 4 if ups == "shuffle" else 1
        half, quarter, eighth = channels, 2 * channels, 4 * channels
        norms = {"kind": kind, "code_length": code_length}
        self.from_rgb = conv(12, half, 3)
        self.down_quarter = conv(half, quarter, 3, stride=2)
        self.down_eighth = conv(quarter, eighth, 3, stride=2)
        self.blocks = nn.ModuleList(DepthwiseBlock(eighth, **norms) for _ in range(blocks))
        self.up_quarter = conv(eighth, shuffled * quarter, 1)
        self.merge_quarter, self.norm_quarter = conv(quarter, quarter, 3), Norm(quarter, **norms)
        self.up_half = conv(quarter, shuffled * half, 1)
        self.merge_half, self.norm_half = conv(half, half, 3), Norm(half, **norms)
        self.gate_quarter, self.gate_half = (nn.Parameter(torch.zeros(1, c, 1, 1)) for c in (quarter, half))
        self.to_rgb = conv(half, shuffled * 3, 3)
        with torch.no_grad():
            self.to_rgb.weight.mul_(QUIET)
        if ups == "shuffle":
            for layer in (self.up_quarter, self.up_half, self.to_rgb):
                _even(layer)
        self.middle, self.reach = (blocks + 1) // 2, 24 * blocks + (24 if ups == "shuffle" else 40)
        self.tap_channels = (12, half, quarter, eighth, eighth)

    def encode(self, images: Tensor, walk: Walk) -> Encoded:
        """Run the first half; float (B, 3, H, W) in [-1, 1], H and W multiples of 8."""
        pixels = F.pixel_unshuffle(images, 2)
        half = F.relu(self.from_rgb(pixels))
        quarter = F.relu(self.down_quarter(half))
        first = features = F.relu(self.down_eighth(quarter))
        for block in self.blocks[: self.middle]:
            features = block(features, walk)
        return Encoded(features, (images, half, quarter), (pixels, half, quarter, first, features))

    def decode(self, encoded: Encoded, walk: Walk) -> Tensor:
        """Run the second half; return float (B, 3, H, W) in [-1, 1]."""
        features, (images, half, quarter) = encoded.features, encoded.skips
        for block in self.blocks[self.middle :]:
            features = block(features, walk)
        features = self._doubled(self.up_quarter(features)) + torch.sigmoid(self.gate_quarter) * quarter
        features = F.relu(self.norm_quarter(self.merge_quarter(features), walk))
        features = self._doubled(self.up_half(features)) + torch.sigmoid(self.gate_half) * half
        features = F.relu(self.norm_half(self.merge_half(features), walk))
        base = torch.atanh(KEPT * blurred(images, self.coarse))
        if self.ups == "shuffle":
            return torch.tanh(base + self._doubled(self.to_rgb(features)))
        return torch.tanh(base + self.to_rgb(self._doubled(features)))

    def _doubled(self, features: Tensor) -> Tensor:
        if self.ups == "shuffle":
            return F.pixel_shuffle(features, 2)
        return F.interpolate(features, scale_factor=2, mode="bilinear")

    def forward(self, images: Tensor, walk: Walk) -> Tensor:
        """Run both halves."""
        return self.decode(self.encode(images, walk), walk)


def blurred(images: Tensor, side: int) -> Tensor:
    """Return float (B, C, H, W) made of the mean colours of squares, joined linearly; a side of 1 changes nothing.

    Args:
        images: float (B, C, H, W), H and W multiples of `side`.
        side: of the squares, in pixels.
    """
    if side == 1:
        return images
    return F.interpolate(F.avg_pool2d(images, side), scale_factor=side, mode="bilinear")


@torch.no_grad()
def _even(layer: nn.Conv2d) -> None:
    """Give the four pixels that a shuffle lays side by side the same first weights, or a lattice is where it begins.

    Source: Aitken et al. 2017 (arXiv:1707.02937).
    """
    for values in (layer.weight, cast(nn.Parameter, layer.bias)):
        values.copy_(values[::4].repeat_interleave(4, 0))


class ResnetGenerator(nn.Module):
    """c7s1, strided convolutions down, residual blocks, resized convolutions up, c7s1 and tanh.

    Attributes:
        tap_channels: of the features in `Encoded.taps`.
        reach: a pixel depends on none farther away than this, but for the moments.
    """

    def __init__(
        self, channels: int, blocks: int, *, downs: int = 2, kind: NormKind = "instance", code_length: int = 0
    ) -> None:
        """Make all layers; widths double with every step down.

        Args:
            channels: at full size.
            blocks: at the smallest size.
            downs: how often the size is halved.
            kind: of the normalisation.
            code_length: numbers of a style code; 0 is one fixed style.
        """
        super().__init__()
        widths, norms = [channels << step for step in range(downs + 1)], {"kind": kind, "code_length": code_length}
        self.from_rgb, self.norm_in = conv(3, channels, 7), Norm(channels, kind=kind)
        self.downs = nn.ModuleList(conv(w, 2 * w, 3, stride=2) for w in widths[:-1])
        self.down_norms = nn.ModuleList(Norm(w, kind=kind) for w in widths[1:])
        self.blocks = nn.ModuleList(ResidualBlock(widths[-1], **norms) for _ in range(blocks))
        self.ups = nn.ModuleList(conv(2 * w, w, 3) for w in reversed(widths[:-1]))
        self.up_norms = nn.ModuleList(Norm(w, **norms) for w in reversed(widths[:-1]))
        self.to_rgb = conv(channels, 3, 7)
        self.middle, self.reach = (blocks + 1) // 2, (2 * blocks + 3 << downs) + 6
        self.tap_channels = (3, *widths[1:], widths[-1], widths[-1])

    def encode(self, images: Tensor, walk: Walk) -> Encoded:
        """Run the first half; float (B, 3, H, W) in [-1, 1], H and W multiples of 2 ** downs."""
        features, taps = F.relu(self.norm_in(self.from_rgb(images), walk)), [images]
        for down, norm in zip(self.downs, self.down_norms):
            features = F.relu(norm(down(features), walk))
            taps.append(features)
        for index, block in enumerate(self.blocks[: self.middle]):
            features = block(features, walk)
            if index in (0, self.middle - 1):
                taps.append(features)
        return Encoded(features, (), tuple(taps[: len(self.tap_channels)]))

    def decode(self, encoded: Encoded, walk: Walk) -> Tensor:
        """Run the second half; return float (B, 3, H, W) in [-1, 1]."""
        features = encoded.features
        for block in self.blocks[self.middle :]:
            features = block(features, walk)
        for up, norm in zip(self.ups, self.up_norms):
            features = F.interpolate(features, scale_factor=2, mode="nearest")
            features = F.relu(norm(up(features), walk))
        return torch.tanh(self.to_rgb(features))

    def forward(self, images: Tensor, walk: Walk) -> Tensor:
        """Run both halves."""
        return self.decode(self.encode(images, walk), walk)
