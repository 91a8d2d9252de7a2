"""How pictures reach a network's input size. Pipelines differ here, and scores with them: every score names its own."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def tf1(images: Tensor, side: int) -> Tensor:
    """Resize as TensorFlow 1 did for the original FID: bilinear, corner-anchored, without antialias.

    Args:
        images: uint8 or float (B, C, H, W), in [0, 255].
        side: height and width of the result in pixels.

    Returns:
        float32 (B, C, side, side), in [0, 255]; bit-equal to torch-fidelity's
        `interpolate_bilinear_2d_like_tensorflow1x`, but every row is interpolated once.
    """
    images = images.float()
    left, right, across = _corners(images.shape[3], side, images)
    rows = images[..., left]
    rows = rows + (images[..., right] - rows) * across
    top, bottom, down = _corners(images.shape[2], side, images)
    upper = rows[..., top, :]
    return upper + (rows[..., bottom, :] - upper) * down[:, None]


def _corners(size: int, side: int, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the two source positions of each target position and the share of the second."""
    grid = torch.arange(side, dtype=like.dtype, device=like.device) * torch.tensor(size / side, dtype=like.dtype)
    low = grid.long()
    return low, (low + 1).clamp_max(size - 1), grid - low


def pytorch(images: Tensor, side: int) -> Tensor:
    """Resize as pytorch-fid does: bilinear, pixel-centred, without antialias.

    Args:
        images: uint8 or float (B, C, H, W), in [0, 255].
        side: height and width of the result in pixels.

    Returns:
        float32 (B, C, side, side), in [0, 255].
    """
    return F.interpolate(images.float(), size=(side, side), mode="bilinear", align_corners=False)


def antialias(images: Tensor, side: int) -> Tensor:
    """Resize bilinear with antialias, as Pillow does: nothing flickers when large pictures shrink.

    Args:
        images: uint8 or float (B, C, H, W), in [0, 255].
        side: height and width of the result in pixels.

    Returns:
        float32 (B, C, side, side), in [0, 255].
    """
    return F.interpolate(images.float(), size=(side, side), mode="bilinear", align_corners=False, antialias=True)


RESIZES = {"tf1": tf1, "pytorch": pytorch, "antialias": antialias}
