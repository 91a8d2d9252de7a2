"""Trunks of torchvision's networks for metrics: where they are looked at, and their weights, which are verified."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import torch

from ganstyle.data.weights import VGG16, WeightsFile, WeightsOptions, chosen_weights, load_state_dict
from ganstyle.nn.trunks import Trunk
from ganstyle_metrics.weights_table import ALEXNET, SQUEEZENET

FILES: Mapping[str, WeightsFile] = MappingProxyType({"vgg": VGG16, "alex": ALEXNET, "squeeze": SQUEEZENET})
# After which of `features`' layers the published metrics look, from the papers' relu1_2 to relu5_3 (VGG) and so on.
TAPS: Mapping[str, tuple[int, ...]] = MappingProxyType({
    "vgg": (3, 8, 15, 22, 29),
    "alex": (1, 4, 7, 9, 11),
    "squeeze": (1, 4, 7, 9, 10, 11, 12),
})  # fmt: skip


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
    standard = sha256 == FILES[net].sha256
    return Trunk(net, load_state_dict(path), weights_sha256=sha256, standard=standard).to(device)
