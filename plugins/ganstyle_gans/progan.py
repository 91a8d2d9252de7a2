"""ProGAN: Karras et al. 2018, arXiv:1710.10196. Written from the paper; no code was copied.

Note:
    Output through tanh, so that pictures stay in [-1, 1] (the paper's is linear). Grows by the share of the
    budget, not by absolute counts. All stages exist from the start; pictures always have the full size, of which
    G fills in as much detail, and D looks at as much, as the stage has.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from ganstyle.api import ImageSpec, Options
from ganstyle.functional.images import enlarge, shrink
from ganstyle.nn.blocks import EqualizedConv2d, EqualizedLinear, MinibatchStddev, PixelNorm
from ganstyle.nn.modules import base_grid
from ganstyle_gans.growth import Growing, faded, mix

LARGEST = 1024


class ProganOptions(Options):
    """Options of `progan`."""

    z_dim: Annotated[int, Field(ge=1, le=4096, description="Latent dimension; paper: 512.")] = 128
    base_channels: Annotated[
        int, Field(ge=4, le=512, description="Channels at the full resolution, doubled at each coarser stage.")
    ] = 32
    max_channels: Annotated[int, Field(ge=4, le=1024, description="Upper limit of the doubling; paper: 512.")] = 128
    growth_share: Annotated[
        float, Field(gt=0, le=1, description="Share of the budget until the last stage is faded in.")
    ] = 0.5
    group: Annotated[int, Field(ge=1, le=64, description="Pictures per group of the minibatch deviation.")] = 4


def build_progan(options: ProganOptions, image: ImageSpec) -> dict[str, nn.Module]:
    """Return the generator and the discriminator, fully grown.

    Raises:
        UsageError: a size that doubling from a 4..16 grid can't reach.
    """
    doublings = base_grid(image.height, image.width, name="progan", largest=LARGEST)[2]
    channels = [
        min(options.max_channels, options.base_channels * 2 ** (doublings - stage)) for stage in range(doublings + 1)
    ]
    return {
        "generator": ProganGenerator(options, image, channels=channels),
        "discriminator": ProganDiscriminator(options, image, channels=channels),
    }


class ProganGenerator(Growing):
    """Latents to pictures, by the stages that have grown.

    Attributes:
        z_dim: latent dimension.
        labels: number of labels; 0 is unconditional.
    """

    def __init__(self, options: ProganOptions, image: ImageSpec, *, channels: list[int]) -> None:
        """Build every stage.

        Args:
            options: of the architecture.
            image: what to make.
            channels: of each stage, coarse to fine.
        """
        super().__init__(len(channels), options.growth_share)
        self.z_dim, self.labels = options.z_dim, image.labels
        height, width, _ = base_grid(image.height, image.width, name="progan", largest=LARGEST)
        self.norm = PixelNorm()
        self.embedding = nn.Embedding(image.labels, options.z_dim) if image.labels else None
        inputs = options.z_dim * (2 if image.labels else 1)
        # The gain of the first layer is divided by 4 as in the reference implementation.
        self.first = nn.Sequential(
            EqualizedLinear(inputs, channels[0] * height * width, gain=math.sqrt(2.0) / 4),
            nn.Unflatten(1, (channels[0], height, width)),
            nn.LeakyReLU(0.2),
            PixelNorm(),
            *_generator_layer(channels[0], channels[0]),
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Upsample(scale_factor=2), *_generator_layer(coarse, fine), *_generator_layer(fine, fine))
            for coarse, fine in pairwise(channels)
        )
        self.to_rgb = nn.ModuleList(EqualizedConv2d(width, image.channels, 1, gain=1.0) for width in channels)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Make pictures.

        Args:
            z: float (B, z_dim); only its direction counts.
            labels: int64 (B,), if conditional.

        Returns:
            float (B, C, H, W) in [-1, 1], always of the full size.
        """
        stage, alpha = self.stage()
        z = self.norm(z)
        if self.embedding is not None:
            z = torch.cat([z, self.norm(self.embedding(labels))], dim=1)
        features = coarse = self.first(z)
        for block in self.blocks[:stage]:
            coarse, features = features, block(features)
        images = self.to_rgb[stage](features)
        if alpha < 1.0:
            images = mix(enlarge(self.to_rgb[stage - 1](coarse), 2), images, alpha)
        return enlarge(torch.tanh(images), 2 ** (self.stages - 1 - stage))

    def style_weights(self) -> Tensor:
        """Return the linear map by which z enters, float (n, z_dim), for editing directions (arXiv:2007.06600)."""
        first: Any = self.first[0]
        return first.weight[:, : self.z_dim]


