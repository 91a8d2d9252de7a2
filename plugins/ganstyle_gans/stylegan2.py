"""StyleGAN2: Karras et al. 2020, arXiv:1912.04958. Written from the papers; no code was copied.

Note:
    The picture is a sum of linear shares, as in the paper, and in training D sees it as it is. In evaluation mode it
    is clamped to [-1, 1], which is what the paper does on writing pictures. Noise is then a stored one.
    RGB shares are enlarged with the border repeated, and the base grid may be any from 4 to 16 a side.
    Conditional: the label's embedding stands beside z in the mapping network; D adds a projection
    (arXiv:1802.05637), as in arXiv:2006.06676.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from ganstyle.api import ImageSpec, Options
from ganstyle.nn.blocks import EqualizedConv2d, EqualizedLinear, MinibatchStddev, PixelNorm
from ganstyle.nn.filters import doubled
from ganstyle.nn.modules import base_grid
from ganstyle.nn.ranks import mean_over_ranks
from ganstyle_gans.stylegan2_layers import SLOPE, ModulatedConv2d, ResidualDown, SlowLinear, StyledLayer, ToRgb

LARGEST = 1024
MEAN_CODE_DECAY = 0.995  # per batch, as in the reference implementation of truncation


class Stylegan2Options(Options):
    """Options of `stylegan2`; the defaults suit a CPU."""

    z_dim: Annotated[int, Field(ge=1, le=4096, description="Latent dimension; paper: 512.")] = 128
    w_dim: Annotated[int, Field(ge=1, le=4096, description="Numbers of a style code; paper: 512.")] = 128
    mapping_layers: Annotated[
        int, Field(ge=1, le=16, description="Layers from z to the code; paper: 8, for small data sets 2.")
    ] = 2
    base_channels: Annotated[
        int,
        Field(
            ge=4,
            le=512,
            description="Channels at the full resolution, doubled at each coarser one; paper: 32 at 1024 pixels, 128 "
            "at 256, 512 up to 64.",
        ),
    ] = 32
    max_channels: Annotated[int, Field(ge=4, le=1024, description="Upper limit of the doubling; paper: 512.")] = 128
    mixing: Annotated[
        float, Field(ge=0, le=1, description="Share of training pictures made from two codes; paper: 0.9.")
    ] = 0.9
    noise: Annotated[
        bool, Field(description="Noise for details that no code decides; fixed when sampling; the recipe has none.")
    ] = True
    group: Annotated[int, Field(ge=1, le=64, description="Pictures per group of the minibatch deviation.")] = 4


def build_stylegan2(options: Stylegan2Options, image: ImageSpec) -> dict[str, nn.Module]:
    """Return the generator and the discriminator.

    Raises:
        UsageError: a size that doubling from a 4..16 grid can't reach.
    """
    doublings = base_grid(image.height, image.width, name="stylegan2", largest=LARGEST)[2]
    channels = [
        min(options.max_channels, options.base_channels * 2 ** (doublings - level)) for level in range(doublings + 1)
    ]
    return {
        "generator": Stylegan2Generator(options, image, channels=channels),
        "discriminator": Stylegan2Discriminator(options, image, channels=channels),
    }


class MappingNetwork(nn.Module):
    """Latents, and labels, to style codes."""

    def __init__(self, options: Stylegan2Options, labels: int) -> None:
        """Draw the weights.

        Args:
            options: of the architecture.
            labels: 0 is unconditional.
        """
        super().__init__()
        self.norm = PixelNorm()
        self.embedding = nn.Embedding(labels, options.z_dim) if labels else None
        widths = [options.z_dim * (2 if labels else 1), *[options.w_dim] * options.mapping_layers]
        self.layers = nn.Sequential()
        for inputs, outputs in pairwise(widths):
            self.layers.extend([SlowLinear(inputs, outputs), nn.LeakyReLU(SLOPE)])

    def forward(self, z: Tensor, labels: Tensor | None) -> Tensor:
        """Return codes, float (B, w_dim).

        Args:
            z: float (B, z_dim); only its direction counts.
            labels: int64 (B,), if conditional.
        """
        z = self.norm(z)
        if self.embedding is not None:
            z = torch.cat([z, self.norm(self.embedding(labels))], dim=1)
        return self.layers(z)


class Stylegan2Generator(nn.Module):
    """Latents to codes, codes to pictures.

    Attributes:
        z_dim: latent dimension.
        labels: number of labels; 0 is unconditional.
        w_dim: numbers of a code.
        layers: codes that a picture takes, L.
        mean_code: moving average of the codes, float (w_dim,), for truncation.
    """

    mean_code: Tensor

    def __init__(self, options: Stylegan2Options, image: ImageSpec, *, channels: list[int]) -> None:
        """Draw the weights.

        Args:
            options: of the architecture.
            image: what to make.
            channels: at each resolution, coarse to fine.
        """
        super().__init__()
        height, width, doublings = base_grid(image.height, image.width, name="stylegan2", largest=LARGEST)
        self.z_dim, self.labels, self.w_dim = options.z_dim, image.labels, options.w_dim
        self.mixing, self.layers = options.mixing, 2 * doublings + 2
        self.mapping = MappingNetwork(options, image.labels)
        self.register_buffer("mean_code", torch.zeros(options.w_dim))
        self.base = nn.Parameter(torch.randn(1, channels[0], height, width))
        shared = {"w_dim": options.w_dim, "noise": options.noise}
        self.styled = nn.ModuleList([StyledLayer(channels[0], channels[0], size=(height, width), **shared)])
        for level, (coarse, fine) in enumerate(pairwise(channels), start=1):
            size = (height * 2**level, width * 2**level)
            self.styled.append(StyledLayer(coarse, fine, size=size, up=True, **shared))
            self.styled.append(StyledLayer(fine, fine, size=size, **shared))
        self.to_rgb = nn.ModuleList(ToRgb(count, image.channels, w_dim=options.w_dim) for count in channels)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Make pictures.

        Args:
            z: float (B, z_dim); only its direction counts.
            labels: int64 (B,), if conditional.

        Returns:
            float (B, C, H, W); in evaluation mode in [-1, 1].
        """
        return self.synthesise(self.codes(z, labels))

    def codes(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the code of each layer; in training mode some pictures mix two, and the mean code moves.

        Args:
            z: float (B, z_dim).
            labels: int64 (B,), if conditional.

        Returns:
            float (B, L, w_dim).
        """
        code = self.mapping(z, labels)
        codes = code[:, None].expand(-1, self.layers, -1)
        if not self.training:
            return codes
        with torch.no_grad():
            mean = mean_over_ranks(code.detach().float().mean(0))
            self.mean_code.lerp_(mean.to(self.mean_code.dtype), 1.0 - MEAN_CODE_DECAY)
        return codes if self.mixing == 0 else self._mixed(codes, self.mapping(torch.randn_like(z), labels))

    def _mixed(self, codes: Tensor, other: Tensor) -> Tensor:
        """Give each picture, with probability `mixing`, another code from a random layer on (arXiv:1812.04948)."""
        count, layers, _ = codes.shape
        crossover = torch.randint(1, layers, (count, 1), device=codes.device)
        kept = torch.rand(count, 1, device=codes.device) >= self.mixing
        first = kept | (torch.arange(layers, device=codes.device) < crossover)
        return torch.where(first[:, :, None], codes, other[:, None])

    def synthesise(self, codes: Tensor) -> Tensor:
        """Make pictures from codes, e.g. truncated ones.

        Args:
            codes: float (B, L, w_dim).

        Returns:
            float (B, C, H, W); in evaluation mode in [-1, 1].
        """
        features = self.styled[0](self.base.expand(codes.shape[0], -1, -1, -1), codes[:, 0])
        images = self.to_rgb[0](features, codes[:, 1])
        for level, to_rgb in enumerate(self.to_rgb[1:], start=1):
            first = 2 * level - 1
            features = self.styled[first](features, codes[:, first])
            features = self.styled[first + 1](features, codes[:, first + 1])
            images = doubled(images) + to_rgb(features, codes[:, first + 2])
        return images if self.training else images.clamp(-1.0, 1.0)

    def style_weights(self) -> Tensor:
        """Return the matrices by which codes enter, float (n, w_dim), one row per modulated channel.

        Source: Shen and Zhou 2021 (arXiv:2007.06600): their directions of largest effect are editing directions.
        """
        styles = [part.style for part in self.modules() if isinstance(part, ModulatedConv2d)]
        return torch.cat([style.weight * style.scale for style in styles])


class Stylegan2Discriminator(nn.Module):
    """Pictures to logits.

    Attributes:
        labels: number of labels; 0 is unconditional.
        batch_dependent: a logit depends on the other pictures of its group.
    """

    def __init__(self, options: Stylegan2Options, image: ImageSpec, *, channels: list[int]) -> None:
        """Draw the weights.

        Args:
            options: of the architecture.
            image: what to judge.
            channels: at each resolution, coarse to fine.
        """
        super().__init__()
        height, width, _ = base_grid(image.height, image.width, name="stylegan2", largest=LARGEST)
        self.labels, self.batch_dependent = image.labels, options.group > 1
        coarse = channels[0]
        self.from_rgb = nn.Sequential(EqualizedConv2d(image.channels, channels[-1], 1), nn.LeakyReLU(SLOPE))
        self.blocks = nn.Sequential(*(ResidualDown(inputs, outputs) for inputs, outputs in pairwise(channels[::-1])))
        self.last = nn.Sequential(
            MinibatchStddev(options.group),
            EqualizedConv2d(coarse + 1, coarse, 3, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Flatten(),
            EqualizedLinear(coarse * height * width, coarse),
            nn.LeakyReLU(SLOPE),
        )
        self.head = EqualizedLinear(coarse, 1, gain=1.0)
        self.embedding = nn.Embedding(image.labels, coarse) if image.labels else None

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Judge pictures.

        Args:
            images: float (B, C, H, W).
            labels: int64 (B,), if conditional.

        Returns:
            float (B, 1), logits.
        """
        features = self.last(self.blocks(self.from_rgb(images)))
        logits = self.head(features)
        if self.embedding is None:
            return logits
        return logits + (self.embedding(labels) * features).sum(1, keepdim=True) / math.sqrt(features.shape[1])

    def lower_layers(self) -> list[nn.Module]:
        """Return what may be frozen in transfer, from the picture inwards (arXiv:2002.10964)."""
        return [self.from_rgb, *self.blocks]
