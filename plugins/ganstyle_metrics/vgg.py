"""VGG-16 features of precision and recall: the second fully connected layer after its ReLU.

Paper: Simonyan and Zisserman 2014 (arXiv:1409.1556). The network is torchvision's, weights included (BSD-3-Clause);
pictures get to it as in torch-fidelity.
"""

from __future__ import annotations

import functools
from pathlib import Path

import torch
from torch import Tensor, nn

from ganstyle.data.weights import VGG16, WeightsOptions, chosen_weights, load_state_dict
from ganstyle.errors import ModelError
from ganstyle_metrics.resize import tf1

SIDE = 224
WIDTH = 4096
UNTIL_FC2 = 5  # of the classifier's layers: linear, ReLU, dropout, linear, ReLU


class Vgg16Extractor:
    """Pictures to 4096 features.

    Attributes:
        key: names network, layer, resize and weights; equal keys give equal features.
        width: features per picture.
        resize: how pictures get to 224 pixels.
        weights_sha256: of the weights file.
        standard: whether these are the published weights.
    """

    width = WIDTH
    resize = f"tf1 {SIDE}"

    def __init__(self, network: nn.Module, *, weights_sha256: str, device: torch.device | str) -> None:
        self.network, self.device, self.weights_sha256 = network.to(device), device, weights_sha256
        self.key = f"vgg16:fc2-relu:{self.resize}:{weights_sha256}"
        self.standard = weights_sha256 == VGG16.sha256
        self._mean = torch.tensor([0.485, 0.456, 0.406], device=device)[:, None, None] * 255
        self._deviation = torch.tensor([0.229, 0.224, 0.225], device=device)[:, None, None] * 255

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> Tensor:
        """Return float32 (B, 4096), at least 0, on the CPU of uint8 images (B, 3, H, W)."""
        scaled = (tf1(images.to(self.device), SIDE) - self._mean) / self._deviation
        return self.network(scaled.contiguous(memory_format=torch.channels_last)).cpu()


def vgg16_extractor(options: WeightsOptions, device: torch.device | str) -> Vgg16Extractor:
    """Find, verify and load the network; metrics with equal options share it.

    Raises:
        EnvironmentProblem: no such weights, or a file of another content.
        ModelError: the file accepted by its hash holds another network.
    """
    path, sha256 = chosen_weights(VGG16, options)
    return _loaded(path, sha256, str(device))


def vgg16() -> nn.Module:
    """Return torchvision's VGG-16 with random weights."""
    from torchvision import models  # as slow to import as torch: offline metrics do without

    return models.vgg16()


@functools.lru_cache(maxsize=1)
def _loaded(path: Path, sha256: str, device: str) -> Vgg16Extractor:
    with torch.device("meta"):  # 553 MB of random numbers would be drawn to be thrown away
        network = vgg16()
    try:
        network.load_state_dict(load_state_dict(path), assign=True)
    except RuntimeError:  # torch lists every name; one sentence says more
        raise ModelError("these are not the weights of VGG-16", where=str(path)) from None
    network.classifier = network.classifier[:UNTIL_FC2]
    network.requires_grad_(False).eval().to(memory_format=torch.channels_last)
    return Vgg16Extractor(network, weights_sha256=sha256, device=device)
