"""A style's adapter: small changes of the painter's 7 x 7 kernels, the shapes of its strokes.

A code chooses how strongly each of the painter's filters acts; an adapter gives the filters other shapes. Its numbers
follow those of the code, kernel by kernel and block by block. No numbers, and zeros, are the painter as it was trained.
That a style may have layers of its own is the idea of residual adapters, Rebuffi et al. 2017 (arXiv:1705.08045).
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

SIDE = 7


def adapter_numbers(channels: int, blocks: int) -> int:
    """Return how many numbers the adapter of a painter with so many blocks of so many channels has."""
    return blocks * channels * SIDE**2


def parted(numbers: Tensor, code_length: int, *, blocks: int) -> tuple[Tensor, Sequence[Tensor | None]]:
    """Return the code and each block's changes of kernels; `None` where there is no adapter.

    Args:
        numbers: float (B, code_length), or followed by the numbers of an adapter.
        code_length: numbers of a code.
        blocks: depthwise blocks of the painter.

    Returns:
        float (B, code_length), and for each block float (B, channels * 49) or None.
    """
    if numbers.shape[1] == code_length:
        return numbers, [None] * blocks
    return numbers[:, :code_length], numbers[:, code_length:].chunk(blocks, dim=1)


def changed_convolution(layer: nn.Conv2d, features: Tensor, change: Tensor) -> Tensor:
    """Return what a depthwise layer that repeats the edge gives with other kernels.

    Args:
        layer: depthwise, of C channels, stride 1, with a bias.
        features: float (B, C, H, W).
        change: float (B or 1, C * k * k), added to the layer's kernels.

    Returns:
        float (B, C, H, W).
    """
    kernels = layer.weight + change.reshape(-1, *layer.weight.shape)
    margin = layer.weight.shape[2] // 2
    padded = F.pad(features, (margin,) * 4, mode="replicate")
    if len(kernels) == 1:
        return F.conv2d(padded, kernels[0], layer.bias, groups=layer.groups)
    # Every picture with its own kernels: the batch's channels stand beside one another as one picture's.
    joined, bias = padded.flatten(0, 1)[None], layer.bias.repeat(len(kernels)) if layer.bias is not None else None
    every = F.conv2d(joined, kernels.flatten(0, 1), bias, groups=layer.groups * len(kernels))
    return every.unflatten(1, (len(kernels), -1))[0]
