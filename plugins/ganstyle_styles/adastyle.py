"""adastyle: one generator for every style; a style is a code of 1512 numbers.

Papers: Huang and Belongie 2017 (arXiv:1703.06868) for styles as channel moments; Dumoulin et
al. 2017 (arXiv:1610.07629) for normalisation as the style's only entrance; Miyato and Koyama
2018 (arXiv:1802.05637) for the discriminator's projection. Original code: none used. The
layer plan is ganstyle's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Literal, cast

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from ganstyle.api import BackboneLike, ImageSpec, LossLike, Options
from ganstyle.functional.style import channel_statistics
from ganstyle.nn.encoders import load_lite0
from ganstyle.nn.modules import device_of

from .adapter import adapter_numbers, parted
from .fitting import Fitting
from .gatys import Progress, optimise_pixels
from .layers import (
    CodeLayout,
    DepthwiseBlock,
    Moments,
    Recorder,
    Site,
    Statistics,
    conv,
)
from .noise import position_noise

STYLE_TAPS = ("b0.depthwise", "b1.depthwise", "b3.depthwise", "b5.depthwise", "b8.depthwise")
GRID = 8  # the picture's sides are padded to multiples of this
LOG_GAIN_LIMIT = 3.0


class AdaStyleOptions(Options):
    """Widths of the networks and the frozen backbone."""

    backbone: Annotated[
        Literal["efficientnet-lite0"], Field(description="What reads styles off pictures; losses have task.backbone.")
    ] = "efficientnet-lite0"
    base_channels: Annotated[int, Field(ge=4, description="Channels at half resolution.")] = 24
    blocks: Annotated[int, Field(ge=1, description="Depthwise blocks at 1/8 resolution.")] = 6
    hidden: Annotated[int, Field(ge=8, description="Width of the style encoder.")] = 512
    embedding: Annotated[int, Field(ge=8, description="Inner width of the style encoder.")] = 256
    skip_drop: Annotated[float, Field(ge=0, lt=1, description="Chance to drop a skip in training.")] = 0.2
    d_channels: Annotated[int, Field(ge=4, description="Discriminator's first width.")] = 32
    d_scales: Annotated[int, Field(ge=1, le=4, description="Sizes at which the discriminator looks.")] = 2


class Painter(nn.Module):
    """The generator proper: picture and code in, picture out; sides multiples of 8."""

    def __init__(self, base_channels: int, blocks: int, *, skip_drop: float = 0.0) -> None:
        """Make all layers; widths are 1, 2 and 4 times `base_channels`."""
        super().__init__()
        half, quarter, eighth = base_channels, 2 * base_channels, 4 * base_channels
        self.skip_drop = skip_drop
        self.layout = CodeLayout((*[eighth] * blocks, quarter, half), (quarter, half), (eighth, quarter))
        self.adapter_length = adapter_numbers(eighth, blocks)
        self.from_rgb = conv(12, half, 3)
        self.down_quarter = conv(half, quarter, 3, stride=2)
        self.down_eighth = conv(quarter, eighth, 3, stride=2)
        self.blocks = nn.ModuleList(DepthwiseBlock(eighth) for _ in range(blocks))
        self.up_quarter = conv(eighth, 4 * quarter, 1)
        self.merge_quarter = conv(quarter, quarter, 3)
        self.up_half = conv(quarter, 4 * half, 1)
        self.merge_half = conv(half, half, 3)
        self.to_rgb = conv(half, 12, 3)

    def forward(
        self,
        images: Tensor,
        code: Tensor,
        noise: Sequence[Tensor],
        *,
        statistics: Statistics | None = None,
        site: Site | None = None,
    ) -> Tensor:
        """Paint.

        Args:
            images: float32 (B, 3, H, W) in [-1, 1]; H and W multiples of 8.
            code: float32 (B or 1, layout.length), or followed by the numbers of an adapter.
            noise: float32 (1, 1, H/8, W/8) and (1, 1, H/4, W/4).
            statistics: moments of every site, from `Stylizer.measure`.
            site: what runs at every modulation site; `None` is a plain `Site`.

        Returns:
            float32 (B, 3, H, W) in [-1, 1].
        """
        site = site or Site()
        code, kernels = parted(code, self.layout.length, blocks=len(self.blocks))
        codes, gates, gains = self.layout.split(code)
        moments: Sequence[Moments | None] = statistics or [None] * len(codes)
        half = torch.relu(self.from_rgb(F.pixel_unshuffle(images, 2)))
        quarter = torch.relu(self.down_quarter(half))
        features = torch.relu(self.down_eighth(quarter)) + noise[0] * gains[0][:, :, None, None]
        for index, block in enumerate(self.blocks):
            features = block(features, codes[index], moments[index], site=site, kernels=kernels[index])
        features = F.pixel_shuffle(self.up_quarter(features), 2) + self._gated(quarter, gates[0])
        features = self.merge_quarter(features + noise[1] * gains[1][:, :, None, None])
        features = torch.relu(site(features, codes[-2], moments[-2]))
        features = F.pixel_shuffle(self.up_half(features), 2) + self._gated(half, gates[1])
        features = torch.relu(site(self.merge_half(features), codes[-1], moments[-1]))
        return torch.tanh(F.pixel_shuffle(self.to_rgb(features), 2))

    def _gated(self, skip: Tensor, gate: Tensor) -> Tensor:
        """Weigh a skip by the code; in training drop it for some pictures.

        An open shallow path tends to a mere recolouring.
        """
        weight = torch.sigmoid(gate)[:, :, None, None]
        if self.training and self.skip_drop > 0:
            kept = torch.rand(len(skip), 1, 1, 1, device=skip.device) >= self.skip_drop
            weight = weight * kept
        return skip * weight


class StyleEncoder(nn.Module):
    """Frozen backbone moments of a style picture, then a small perceptron to its code."""

    typical_mean: Tensor
    typical_deviation: Tensor

    def __init__(self, options: AdaStyleOptions, layout: CodeLayout) -> None:
        """Load the backbone and make the perceptron with an output of `layout.length`."""
        super().__init__()
        last = max(int(tap[1:].partition(".")[0]) for tap in STYLE_TAPS)
        self.backbone = load_lite0(last_block=last)
        mean, deviation = zip(*map(self.backbone.typical_moments, STYLE_TAPS), strict=True)
        self.register_buffer("typical_mean", torch.cat(mean), persistent=False)
        self.register_buffer("typical_deviation", torch.cat(deviation), persistent=False)
        self.width = 2 * len(self.typical_mean)
        self.layout = layout
        self.mlp = nn.Sequential(
            nn.Linear(self.width, options.hidden),
            nn.ReLU(),
            nn.Linear(options.hidden, options.embedding),
            nn.ReLU(),
        )
        self.head = nn.Linear(options.embedding, layout.length)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)

    def moments(self, style: Tensor) -> Tensor:
        """Return the style's standardised backbone moments.

        Args:
            style: float32 (B, 3, H, W) in [-1, 1].

        Returns:
            float32 (B, width): means, then log deviations, each about 0 for a usual photo.
        """
        return self.standardised(self.backbone(style, STYLE_TAPS))

    def standardised(self, maps: dict[str, Tensor]) -> Tensor:
        """Return the same from feature maps already computed at `STYLE_TAPS`."""
        pairs = [channel_statistics(maps[tap]) for tap in STYLE_TAPS]
        mean = torch.cat([m for m, _ in pairs], 1).flatten(1)
        deviation = torch.cat([d for _, d in pairs], 1).flatten(1)
        typical = self.typical_deviation + 1e-3
        centred = (mean - self.typical_mean) / typical
        return torch.cat([centred, (deviation / typical).log().clamp(min=-4)], 1)

    def forward(self, moments: Tensor) -> Tensor:
        """Return the code, float32 (B, layout.length), of float32 (B, width)."""
        code = self.head(self.mlp(moments))
        return LOG_GAIN_LIMIT * torch.tanh(code / LOG_GAIN_LIMIT)


class Stylizer(nn.Module):
    """A painter with its style encoder."""

    def __init__(self, options: AdaStyleOptions) -> None:
        """Make both networks."""
        super().__init__()
        self.painter = Painter(options.base_channels, options.blocks, skip_drop=options.skip_drop)
        self.encoder = StyleEncoder(options, self.painter.layout)

    @property
    def code_length(self) -> int:
        """Return the number of floats in a style code."""
        return self.painter.layout.length

    @property
    def adapter_length(self) -> int:
        """Return the number of floats that may follow a code: changes of kernels, see `adapter`."""
        return self.painter.adapter_length

    def encode(self, style: Tensor) -> Tensor:
        """Return the code of each style picture; average the rows for several pictures.

        Args:
            style: float32 (B, 3, H, W) in [-1, 1], any H and W of at least 32.

        Returns:
            float32 (B, code_length).
        """
        return self.encoder(self.encoder.moments(style))

    def stylize(
        self,
        content: Tensor,
        code: Tensor,
        *,
        statistics: Statistics | None = None,
        offset: tuple[int, int] = (0, 0),
        seed: int = 0,
    ) -> Tensor:
        """Paint the content in the coded style.

        Args:
            content: float32 (B, 3, H, W) in [-1, 1], any H and W.
            code: float32 (B or 1, code_length), or followed by `adapter_length` numbers more.
            statistics: from `measure` of the whole picture, if `content` is a tile of it.
            offset: the tile's absolute row and column, multiples of 8.
            seed: of the stroke noise.

        Returns:
            float32 (B, 3, H, W) in [-1, 1].
        """
        return self._paint(content, code, site=Site(), statistics=statistics, offset=offset, seed=seed)

    @torch.no_grad()
    def measure(self, content: Tensor, code: Tensor, *, seed: int = 0) -> Statistics:
        """Return the moments that the sites normalise by, for re-use on tiles.

        Args:
            content: float32 (B, 3, H, W) in [-1, 1]: the whole picture or a thumbnail.
            code: as `stylize` takes it.
            seed: of the stroke noise.

        Returns:
            One (mean, deviation) of float32 (B, C, 1, 1) for every site.
        """
        recorder = Recorder()
        self._paint(content, code, site=recorder, seed=seed)
        return recorder.moments

    def fitting(
        self,
        works: Sequence[Tensor],
        photos: Sequence[Tensor],
        *,
        code: Tensor,
        adapter: bool = False,
        loss: LossLike | None = None,
        seed: int = 0,
    ) -> Fitting:
        """Return what fits a style to works step by step: `step(fraction)`, `code`, `score(code)`.

        Args:
            works: uint8 (3, H, W) each.
            photos: uint8 (3, H, W) each, painted meanwhile.
            code: float32 (code_length,), or with an adapter, where to start.
            adapter: fit the adapter as well.
            loss: of a rival that learns the works; `None` does without.
            seed: of the crops and the rival.
        """
        return Fitting(self, works, photos, code=code, adapter=adapter, loss=loss, seed=seed)

    def optimise(
        self,
        content: Tensor,
        works: Sequence[Tensor],
        *,
        steps: int = 200,
        seed: int = 0,
        strength: float = 1.0,
        backbone: BackboneLike | None = None,
        progress: Progress | None = None,
    ) -> Tensor:
        """Return the photograph with its pixels optimised, uint8 (3, H, W): slow; see `optimise_pixels`."""
        how = {"steps": steps, "seed": seed, "strength": strength, "progress": progress}
        return optimise_pixels(content, works, backbone=backbone, device=device_of(self), **how).image

    def forward(self, content: Tensor, style: Tensor) -> Tensor:
        """Paint `content` as `style`, both float32 (B, 3, H, W) in [-1, 1]."""
        return self.stylize(content, self.encode(style))

    def _paint(
        self,
        content: Tensor,
        code: Tensor,
        *,
        site: Site,
        statistics: Statistics | None = None,
        offset: tuple[int, int] = (0, 0),
        seed: int = 0,
    ) -> Tensor:
        """Pad to the grid, paint, crop."""
        height, width = content.shape[-2:]
        padding = (0, -width % GRID, 0, -height % GRID)
        padded = F.pad(content, padding, mode="replicate") if any(padding) else content
        noise = [self._noise(padded, scale, offset=offset, seed=seed) for scale in (8, 4)]
        painted = self.painter(padded, code, noise, statistics=statistics, site=site)
        return painted[:, :, :height, :width]

    @staticmethod
    def _noise(content: Tensor, scale: int, *, offset: tuple[int, int], seed: int) -> Tensor:
        """Return position noise on the grid of 1/`scale`, float32 (1, 1, H/scale, W/scale)."""
        if offset[0] % GRID or offset[1] % GRID:
            raise ValueError(f"tile offset {offset} is off the grid; use multiples of {GRID}")
        sides = [side // scale for side in content.shape[-2:]]
        start = (offset[0] // scale, offset[1] // scale)
        return torch.from_numpy(position_noise(sides, offset=start, seed=seed + scale)).to(content)


class Patches(nn.Module):
    """Features of patches of 38 pixels and their logits, conditional on style by projection."""

    def __init__(self, channels: int, style_width: int) -> None:
        """Make layers of 1, 2 and 4 times `channels`, spectrally normalised; styles are float (B, style_width)."""
        super().__init__()
        widths = (3, channels, 2 * channels, 4 * channels)
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            layers += [spectral_norm(nn.Conv2d(inputs, outputs, 4, 2, 1)), nn.LeakyReLU(0.2)]
        last = spectral_norm(nn.Conv2d(widths[-1], widths[-1], 3, 1, 1))
        self.features = nn.Sequential(*layers, last, nn.LeakyReLU(0.2))
        self.head = spectral_norm(nn.Conv2d(widths[-1], 1, 1))
        self.embed = spectral_norm(nn.Linear(style_width, widths[-1], bias=False))

    def judged(self, features: Tensor, style: Tensor | None) -> Tensor:
        """Return the logits, float32 (B, 1, h, w), of features float32 (B, C, h, w)."""
        logits = self.head(features)
        if style is None:
            return logits
        scaled = style / style.square().mean(1, keepdim=True).add(1e-6).sqrt()
        match = (self.embed(scaled)[:, :, None, None] * features).sum(1, keepdim=True)
        return logits + match / features.shape[1] ** 0.5


class Discriminator(nn.Module):
    """Patch logits at several scales: brush marks, and how they stand together.

    The coarser patches are those of the picture at half size, and so on (Wang et al. 2018, arXiv:1711.11585).
    """

    def __init__(self, channels: int, style_width: int, *, scales: int = 2) -> None:
        """Make `scales` equal networks with weights of their own; see `Patches`."""
        super().__init__()
        self.scales = nn.ModuleList(Patches(channels, style_width) for _ in range(scales))

    def forward(self, images: Tensor, style: Tensor | None = None) -> Tensor:
        """Return w.h + (V s).h at every location.

        Args:
            images: float32 (B, 3, H, W) in [-1, 1].
            style: float32 (B, style_width), from `StyleEncoder.moments`; `None` asks only
                whether the picture is painted.

        Returns:
            float32 (B, scales, H/8, W/8).
        """
        return self.judged(self.features(images), style)

    def features(self, images: Tensor) -> list[Tensor]:
        """Return float32 (B, C, h, w) of every scale, of float32 (B, 3, H, W) in [-1, 1]."""
        sizes = [images]
        while len(sizes) < len(self.scales):
            sizes.append(F.avg_pool2d(sizes[-1], 2))
        return [cast(Patches, scale).features(each) for scale, each in zip(self.scales, sizes, strict=True)]

    def judged(self, features: Sequence[Tensor], style: Tensor | None) -> Tensor:
        """Return the logits, float32 (B, scales, h, w); coarse ones are repeated, so that scales weigh the same."""
        logits = [cast(Patches, scale).judged(each, style) for scale, each in zip(self.scales, features, strict=True)]
        return torch.cat([F.interpolate(each, size=logits[0].shape[2:]) for each in logits], 1)


def build_adastyle(options: AdaStyleOptions, image: ImageSpec) -> dict[str, nn.Module]:
    """Return the roles `stylizer` and `discriminator`.

    Args:
        options: widths and the backbone.
        image: three channels; the stylizer takes any height and width.

    Raises:
        ValueError: the pictures are not RGB.
    """
    if image.channels != 3:
        raise ValueError(f"adastyle paints RGB pictures, not {image.channels} channels")
    stylizer = Stylizer(options)
    discriminator = Discriminator(options.d_channels, stylizer.encoder.width, scales=options.d_scales)
    return {"stylizer": stylizer, "discriminator": discriminator}
