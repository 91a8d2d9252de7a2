"""Frozen picture encoders whose inner feature maps can be tapped.

Paper: Tan and Le 2019 (arXiv:1905.11946), in its "lite" form: ReLU6, no squeeze and
excitation. Original code: tensorflow/tpu, models/official/efficientnet/lite (Apache-2.0).
Written from the published layer plan, which is with the weights in `ganstyle.nn.lite0`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganstyle.nn.lite0 import LITE0_EPSILON, lite0_strides, read_lite0, same_padding


class FoldedConv(nn.Module):
    """A convolution with its batch norm folded in, held in non-persistent buffers.

    Buffers that are not persistent are in no state dict and are no parameters: a checkpoint
    of a network that contains a frozen encoder does not contain the encoder.
    """

    weight: Tensor
    bias: Tensor
    typical_mean: Tensor
    typical_deviation: Tensor

    def __init__(self, weight: Tensor, norm: Mapping[str, Tensor], *, stride: int = 1) -> None:
        """Fold `norm` into `weight`.

        Args:
            weight: float (out, in, k, k); in == 1 with out > 1 is depthwise.
            norm: weight, bias, running_mean and running_var, float (out,) each.
            stride: step in pixels.
        """
        super().__init__()
        self.stride, self.kernel = stride, weight.shape[-1]
        self.groups = len(weight) if weight.shape[1] == 1 else 1
        scale = norm["weight"] / (norm["running_var"] + LITE0_EPSILON).sqrt()
        folded = weight * scale[:, None, None, None]
        self.register_buffer("weight", folded, persistent=False)
        bias = norm["bias"] - norm["running_mean"] * scale
        self.register_buffer("bias", bias, persistent=False)
        # Of the training set's pre-activations: a norm's bias is their mean, its weight
        # their deviation.
        self.register_buffer("typical_mean", norm["bias"], persistent=False)
        self.register_buffer("typical_deviation", norm["weight"].abs(), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """Convolve float (B, in, H, W) to float (B, out, ceil(H/stride), ceil(W/stride))."""
        if self.stride == 1:
            return F.conv2d(features, self.weight, self.bias, padding=self.kernel // 2, groups=self.groups)
        top, bottom = same_padding(features.shape[2], self.kernel, self.stride)
        left, right = same_padding(features.shape[3], self.kernel, self.stride)
        padded = F.pad(features, (left, right, top, bottom))
        return F.conv2d(padded, self.weight, self.bias, stride=self.stride, groups=self.groups)


class Bottleneck(nn.Module):
    """Expand, filter each channel, project; a residual where the shapes allow."""

    def __init__(self, state: Mapping[str, Tensor], *, stride: int) -> None:
        """Take one block's weights, keys as in the weights file without their prefix."""
        super().__init__()
        conv = state.get("_expand_conv.weight")
        self.expand = None if conv is None else FoldedConv(conv, _under(state, "_bn0."))
        norm = _under(state, "_bn1.")
        self.depthwise = FoldedConv(state["_depthwise_conv.weight"], norm, stride=stride)
        self.project = FoldedConv(state["_project_conv.weight"], _under(state, "_bn2."))

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return the activated depthwise map and the block's output, both (B, C, H, W)."""
        wide = features if self.expand is None else F.relu6(self.expand(features))
        wide = F.relu6(self.depthwise(wide))
        output = self.project(wide)
        return wide, output + features if output.shape == features.shape else output


