"""R3GAN: Huang et al. 2024, arXiv:2501.05441. Written from the paper; no code was copied.

Residual blocks without normalisation, noise or styles; loss and penalties keep the training stable instead:
relativistic, with R1 and R2 at every step, which the record's recipe sets.

Note:
    The output is linear, as in the paper, and clamped to [-1, 1] in evaluation mode. Through tanh, pictures with large
    black areas (MNIST) drove every pixel into its flat end: black pictures, and no gradient left to mend them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ganstyle.api import ImageSpec, Options
from ganstyle.nn.labels import LatentInput
from ganstyle.nn.modules import base_grid

SLOPE = 0.2
LARGEST = 256


class R3ganOptions(Options):
    """Options of `r3gan`."""

    z_dim: Annotated[int, Field(ge=1, le=4096, description="Latent dimension.")] = 64
    base_channels: Annotated[
        int, Field(ge=4, le=1024, description="Channels at the full resolution, doubled at each coarser one.")
    ] = 16
    max_channels: Annotated[
        int, Field(ge=4, le=2048, description="Upper limit of the doubling; paper: 768, at 32 pixels at every one.")
    ] = 128
    blocks: Annotated[int, Field(ge=1, le=8, description="Residual blocks at each resolution; paper: 2.")] = 1
    expansion: Annotated[int, Field(ge=1, le=8, description="Inner width of a block over its outer.")] = 2
    group_width: Annotated[
        int, Field(ge=1, le=1024, description="Channels that a 3x3 convolution mixes; 1 is depthwise.")
    ] = 16
    bounded: Annotated[
        bool, Field(description="End G with tanh, which the paper does not; some pictures then end up black.")
    ] = False


def build_r3gan(options: R3ganOptions, image: ImageSpec) -> dict[str, nn.Module]:
    """Return the generator and the discriminator.

    Raises:
        UsageError: a size that doubling from a 4..16 grid can't reach.
    """
    doublings = base_grid(image.height, image.width, name="r3gan", largest=LARGEST)[2]
    channels = [
        min(options.max_channels, options.base_channels * 2 ** (doublings - stage)) for stage in range(doublings + 1)
    ]
    return {
        "generator": R3ganGenerator(options, image, channels=channels),
        "discriminator": R3ganDiscriminator(options, image, channels=channels),
    }


class ResidualBlock(nn.Module):
    """x + 1x1(act(grouped 3x3(act(1x1(x))))); the identity when new.

    The last convolution starts at zero, the others shrunk by L^(-1/4) for L blocks in a row, so that a step of
    training changes a deep network no more than a shallow one.

    Source: arXiv:2501.05441, section 3.3; Zhang et al. 2019 (arXiv:1901.09321), section 3, with m = 3.
    """

    def __init__(self, channels: int, *, inner: int, group_width: int, depth: int) -> None:
        """Draw the weights.

        Args:
            channels: in and out.
            inner: of the 3x3 convolution.
            group_width: channels per group; the greatest common divisor with `inner` is taken.
            depth: L.
        """
        super().__init__()
        groups = inner // math.gcd(inner, group_width)
        self.expand = nn.Conv2d(channels, inner, 1)
        self.mix = nn.Conv2d(inner, inner, 3, padding=1, groups=groups)
        self.project = nn.Conv2d(inner, channels, 1, bias=False)
        for convolution in (self.expand, self.mix):
            _draw(convolution, math.sqrt(2.0 / (1.0 + SLOPE**2)) * depth**-0.25)
        nn.init.zeros_(self.project.weight)

    def forward(self, features: Tensor) -> Tensor:
        """Change float (B, channels, H, W)."""
        inner = F.leaky_relu(self.expand(features), SLOPE)
        return features + self.project(F.leaky_relu(self.mix(inner), SLOPE))


class Upsampling(nn.Module):
    """Twice the sides, bilinear; a 1x1 convolution first if the number of channels changes."""

    def __init__(self, inputs: int, outputs: int) -> None:
        """Draw the weights."""
        super().__init__()
        self.change = _pointwise(inputs, outputs)

    def forward(self, features: Tensor) -> Tensor:
        """Return float (B, outputs, 2 H, 2 W)."""
        return F.interpolate(self.change(features), scale_factor=2, mode="bilinear")


class Downsampling(nn.Module):
    """Half the sides, bilinear, i.e. means of 2x2; then a 1x1 convolution if the number of channels changes."""

    def __init__(self, inputs: int, outputs: int) -> None:
        """Draw the weights."""
        super().__init__()
        self.change = _pointwise(inputs, outputs)

    def forward(self, features: Tensor) -> Tensor:
        """Return float (B, outputs, H / 2, W / 2)."""
        return self.change(F.avg_pool2d(features, 2))


class R3ganGenerator(LatentInput):
    """Latents to pictures: a linear map of z scales the channels of a learned coarse map."""

    def __init__(self, options: R3ganOptions, image: ImageSpec, *, channels: list[int]) -> None:
        """Build the stages.

        Args:
            options: of the architecture.
            image: what to make.
            channels: of each stage, coarse to fine.
        """
        super().__init__(z_dim=options.z_dim, labels=image.labels, outputs=channels[0])
        self.bounded = options.bounded
        height, width, _ = base_grid(image.height, image.width, name="r3gan", largest=LARGEST)
        nn.init.normal_(self.first.weight, 0.0, self.first.in_features**-0.5)
        self.basis = nn.Parameter(torch.randn(1, channels[0], height, width))
        stages = [nn.Sequential(*_blocks(channels[0], options, stages=len(channels)))]
        for coarse, fine in pairwise(channels):
            stages.append(nn.Sequential(Upsampling(coarse, fine), *_blocks(fine, options, stages=len(channels))))
        self.stages = nn.Sequential(*stages)
        self.to_rgb = _draw(nn.Conv2d(channels[-1], image.channels, 1), 0.5)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Make pictures.

        Args:
            z: float (B, z_dim), standard normal.
            labels: int64 (B,), if conditional.

        Returns:
            float (B, C, H, W); in evaluation mode in [-1, 1].
        """
        features = self.enter(z, labels)[:, :, None, None] * self.basis
        images = self.to_rgb(self.stages(features))
        if self.bounded:
            return torch.tanh(images)
        return images if self.training else images.clamp(-1.0, 1.0)


