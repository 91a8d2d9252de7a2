"""How different pairs look to a network: LPIPS, the same formula on EfficientNet-Lite0, and DISTS."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from ganstyle.api import Options
from ganstyle.data.weights import WeightsOptions
from ganstyle.functional.perceptual import perceptual_distance, structure_texture_distance
from ganstyle.nn.trunks import Trunk
from ganstyle_metrics.backbones import Backbone, BackboneOptions, load_backbone
from ganstyle_metrics.paired import PairEvaluator, check_pair
from ganstyle_metrics.trunks import TAPS, load_trunk

WEIGHTS = Path(__file__).parent / "weights" / "perceptual.safetensors"
DISTS_SIDE = 256


class LpipsOptions(WeightsOptions):
    """Options of LPIPS."""

    net: Annotated[Literal["alex", "vgg", "squeeze"], Field(description="Network; papers mean alex or vgg.")] = "alex"


class LiteOptions(Options):
    """The offline perceptual distance has one protocol and no options."""


class DistsOptions(WeightsOptions):
    """Options of DISTS."""


@functools.lru_cache(maxsize=1)
def channel_weights() -> dict[str, Tensor]:
    """Return the published weights of channels, `lpips_alex.0` and so on; see weights/README.md."""
    return load_file(WEIGHTS)


class TrunkPair(PairEvaluator):
    """Base of the metrics of pairs on a trunk; pictures go through it one by one, so that memory is bounded."""

    def __init__(self, trunk: Trunk, *, key: str, protocol: str, device: torch.device | str) -> None:
        self.trunk, self.weights_sha256 = trunk, trunk.weights_sha256
        super().__init__(key=key, protocol=protocol, device=device)

    @torch.inference_mode()
    def measure(self, images: Tensor, reference: Tensor, **styles: Any) -> Tensor:
        """Return the distance of each pair, float (B,)."""
        check_pair(images, reference)
        pairs = zip(images.split(1), reference.split(1), strict=True)
        return torch.cat([self.distance(one, other) for one, other in pairs])

    def distance(self, image: Tensor, reference: Tensor) -> Tensor:
        """Return the distance of one pair, uint8 (1, 3, H, W), as float (1,)."""
        raise NotImplementedError

    def warnings(self) -> list[str]:
        """Return what a reader of the score must know."""
        own = "these are not the published weights: the value compares with nothing but itself"
        return [] if self.trunk.standard else [own]


class Lpips(TrunkPair):
    """LPIPS v0.1 (arXiv:1801.03924): 0 for equal pictures; some 0.1 is hard to see, 0.5 another picture."""

    def distance(self, image: Tensor, reference: Tensor) -> Tensor:
        """Return the distance of one pair."""
        taps = [str(tap) for tap in TAPS[self.trunk.net]]
        known = channel_weights()
        weights = {tap: known[f"lpips_{self.trunk.net}.{i}"].to(self.device) for i, tap in enumerate(taps)}
        x, y = (self.trunk(picture.float() / 127.5 - 1, taps) for picture in (image, reference))
        return perceptual_distance(x, y, weights=weights)


class Dists(TrunkPair):
    """DISTS (arXiv:2004.07728): forgives another grain of the same texture, which LPIPS does not."""

    resize = f"antialias, shorter side {DISTS_SIDE} where it is larger"

    def distance(self, image: Tensor, reference: Tensor) -> Tensor:
        """Return the distance of one pair."""
        taps = [str(tap) for tap in TAPS["vgg"]]
        layers = []
        for picture in (_reduced(image), _reduced(reference)):
            maps = self.trunk(picture * 2 - 1, taps, pooling=l2_pooled)
            layers.append([picture, *(maps[tap] for tap in taps)])
        weights = [channel_weights()[f"dists_vgg.{i}"].to(self.device) for i in range(len(taps) + 1)]
        return structure_texture_distance(*layers, weights)


def _reduced(image: Tensor) -> Tensor:
    """Return float (1, 3, H, W) in [0, 1], its shorter side at most 256, as the paper's code does."""
    scale = DISTS_SIDE / min(image.shape[2:])
    picture = image.float() / 255
    if scale >= 1:
        return picture
    size = [max(DISTS_SIDE, int(side * scale)) for side in image.shape[2:]]
    return F.interpolate(picture, size, mode="bilinear", antialias=True, align_corners=False)


def l2_pooled(features: Tensor) -> Tensor:
    """Return the root of Hann-weighted means of squares, float (B, C, ceil(H / 2), ceil(W / 2)) of (B, C, H, W).

    Source: arXiv:2004.07728, eq. 1: it has no aliasing, which max pooling has.
    """
    edge = torch.hann_window(5, periodic=False, dtype=features.dtype, device=features.device)[1:-1]
    window = edge[:, None] * edge
    kernel = (window / window.sum()).expand(features.shape[1], 1, 3, 3)
    squares = F.conv2d(features.square(), kernel, stride=2, padding=1, groups=features.shape[1])
    return (squares + 1e-12).sqrt()


class LiteDistance(PairEvaluator):
    """LPIPS's formula with equal weights on feature maps of five strides; ours, validated, and not LPIPS.

    0 for equal pictures, 1 for unrelated features (other photographs: 0.8 to 0.95). It rises with blur, noise, JPEG,
    warping, shifts of brightness and salt and pepper, and at equal squared error orders them as people do (Wang et al.
    2004, fig. 2: brightness, contrast, salt and pepper, blur, JPEG).
    """

    def __init__(self, backbone: Backbone, device: torch.device | str) -> None:
        self.backbone, self.weights_sha256 = backbone, backbone.weights_sha256
        taps = " ".join(backbone.taps.perceptual)
        protocol = f"ours, not LPIPS: LPIPS's formula, equal weights, 1 for unrelated, {backbone.name} {taps}, own size"
        super().__init__(key=f"lpips_{backbone.name}", protocol=protocol, device=device)

    def measure(self, images: Tensor, reference: Tensor, **styles: Any) -> Tensor:
        """Return the distance of each pair, float (B,)."""
        check_pair(images, reference)
        taps = self.backbone.taps.perceptual
        distance = perceptual_distance(self.backbone.maps(images, taps), self.backbone.maps(reference, taps))
        return distance / (2 * len(taps))  # orthogonal vectors of length 1 are sqrt(2) apart


def build_lpips(options: LpipsOptions, device: torch.device | str) -> Lpips:
    """Return LPIPS v0.1 on the chosen network."""
    trunk = load_trunk(options.net, options, device)
    protocol = f"LPIPS v0.1, {options.net}, RGB, own size"
    return Lpips(trunk, key=f"lpips_{options.net}", protocol=protocol, device=device)


def build_lpips_lite0(options: LiteOptions, device: torch.device | str) -> LiteDistance:
    """Return the offline perceptual distance."""
    return LiteDistance(load_backbone(BackboneOptions(), device), device)


def build_dists(options: DistsOptions, device: torch.device | str) -> Dists:
    """Return DISTS."""
    trunk = load_trunk("vgg", options, device)
    return Dists(trunk, key="dists_vgg16", protocol="DISTS, VGG16 with L2 pooling, RGB", device=device)
