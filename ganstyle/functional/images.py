"""Pictures as tensors: range, luma, resizing by whole factors and to any size."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ganstyle.functional.luma import REC_709


def to_signed(images: Tensor) -> Tensor:
    """Return float32 in [-1, 1] of uint8 pictures, in their memory layout; the inverse of `to_bytes`.

    Args:
        images: uint8, any shape.
    """
    return images.to(torch.float32, copy=True).div_(127.5).sub_(1.0)


def to_bytes(images: Tensor) -> Tensor:
    """Return uint8, rounded to the nearest, of pictures in [-1, 1]; values beyond are clamped.

    Args:
        images: float, any shape; non-finite values become black.
    """
    finite = torch.nan_to_num(images.detach().float(), nan=-1.0, posinf=1.0, neginf=-1.0)
    return ((finite.clamp(-1.0, 1.0) + 1.0) * 127.5).round().to(torch.uint8)


def luma(images: Tensor) -> Tensor:
    """Return the Rec. 709 brightness of RGB pictures.

    Args:
        images: float (B, 3, H, W), any range.

    Returns:
        float (B, 1, H, W), same range.
    """
    weights = images.new_tensor(REC_709).view(1, 3, 1, 1)
    return (images * weights).sum(1, keepdim=True)


def shrink(images: Tensor, factor: int) -> Tensor:
    """Return the mean of each factor x factor square.

    Args:
        images: float (B, C, H, W), H and W multiples of the factor.
        factor: 1 gives the pictures back.
    """
    return images if factor == 1 else F.avg_pool2d(images, factor)


def enlarge(images: Tensor, factor: int) -> Tensor:
    """Return the pictures with each pixel repeated factor x factor times.

    Args:
        images: float (B, C, H, W).
        factor: 1 gives the pictures back.
    """
    return images if factor == 1 else F.interpolate(images, scale_factor=factor, mode="nearest")


def resize(images: Tensor, height: int, width: int) -> Tensor:
    """Return the pictures at another size, bilinear and antialiased.

    Args:
        images: float (B, C, H, W).
        height: pixels.
        width: pixels.
    """
    if images.shape[-2:] == (height, width):
        return images
    return F.interpolate(images, (height, width), mode="bilinear", antialias=True)
