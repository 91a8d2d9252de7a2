"""Residual networks that enlarge a coarse grid to pictures, and reduce pictures to one logit."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ganstyle.api import ImageSpec, Options
from ganstyle.errors import UsageError

LEVELS = 3
SMALLEST = 2**LEVELS


class NetworkOptions(Options):
    """Options of the architecture."""

    z_dim: Annotated[int, Field(ge=1, le=4096, description="Latent dimension.")] = 64
    channels: Annotated[int, Field(ge=4, le=1024, description="Width of every layer.")] = 48


def build_networks(options: NetworkOptions, image: ImageSpec) -> dict[str, nn.Module]:
    """Return the generator and the discriminator.

    Raises:
        UsageError: labels, or pictures smaller than the coarse grid.
    """
    if image.labels:
        raise UsageError("this architecture knows no labels", hint="--set train.conditional=false")
    if min(image.height, image.width) < SMALLEST:
        raise UsageError(f"pictures of {image.height}x{image.width} are too small", hint=f"at least {SMALLEST} pixels")
    return {"generator": Generator(options, image), "discriminator": Discriminator(options, image)}


class Residual(nn.Module):
    """Two convolutions beside the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """Return float (B, C, H, W) for float (B, C, H, W)."""
        return features + 0.3 * self.second(F.leaky_relu(self.first(F.leaky_relu(features, 0.2)), 0.2))


class Generator(nn.Module):
    """Latents to pictures.

    Attributes:
        z_dim: latent dimension; the task draws that many numbers for each picture.
        labels: 0, as it is unconditional.
    """

    labels = 0

    def __init__(self, options: NetworkOptions, image: ImageSpec) -> None:
        super().__init__()
        self.z_dim, self.size = options.z_dim, (image.height, image.width)
        self.grid = (options.channels, -(-image.height // SMALLEST), -(-image.width // SMALLEST))
        self.first = nn.Linear(options.z_dim, self.grid[0] * self.grid[1] * self.grid[2])
        self.blocks = nn.ModuleList(Residual(options.channels) for _ in range(LEVELS))
        self.last = nn.Conv2d(options.channels, image.channels, 3, padding=1)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return pictures, float (B, C, H, W) in [-1, 1], of latents, float (B, z_dim)."""
        features = self.first(z).unflatten(1, self.grid)
        for block in self.blocks:
            features = block(F.interpolate(features, scale_factor=2.0))
        height, width = self.size
        return torch.tanh(self.last(features))[:, :, :height, :width]


class Discriminator(nn.Module):
    """Pictures to logits."""

    def __init__(self, options: NetworkOptions, image: ImageSpec) -> None:
        super().__init__()
        self.first = nn.Conv2d(image.channels, options.channels, 3, padding=1)
        self.blocks = nn.ModuleList(Residual(options.channels) for _ in range(LEVELS))
        self.last = nn.Linear(options.channels, 1)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return logits, float (B, 1), of pictures, float (B, C, H, W) in [-1, 1]."""
        features = self.first(images)
        for block in self.blocks:
            features = F.avg_pool2d(block(features), 2)
        return self.last(F.leaky_relu(features, 0.2).mean((2, 3)))