class R3ganDiscriminator(nn.Module):
    """Pictures to logits: the generator's mirror image.

    Attributes:
        labels: number of labels; 0 is unconditional.
    """

    def __init__(self, options: R3ganOptions, image: ImageSpec, *, channels: list[int]) -> None:
        """Build the stages.

        Args:
            options: of the architecture.
            image: what to judge.
            channels: of each stage, coarse to fine.
        """
        super().__init__()
        self.labels = image.labels
        height, width, _ = base_grid(image.height, image.width, name="r3gan", largest=LARGEST)
        self.from_rgb = _draw(nn.Conv2d(image.channels, channels[-1], 1), 1.0)
        stages = []
        for fine, coarse in pairwise(reversed(channels)):
            stages.append(nn.Sequential(*_blocks(fine, options, stages=len(channels)), Downsampling(fine, coarse)))
        stages.append(nn.Sequential(*_blocks(channels[0], options, stages=len(channels))))
        self.stages = nn.Sequential(*stages)
        # The paper's depthwise convolution over the whole coarse map, as the weighted sum it is.
        self.basis = nn.Parameter(torch.randn(1, channels[0], height, width) * (height * width) ** -0.5)
        self.head = nn.Linear(channels[0], options.z_dim if image.labels else 1)
        nn.init.normal_(self.head.weight, 0.0, channels[0] ** -0.5)
        nn.init.zeros_(self.head.bias)
        self.embedding = nn.Embedding(image.labels, options.z_dim) if image.labels else None

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Judge pictures.

        Args:
            images: float (B, C, H, W) in [-1, 1].
            labels: int64 (B,), if conditional: what is found is compared with the label's vector.

        Returns:
            float (B, 1), logits.
        """
        features = self.stages(self.from_rgb(images))
        found = self.head((features * self.basis).sum((2, 3)))
        if self.embedding is None:
            return found
        return (found * self.embedding(labels)).sum(1, keepdim=True) * found.shape[1] ** -0.5

    def lower_layers(self) -> list[nn.Module]:
        """Return the layers that freezing starts with, from the picture inwards (arXiv:2002.10964)."""
        return [self.from_rgb, *self.stages]


def _blocks(channels: int, options: R3ganOptions, *, stages: int) -> Iterator[nn.Module]:
    depth = options.blocks * stages
    for _ in range(options.blocks):
        yield ResidualBlock(channels, inner=channels * options.expansion, group_width=options.group_width, depth=depth)


def _pointwise(inputs: int, outputs: int) -> nn.Module:
    return nn.Identity() if inputs == outputs else _draw(nn.Conv2d(inputs, outputs, 1, bias=False), 1.0)


def _draw(convolution: nn.Conv2d, gain: float) -> nn.Conv2d:
    """Draw weights that multiply a variance by gain^2; the bias starts at 0."""
    nn.init.normal_(convolution.weight, 0.0, gain / math.sqrt(convolution.weight[0].numel()))
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)
    return convolution
