"""The Inception network of FID, with weights that are verified and a forward pass that is faster than the original's.

Paper: Szegedy et al. 2015 (arXiv:1512.00567). The blocks are torch-fidelity's (Apache-2.0); the weights are those of
2015-12-05 converted from TensorFlow (Apache-2.0).
"""

from __future__ import annotations

import functools
from collections import OrderedDict
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ganstyle.data.weights import WeightsOptions, chosen_weights, load_state_dict
from ganstyle.errors import ModelError
from ganstyle_metrics.resize import RESIZES
from ganstyle_metrics.weights_table import INCEPTION

SIDE = 299
WIDTH = 2048


class InceptionOptions(WeightsOptions):
    """Options that every metric on Inception features has."""

    resize: Annotated[
        Literal["tf1", "pytorch", "clean", "antialias"],
        Field(description="To 299 pixels, as whose pipeline: torch-fidelity, pytorch-fid, clean-fid, torchmetrics."),
    ] = "tf1"


class Inception(nn.Module):
    """Pictures to 2048 pooled features; batch norms are folded into the convolutions."""

    def __init__(self, state: dict[str, Tensor]) -> None:
        from torch_fidelity import feature_extractor_inceptionv3 as blocks  # with torchvision: 1 s that few need

        super().__init__()
        self.body = nn.Sequential(_layers())
        self.fc = nn.Linear(WIDTH, 1008)
        body = {f"body.{name}": value for name, value in state.items() if not name.startswith("fc.")}
        try:
            self.load_state_dict(body | {name: state[name] for name in ("fc.weight", "fc.bias")})
        except (RuntimeError, KeyError):  # torch lists 566 names; one sentence says more
            raise ModelError("these are not the weights of the Inception network of FID") from None
        self.requires_grad_(False).eval()
        for block in self.body.modules():
            if isinstance(block, blocks.BasicConv2d):
                # 1.63 times faster together with channels-last; moves features by 4e-7 of their size.
                block.conv, block.bn = fuse_conv_bn_eval(block.conv, block.bn), nn.Identity()
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> Tensor:
        """Return float32 (B, 2048), at least 0, of float images (B, 3, 299, 299) in [-1, 1]."""
        return self.body(images.contiguous(memory_format=torch.channels_last)).flatten(1)


def _layers() -> OrderedDict[str, nn.Module]:
    from torch_fidelity import feature_extractor_inceptionv3 as blocks

    conv = blocks.BasicConv2d
    return OrderedDict(
        Conv2d_1a_3x3=conv(3, 32, kernel_size=3, stride=2),
        Conv2d_2a_3x3=conv(32, 32, kernel_size=3),
        Conv2d_2b_3x3=conv(32, 64, kernel_size=3, padding=1),
        MaxPool_1=nn.MaxPool2d(3, stride=2),
        Conv2d_3b_1x1=conv(64, 80, kernel_size=1),
        Conv2d_4a_3x3=conv(80, 192, kernel_size=3),
        MaxPool_2=nn.MaxPool2d(3, stride=2),
        Mixed_5b=blocks.InceptionA(192, pool_features=32),
        Mixed_5c=blocks.InceptionA(256, pool_features=64),
        Mixed_5d=blocks.InceptionA(288, pool_features=64),
        Mixed_6a=blocks.InceptionB(288),
        Mixed_6b=blocks.InceptionC(768, channels_7x7=128),
        Mixed_6c=blocks.InceptionC(768, channels_7x7=160),
        Mixed_6d=blocks.InceptionC(768, channels_7x7=160),
        Mixed_6e=blocks.InceptionC(768, channels_7x7=192),
        Mixed_7a=blocks.InceptionD(768),
        Mixed_7b=blocks.InceptionE_1(1280),
        Mixed_7c=blocks.InceptionE_2(2048),
        AvgPool=nn.AdaptiveAvgPool2d((1, 1)),
    )


class InceptionExtractor:
    """Pictures to pooled Inception features.

    Attributes:
        key: names network, layer, resize and weights; equal keys give equal features.
        width: features per picture.
        resize: how pictures get to 299 pixels.
        weights_sha256: of the weights file.
        standard: whether these are the published weights.
    """

    width = WIDTH

    def __init__(self, network: Inception, *, resize: str, weights_sha256: str, device: torch.device | str) -> None:
        self.network = network.to(device)
        self.resize, self.weights_sha256, self.device = f"{resize} {SIDE}", weights_sha256, device
        self.key = f"inception-2015:pool3:{self.resize}:{weights_sha256}"
        self.standard = weights_sha256 == INCEPTION.sha256
        self._resize = RESIZES[resize]

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> Tensor:
        """Return float32 (B, 2048) on the CPU of uint8 images (B, 3, H, W)."""
        resized = self._resize(images.to(self.device), SIDE)
        # pytorch-fid maps to 2x - 1 of [0, 1]; the original graph, and all others, to (x - 128) / 128.
        # In place: `resized` is our own, and at this size a copy of 16 pictures is 17 MB.
        is_pytorch = self._resize is RESIZES["pytorch"]
        scaled = resized.div_(127.5).sub_(1) if is_pytorch else resized.sub_(128).div_(128)
        return self.network(scaled).cpu()

    def logits(self, features: Tensor) -> Tensor:
        """Return the class scores (B, 1008) of pooled features, without the bias, as the original code does."""
        return features @ self.network.fc.weight.T.cpu()


def inception_extractor(options: InceptionOptions, device: torch.device | str) -> InceptionExtractor:
    """Find, verify and load the network; metrics with equal options share it.

    Raises:
        EnvironmentProblem: no such weights, or a file of another content.
        ModelError: the file accepted by its hash holds another network.
    """
    path, sha256 = chosen_weights(INCEPTION, options)
    return _loaded(path, sha256, options.resize, str(device))


@functools.lru_cache(maxsize=len(RESIZES))
def _loaded(path: Path, sha256: str, resize: str, device: str) -> InceptionExtractor:
    return InceptionExtractor(_network(path, sha256), resize=resize, weights_sha256=sha256, device=device)


@functools.lru_cache(maxsize=1)
def _network(path: Path, sha256: str) -> Inception:
    """Load the network once for all resizes; the hash is part of the key because a file can be replaced."""
    return Inception(load_state_dict(path))
