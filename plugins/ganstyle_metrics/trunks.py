"""torchvision's VGG16, AlexNet and SqueezeNet as feature maps, with weights that are verified and loaded strictly.

LPIPS, DISTS and Gatys's style are defined on them. Architectures and ImageNet weights are torchvision's (BSD-3-Clause).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from ganstyle.data.weights import WeightsFile, load_state_dict
from ganstyle.errors import ModelError
from ganstyle_metrics.weights_table import ALEXNET, SQUEEZENET, VGG16, WeightsOptions, chosen_weights

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
FILES: Mapping[str, WeightsFile] = MappingProxyType({"vgg": VGG16, "alex": ALEXNET, "squeeze": SQUEEZENET})


def _later(name: str) -> Callable[..., nn.Module]:
    def build(**options: Any) -> nn.Module:
        from torchvision import models  # as slow to import as torch: only networks that are loaded need it

        return getattr(models, name)(**options)

    return build


BUILDERS: Mapping[str, Callable[..., nn.Module]] = MappingProxyType({
    "vgg": _later("vgg16"),
    "alex": _later("alexnet"),
    "squeeze": _later("squeezenet1_1"),
})  # fmt: skip
# After which of `features`' layers the published metrics look, from the papers' relu1_2 to relu5_3 (VGG) and so on.
TAPS: Mapping[str, tuple[int, ...]] = MappingProxyType({
    "vgg": (3, 8, 15, 22, 29),
    "alex": (1, 4, 7, 9, 11),
    "squeeze": (1, 4, 7, 9, 10, 11, 12),
})  # fmt: skip


class Trunk(nn.Module):
    """The convolutional part of a network.

    Attributes:
        net: `vgg`, `alex` or `squeeze`.
        weights_sha256: of the weights file.
        standard: whether these are the published weights.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, net: str, state: Mapping[str, Tensor], *, weights_sha256: str = "") -> None:
        """Take a state dict with exactly the network's names and shapes.

        Raises:
            ModelError: names or shapes differ.
        """
        super().__init__()
        self.net, self.weights_sha256 = net, weights_sha256
        self.standard = weights_sha256 == FILES[net].sha256
        with torch.device("meta"):  # nothing is drawn at random; the classifier's half gigabyte is dropped below
            network = BUILDERS[net](weights=None)
        try:
            network.load_state_dict(state, strict=True, assign=True)
        except RuntimeError:  # torch lists every name; one sentence says more
            raise ModelError(f"these are not the weights of {FILES[net].name}") from None
        self.layers = network.features.requires_grad_(False).eval()
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION)[:, None, None], persistent=False)

    def forward(
        self, images: Tensor, taps: Collection[str], *, pooling: Callable[[Tensor], Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Return feature maps.

        Args:
            images: float (B, 3, H, W) in [-1, 1], RGB, sides of at least 32.
            taps: numbers of layers as text, e.g. "3" for relu1_2 of VGG16.
            pooling: what takes the place of the network's max pooling; None leaves it.

        Returns:
            tap -> float (B, C, h, w), in the order computed.
        """
        # LPIPS's shift and scale are these, rounded: 2 mean - 1 = (-.030, -.088, -.188), 2 deviation = (.458, ...).
        features, found = ((images + 1) / 2 - self.mean) / self.deviation, dict[str, Tensor]()
        for index, layer in enumerate(self.layers):
            if len(found) == len(taps):
                break
            features = pooling(features) if pooling and isinstance(layer, nn.MaxPool2d) else layer(features)
            if str(index) in taps:
                found[str(index)] = features
        return found


def load_trunk(net: str, options: WeightsOptions, device: torch.device | str) -> Trunk:
    """Find, verify and load a network; metrics with equal options share it.

    Raises:
        EnvironmentProblem: no such weights, or a file of another content.
        ModelError: the file accepted by its hash holds another network.
    """
    path, sha256 = chosen_weights(FILES[net], options)
    return _loaded(net, path, sha256, device=str(device))


@functools.lru_cache(maxsize=3)
def _loaded(net: str, path: Path, sha256: str, *, device: str) -> Trunk:
    return Trunk(net, load_state_dict(path), weights_sha256=sha256).to(device)
