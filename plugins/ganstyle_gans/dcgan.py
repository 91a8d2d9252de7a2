"""DCGAN: Radford et al. 2016, arXiv:1511.06434. Written from the paper; no code was copied.

Conditional: the label is embedded beside z in G; D adds a projection (arXiv:1802.05637).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ganstyle.api import ImageSpec, Options
from ganstyle.nn.labels import LatentInput, with_label
from ganstyle.nn.modules import base_grid, initialise_normal, spectrally_normalised


class DcganOptions(Options):
    """Options of `dcgan`."""

    z_dim: Annotated[int, Field(ge=1, le=4096, description="Latent dimension.")] = 100
    base_channels: Annotated[int, Field(ge=4, le=512, description="Channels at the full resolution; paper: 64.")] = 32
    norm: Annotated[
        Literal["batch", "spectral", "none"], Field(description="D's normalisation; gradient penalties refuse batch.")
    ] = "batch"
    upsampling: Annotated[
        Literal["resize", "transposed"],
        Field(description="G's: nearest and 3x3, or the paper's transposed 4x4, faster, which leaves checkerboards."),
    ] = "resize"


def build_dcgan(options: DcganOptions, image: ImageSpec) -> dict[str, nn.Module]:
    """Return the generator and the discriminator.

    Raises:
        UsageError: a size that doubling from a 4..16 grid can't reach.
    """
    grid = base_grid(image.height, image.width, name="dcgan")
    channels = [options.base_channels * min(8, 2**level) for level in range(grid[2])]
    generator = initialise_normal(DcganGenerator(options, image, channels=channels[::-1]))
    discriminator = initialise_normal(DcganDiscriminator(options, image, channels=channels))
    if options.norm == "spectral":
        spectrally_normalised(discriminator)
    return {"generator": generator, "discriminator": discriminator}


class DcganGenerator(LatentInput):
    """Latents to pictures, doubling the grid per layer."""

    def __init__(self, options: DcganOptions, image: ImageSpec, *, channels: list[int]) -> None:
        """Build the layers.

        Args:
            options: of the architecture.
            image: what to make.
            channels: after the first layer and after each doubling but the last.
        """
        height, width, _ = base_grid(image.height, image.width, name="dcgan")
        # The paper's first transposed convolution of a 1x1 map, as the linear map it is.
        super().__init__(z_dim=options.z_dim, labels=image.labels, outputs=channels[0] * height * width)
        self.grid = nn.Unflatten(1, (channels[0], height, width))
        self.layers = nn.Sequential(nn.BatchNorm2d(channels[0]), nn.ReLU())
        for inputs, outputs in pairwise(channels):
            self.layers.extend([_doubling(options.upsampling, inputs, outputs), nn.BatchNorm2d(outputs), nn.ReLU()])
        self.last = _doubling(options.upsampling, channels[-1], image.channels, bias=True)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Make pictures.

        Args:
            z: float (B, z_dim), standard normal.
            labels: int64 (B,), if conditional.

        Returns:
            float (B, C, H, W) in [-1, 1].
        """
        return torch.tanh(self.last(self.layers(self.grid(self.enter(z, labels)))))


class DcganDiscriminator(nn.Module):
    """Pictures to logits, halving the grid per layer.

    Attributes:
        labels: number of labels; 0 is unconditional.
    """

    def __init__(self, options: DcganOptions, image: ImageSpec, *, channels: list[int]) -> None:
        """Build the layers.

        Args:
            options: of the architecture.
            image: what to judge.
            channels: after each halving.
        """
        super().__init__()
        self.labels = image.labels
        height, width, _ = base_grid(image.height, image.width, name="dcgan")
        self.layers = nn.Sequential()
        for index, (inputs, outputs) in enumerate(zip([image.channels, *channels], channels)):
            self.layers.extend(_halving(options.norm, inputs, outputs, first=index == 0))
        self.last = nn.Conv2d(channels[-1], 1, (height, width))
        self.embedding = nn.Embedding(image.labels, channels[-1]) if image.labels else None
        if self.embedding is not None:
            nn.init.normal_(self.embedding.weight, 0.0, 0.02)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Judge pictures.

        Args:
            images: float (B, C, H, W) in [-1, 1].
            labels: int64 (B,), if conditional.

        Returns:
            float (B, 1), logits.
        """
        features = self.layers(images)
        return with_label(self.last(features).flatten(1), features, embedding=self.embedding, labels=labels)

    def lower_layers(self) -> list[nn.Module]:
        """Return the halvings, from the picture inwards; what is left judges."""
        starts = [index for index, layer in enumerate(self.layers) if isinstance(layer, nn.Conv2d)]
        return [self.layers[start:stop] for start, stop in pairwise([*starts, len(self.layers)])]


def _doubling(upsampling: str, inputs: int, outputs: int, *, bias: bool = False) -> nn.Module:
    if upsampling == "transposed":
        return nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=bias)
    # Repeated edges: zeros would frame every picture early in training.
    convolution = nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="replicate", bias=bias)
    return nn.Sequential(nn.Upsample(scale_factor=2), convolution)


def _halving(norm: str, inputs: int, outputs: int, *, first: bool) -> list[nn.Module]:
    normalised = norm == "batch" and not first
    layers = [nn.Conv2d(inputs, outputs, 4, 2, 1, bias=not normalised)]
    return [*layers, *([nn.BatchNorm2d(outputs)] if normalised else []), nn.LeakyReLU(0.2)]