class EfficientNetLite0(nn.Module):
    """Tapped EfficientNet-Lite0: `b3.depthwise` and `b3.output` name block 3's maps.

    Output strides: b0 2, b1-b2 4, b3-b4 8, b5-b10 16, b11-b15 32.
    """

    def __init__(self, state: Mapping[str, Tensor], *, last_block: int = 10) -> None:
        """Fold the weights of the stem and of blocks 0 to `last_block` (0 to 15)."""
        super().__init__()
        self.stem = FoldedConv(state["_conv_stem.weight"], _under(state, "_bn0."), stride=2)
        self.blocks = nn.ModuleList(
            Bottleneck(_under(state, f"_blocks.{i}."), stride=stride)
            for i, stride in enumerate(lite0_strides()[: last_block + 1])
        )

    def forward(self, images: Tensor, taps: Collection[str]) -> dict[str, Tensor]:
        """Return the named feature maps; later blocks than needed do not run.

        Args:
            images: float (B, 3, H, W) in [-1, 1], RGB.
            taps: such as `b0.depthwise` (after ReLU6) or `b4.output` (no activation).

        Returns:
            tap -> float (B, C, H / stride, W / stride), in the order computed.
        """
        wanted = frozenset(taps)
        last = self._last_block(wanted)
        features = F.relu6(self.stem((images * 127.5 + 0.5) / 128.0))  # (255x - 127) / 128
        found: dict[str, Tensor] = {}
        for index, block in enumerate(self.blocks[: last + 1]):
            wide, features = block(features)
            maps = {f"b{index}.depthwise": wide, f"b{index}.output": features}
            found |= {tap: maps[tap] for tap in maps if tap in wanted}
        return found

    def channels(self, tap: str) -> int:
        """Return the number of channels at `tap`."""
        block, part = self._located(tap)
        return len((block.depthwise if part == "depthwise" else block.project).bias)

    def typical_moments(self, tap: str) -> tuple[Tensor, Tensor]:
        """Return the mean and deviation that natural pictures have at a depthwise tap.

        Args:
            tap: a name that ends in `.depthwise`.

        Returns:
            Two float (C,): the moments of a Gaussian with the batch norm's moments after
            ReLU6, by the midpoint rule; no picture is needed.
        """
        conv = self._located(tap)[0].depthwise
        points = (torch.arange(800, device=conv.bias.device) + 0.5) / 100 - 4
        mass = torch.softmax(-points.square() / 2, 0)
        spread = conv.typical_deviation[:, None] * points
        values = (conv.typical_mean[:, None] + spread).clamp(0, 6)
        mean = values @ mass
        return mean, ((values - mean[:, None]).square() @ mass).sqrt()

    def _located(self, tap: str) -> tuple[Bottleneck, str]:
        """Return the block and the part (`depthwise` or `output`) that `tap` names."""
        self._last_block([tap])
        block, _, part = tap.partition(".")
        return cast(Bottleneck, self.blocks[int(block[1:])]), part

    def _last_block(self, taps: Collection[str]) -> int:
        """Return the highest block among `taps`; refuse names that do not exist."""
        known = {f"b{i}.{p}" for i in range(len(self.blocks)) for p in ("depthwise", "output")}
        unknown = sorted(set(taps) - known)
        if unknown:
            raise ValueError(
                f"encoder has no tap {unknown[0]!r}; use b0 to b{len(self.blocks) - 1} with .depthwise or .output"
            )
        return max((int(tap[1:].partition(".")[0]) for tap in taps), default=-1)


def load_lite0(*, last_block: int = 10, path: Path | None = None) -> EfficientNetLite0:
    """Return EfficientNet-Lite0 with ImageNet weights, ready in evaluation mode.

    Args:
        last_block: highest block that is needed, 0 to 15; the rest is not kept in memory.
        path: the weights file; `None` finds it in the installed distribution.

    Returns:
        The encoder; it has no parameters and an empty state dict.

    Raises:
        FileNotFoundError: the distribution is not installed.
        ValueError: the file's sha256 is not the known one.
    """
    with torch.device("cpu"):  # also while the networks around it are built on the meta device
        return EfficientNetLite0(_lite0_state(path), last_block=last_block).eval()


def _lite0_state(path: Path | None = None) -> dict[str, Tensor]:
    return {name: torch.from_numpy(array) for name, array in read_lite0(path).items()}


def _under(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the entries below `prefix`, without it."""
    return {key.removeprefix(prefix): state[key] for key in state if key.startswith(prefix)}
