"""How pictures reach a network's input size. Pipelines differ here, and scores with them: every score names its own."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
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


def clean(images: Tensor, side: int) -> Tensor:
    """Resize as clean-fid does: Pillow's bicubic with antialias, in floating point, cut to the range of bytes.

    Args:
        images: uint8 (B, C, H, W).
        side: height and width of the result in pixels.

    Returns:
        float32 (B, C, side, side), in [0, 255], on the device of the images.
    """
    planes = images.flatten(0, 1).cpu().numpy().astype(np.float32)
    resized = [np.asarray(Image.fromarray(plane).resize((side, side), Image.Resampling.BICUBIC)) for plane in planes]
    return torch.from_numpy(np.stack(resized)).clamp(0, 255).view(*images.shape[:2], side, side).to(images.device)


def pillow(images: Tensor, side: int) -> Tensor:
    """Resize as Pillow does with pictures of bytes: bicubic with antialias, rounded to bytes.

    Args:
        images: uint8 (B, 3, H, W).
        side: height and width of the result in pixels.

    Returns:
        float32 (B, 3, side, side), whole numbers in [0, 255], on the device of the images.
    """
    pictures = [Image.fromarray(picture) for picture in images.permute(0, 2, 3, 1).cpu().numpy()]
    resized = np.stack([np.asarray(one.resize((side, side), Image.Resampling.BICUBIC)) for one in pictures])
    return torch.from_numpy(resized).permute(0, 3, 1, 2).float().contiguous().to(images.device)


RESIZES = {"tf1": tf1, "pytorch": pytorch, "antialias": antialias, "clean": clean, "pillow": pillow}