class ProganDiscriminator(Growing):
    """Pictures to logits, by the stages that have grown.

    Attributes:
        labels: number of labels; 0 is unconditional.
        batch_dependent: a logit depends on the other pictures of its group.
    """

    batch_dependent = True

    def __init__(self, options: ProganOptions, image: ImageSpec, *, channels: list[int]) -> None:
        """Build every stage.

        Args:
            options: of the architecture.
            image: what to judge.
            channels: of each stage, coarse to fine.
        """
        super().__init__(len(channels), options.growth_share)
        self.labels, self.height = image.labels, image.height
        height, width, _ = base_grid(image.height, image.width, name="progan", largest=LARGEST)
        self.from_rgb = nn.ModuleList(_discriminator_layer(image.channels, width, 1) for width in channels)
        self.blocks = nn.ModuleList(
            nn.Sequential(_discriminator_layer(fine, fine, 3), _discriminator_layer(fine, coarse, 3), nn.AvgPool2d(2))
            for coarse, fine in pairwise(channels)
        )
        self.last = nn.Sequential(
            MinibatchStddev(options.group),
            _discriminator_layer(channels[0] + 1, channels[0], 3),
            EqualizedConv2d(channels[0], channels[0], (height, width)),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
        )
        self.head = EqualizedLinear(channels[0], 1, gain=1.0)
        self.embedding = nn.Embedding(image.labels, channels[0]) if image.labels else None

    def prepare(self, images: Tensor, *, real: bool) -> Tensor:
        """Return the pictures at the resolution of the current stage.

        Args:
            images: float (B, C, H, W) in [-1, 1], of the full size.
            real: fade them as G fades its own.
        """
        stage, alpha = self.stage()
        reduced = shrink(images, 2 ** (self.stages - 1 - stage))
        return faded(reduced, alpha) if real and stage > 0 else reduced

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Judge pictures.

        Args:
            images: float (B, C, H, W) in [-1, 1], of the full size or of the stage's.
            labels: int64 (B,), if conditional.

        Returns:
            float (B, 1), logits.
        """
        stage, alpha = self.stage()
        images = shrink(images, images.shape[2] * 2 ** (self.stages - 1 - stage) // self.height)
        features = self.from_rgb[stage](images)
        for level in range(stage, 0, -1):
            features = self.blocks[level - 1](features)
            if level == stage and alpha < 1.0:
                features = mix(self.from_rgb[stage - 1](shrink(images, 2)), features, alpha)
        features = self.last(features)
        logits = self.head(features)
        if self.embedding is None:
            return logits
        return logits + (self.embedding(labels) * features).mean(1, keepdim=True)

    def lower_layers(self) -> list[nn.Module]:
        """Return the inputs of all stages, then the blocks, from the picture inwards; what is left judges."""
        return [self.from_rgb, *reversed(self.blocks)]


def _generator_layer(inputs: int, outputs: int) -> list[nn.Module]:
    return [EqualizedConv2d(inputs, outputs, 3, padding=1), nn.LeakyReLU(0.2), PixelNorm()]


def _discriminator_layer(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(EqualizedConv2d(inputs, outputs, kernel, padding=kernel // 2), nn.LeakyReLU(0.2))
