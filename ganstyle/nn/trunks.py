"""The convolutions of torchvision's VGG, AlexNet and SqueezeNet as feature maps; weights are loaded strictly.

LPIPS, DISTS and Gatys's style are defined on them. Architectures and ImageNet weights are torchvision's (BSD-3-Clause).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from ganstyle.errors import ModelError

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def _later(name: str) -> Callable[..., nn.Module]:
    def build(**options: Any) -> nn.Module:
        from torchvision import models  # as slow to import as torch: only networks that are loaded need it

        return getattr(models, name)(**options)

    return build


BUILDERS: Mapping[str, Callable[..., nn.Module]] = MappingProxyType({
    "vgg": _later("vgg16"),
    "vgg19": _later("vgg19"),
    "alex": _later("alexnet"),
    "squeeze": _later("squeezenet1_1"),
})  # fmt: skip


class Trunk(nn.Module):
    """The convolutional part of a network.

    Attributes:
        net: `vgg` (VGG-16), `vgg19`, `alex` or `squeeze`.
        weights_sha256: of the weights file.
        standard: whether these are the published weights.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self, net: str, state: Mapping[str, Tensor], *, weights_sha256: str = "", standard: bool = False
    ) -> None:
        """Take a state dict with exactly the names and shapes of the network, or of its `features.` alone.

        Raises:
            ModelError: names or shapes differ.
        """
        super().__init__()
        self.net, self.weights_sha256, self.standard = net, weights_sha256, standard
        with torch.device("meta"):  # nothing is drawn at random; the classifier's half gigabyte is dropped below
            network: Any = BUILDERS[net](weights=None)
        whole = any(not name.startswith("features.") for name in state)
        prefix = "" if whole else "features."
        try:
            loaded = network if whole else network.features
            loaded.load_state_dict(
                {name.removeprefix(prefix): value for name, value in state.items()}, strict=True, assign=True
            )
        except RuntimeError:  # torch lists every name; one sentence says more
            raise ModelError(f"these are not the weights of torchvision's {type(network).__name__} ({net})") from None
        self.layers: nn.Sequential = network.features.requires_grad_(False).eval()
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
