"""DINOv2 ViT-L/14 features and the Fréchet distance on them.

Papers: Oquab et al. 2023 (arXiv:2304.07193); Stein et al. 2023 (arXiv:2306.04675), who found that distances on these
features agree best with people. Weights by Meta (Apache-2.0).
"""

from __future__ import annotations

import functools
from pathlib import Path

import torch
from torch import Tensor

from ganstyle.data.weights import WeightsOptions, chosen_weights, load_state_dict
from ganstyle_metrics.frechet import Frechet
from ganstyle_metrics.resize import pillow
from ganstyle_metrics.vision_transformer import Shape, VisionTransformer, load_published
from ganstyle_metrics.weights_table import DINOV2

SIDE = 224
VIT_L14 = Shape(patch=14, grid=37, width=1024, depth=24, heads=16, scaled=True)
_BLOCK = r"blocks\.(\d+)\."
NAMES = {
    "cls_token": "class_token",
    "pos_embed": "positions",
    "mask_token": "",
    r"patch_embed\.proj\.(.*)": r"patches.\1",
    _BLOCK + r"attn\.(.*)": r"blocks.\1.\2",
    _BLOCK + r"mlp\.(.*)": r"blocks.\1.\2",
    _BLOCK + r"ls(\d)\.gamma": r"blocks.\1.scale\2",
}
"""Published names to ours, see `load_published`."""


class Dinov2Extractor:
    """Pictures to the class token of DINOv2.

    Attributes:
        key: names network, layer, resize and weights; equal keys give equal features.
        width: features per picture.
        resize: how pictures get to 224 pixels.
        weights_sha256: of the weights file.
        standard: whether these are the published weights.
    """

    resize = f"pillow bicubic {SIDE}"

    def __init__(self, network: VisionTransformer, *, weights_sha256: str, device: torch.device | str) -> None:
        self.network, self.device, self.weights_sha256 = network.to(device), device, weights_sha256
        self.width = network.shape.width
        self.key = f"dinov2-vitl14:class-token:{self.resize}:{weights_sha256}"
        self.standard = weights_sha256 == DINOV2.sha256
        self._mean = torch.tensor([0.485, 0.456, 0.406], device=device)[:, None, None] * 255
        self._deviation = torch.tensor([0.229, 0.224, 0.225], device=device)[:, None, None] * 255

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> Tensor:
        """Return float32 (B, 1024) on the CPU of uint8 images (B, 3, H, W)."""
        return self.network((pillow(images, SIDE).to(self.device) - self._mean) / self._deviation).cpu()


def dinov2_extractor(options: WeightsOptions, device: torch.device | str) -> Dinov2Extractor:
    """Find, verify and load the network; metrics with equal options share it.

    Raises:
        EnvironmentProblem: no such weights, or a file of another content.
        ModelError: the file accepted by its hash holds another network.
    """
    path, sha256 = chosen_weights(DINOV2, options)
    return _loaded(path, sha256, str(device))


@functools.lru_cache(maxsize=1)
def _loaded(path: Path, sha256: str, device: str) -> Dinov2Extractor:
    network = load_published(VIT_L14, load_state_dict(path), names=NAMES, title=DINOV2.name)
    return Dinov2Extractor(network, weights_sha256=sha256, device=device)


def build_fd_dinov2(options: WeightsOptions, device: torch.device | str) -> Frechet:
    """Return the Fréchet distance on DINOv2 features."""
    return Frechet(dinov2_extractor(options, device), key="fd_dinov2_vitl14")
