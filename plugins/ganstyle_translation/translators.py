"""The role `translator`: what `ganstyle transfer` asks of a trained translation, in one, two or many directions.

Contract, by attribute: `directions`, `domains` (0 without), `code_length`, `translate`, `measure`; with domains also
`encode` and `drawn`. `transfer` paints large pictures tile by tile: `measure` gives the moments of the whole picture,
which `translate` then normalises every tile by.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganstyle.nn.blocks import EqualizedLinear, PixelNorm

from .generators import Encoded
from .layers import Statistics, Walk, conv

GRID = 8
A2B, B2A = "a2b", "b2a"


class Translator(nn.Module):
    """Generators by direction.

    Attributes:
        directions: names, the usual one first.
        domains: kinds of pictures that it makes by code; 0 makes one kind.
        code_length: numbers of a style code; 0 takes none.
    """

    domains = 0
    code_length = 0

    def __init__(self, generators: Mapping[str, nn.Module]) -> None:
        """Keep the generators.

        Args:
            generators: by direction; each has `encode`, `decode` and `tap_channels`.
        """
        super().__init__()
        self.generators = nn.ModuleDict(dict(generators))
        self.directions = tuple(generators)

    @property
    def tap_channels(self) -> tuple[int, ...]:
        """Return the channels of the features that patches are compared by, of the first direction."""
        return self._generator(self.directions[0]).tap_channels

    @property
    def reach(self) -> int:
        """Return how far away a pixel can be and still matter, in pixels, but for the moments."""
        return max(self._generator(name).reach for name in self.directions)

    def taps(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the features of the first direction's first half, of float (B, 3, H, W) in [-1, 1]."""
        encoded: Encoded = self._generator(self.directions[0]).encode(images, Walk())
        return encoded.taps

    def forward(self, images: Tensor, direction: str = A2B, code: Tensor | None = None) -> Tensor:
        """Translate float (B, 3, H, W) in [-1, 1]; the same shape and range."""
        return self.translate(images, direction=direction, code=code)

    def translate(
        self,
        images: Tensor,
        *,
        direction: str = A2B,
        code: Tensor | None = None,
        statistics: Statistics | None = None,
    ) -> Tensor:
        """Translate pictures, or tiles of them.

        Args:
            images: float (B, 3, H, W) in [-1, 1], any H and W.
            direction: one of `directions`.
            code: float (B or 1, code_length), where domains are known by code.
            statistics: from `measure` of the whole picture, if the images are tiles of it.

        Returns:
            float (B, 3, H, W) in [-1, 1].
        """
        return self._walked(images, direction, Walk(_rows(code, images), statistics))

    @torch.no_grad()
    def measure(self, images: Tensor, *, direction: str = A2B, code: Tensor | None = None) -> Statistics:
        """Return the moments that every normalisation used, for re-use on tiles; arguments as for `translate`."""
        walk = Walk(_rows(code, images))
        self._walked(images, direction, walk)
        return walk.noted

    def _generator(self, direction: str) -> Any:
        return self.generators[direction]

    def _walked(self, images: Tensor, direction: str, walk: Walk) -> Tensor:
        height, width = images.shape[-2:]
        padding = (0, -width % GRID, 0, -height % GRID)
        padded = F.pad(images, padding, mode="replicate") if any(padding) else images
        return self._generator(direction)(padded, walk)[:, :, :height, :width]


class StyleEncoder(nn.Module):
    """A picture to a style code: convolutions, then the mean and deviation of every channel."""

    def __init__(self, channels: int, style_dim: int) -> None:
        """Make the layers; widths are 1, 2 and 4 times `channels`."""
        super().__init__()
        self.layers = nn.Sequential(
            nn.PixelUnshuffle(2),
            conv(12, channels, 3),
            nn.ReLU(),
            conv(channels, 2 * channels, 3, stride=2),
            nn.ReLU(),
            conv(2 * channels, 4 * channels, 3, stride=2),
            nn.ReLU(),
            conv(4 * channels, 4 * channels, 3),
            nn.ReLU(),
        )
        self.head = nn.Linear(8 * channels, style_dim)

    def forward(self, images: Tensor) -> Tensor:
        """Return float (B, style_dim) of float (B, 3, H, W) in [-1, 1]."""
        height, width = images.shape[-2:]
        padded = F.pad(images, (0, width % 2, 0, height % 2), mode="replicate")
        features = self.layers(padded).flatten(2)
        mean = features.mean(2)
        deviation = ((features - mean[:, :, None]).square().mean(2) + 1e-5).sqrt()
        return self.head(torch.cat([mean, deviation], 1))


class LatentMapping(nn.Module):
    """A latent and a domain to a style code; equalised layers learn slowly, as the paper's low rate has it."""

    def __init__(self, z_dim: int, domains: int, *, hidden: int, style_dim: int) -> None:
        """Make three layers and an embedding for each domain."""
        super().__init__()
        self.z_dim = z_dim
        self.domains = nn.Embedding(domains, z_dim)
        self.layers = nn.Sequential(
            EqualizedLinear(2 * z_dim, hidden),
            nn.LeakyReLU(0.2),
            EqualizedLinear(hidden, hidden),
            nn.LeakyReLU(0.2),
            EqualizedLinear(hidden, style_dim, gain=1.0),
        )
        self.norm = PixelNorm()

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """Return float (B, style_dim) of float (B, z_dim) and int64 (B,)."""
        return self.layers(torch.cat([z, self.norm(self.domains(labels))], 1))


class ManyTranslator(Translator):
    """One generator for all domains: a style code says where to, drawn from a latent or read off a picture.

    Attributes:
        z_dim: numbers of a latent.
    """

    def __init__(self, generator: nn.Module, mapping: LatentMapping, encoder: StyleEncoder) -> None:
        """Keep the three networks; the generator takes codes as long as the other two give."""
        super().__init__({A2B: generator})
        self.mapping, self.encoder = mapping, encoder
        self.domains, self.z_dim = mapping.domains.num_embeddings, mapping.z_dim
        self.code_length = encoder.head.out_features

    def encode(self, style: Tensor) -> Tensor:
        """Return the codes of pictures, float (B, code_length) of float (B, 3, H, W) in [-1, 1]."""
        return self.encoder(style)

    def coded(self, z: Tensor, labels: Tensor) -> Tensor:
        """Return the codes of latents, float (B, code_length) of float (B, z_dim) and int64 (B,) domains."""
        return self.mapping(z, labels)

    def drawn(self, domain: int, *, seed: int = 0, count: int = 1) -> Tensor:
        """Return codes of a domain; equal seeds give equal ones.

        Args:
            domain: below `domains`.
            seed: of the latents.
            count: how many.

        Returns:
            float (count, code_length), on the device of the weights.
        """
        device = self.mapping.domains.weight.device
        z = torch.randn(count, self.z_dim, generator=torch.Generator().manual_seed(seed)).to(device)
        return self.mapping(z, torch.full((count,), domain, device=device))


def _rows(code: Tensor | None, images: Tensor) -> Tensor | None:
    return None if code is None else code.expand(len(images), -1)
