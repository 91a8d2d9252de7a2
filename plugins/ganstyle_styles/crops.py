"""Random square crops, as if the picture had been scaled first."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ganstyle.functional.images import to_signed


def uniform(generator: torch.Generator) -> float:
    """Return a number in [0, 1)."""
    return float(torch.rand((), generator=generator, dtype=torch.float64))


def log_uniform(limits: tuple[float, float], generator: torch.Generator) -> float:
    """Return a number between two positive limits; equal ratios are equally likely."""
    low, high = limits
    return low * (high / low) ** uniform(generator)


def random_crop(image: Tensor, size: int, *, short_side: float, generator: torch.Generator) -> Tensor:
    """Return a random square of the picture, mirrored half of the time.

    Only the square is scaled, which is what makes this fast.

    Args:
        image: uint8 (3, H, W).
        size: side of the result in pixels.
        short_side: the picture counts as scaled to this short side; at least `size` is used.
        generator: source of every random draw.

    Returns:
        uint8 (3, size, size).
    """
    least = min(image.shape[1:])
    side = min(max(1, round(least * size / max(short_side, size))), least)
    top, left = (int(uniform(generator) * (s - side + 1)) for s in image.shape[1:])
    crop = image[:, top : top + side, left : left + side]
    return resized(crop.flip(2) if uniform(generator) < 0.5 else crop, size)


def resized(image: Tensor, short_side: int) -> Tensor:
    """Return uint8 (3, H, W) with that short side in pixels, antialiased."""
    scale = short_side / min(image.shape[1:])
    sides = [max(1, round(s * scale)) for s in image.shape[1:]]
    if sides == list(image.shape[1:]):
        return image
    return F.interpolate(image[None], size=sides, mode="bilinear", antialias=True)[0]


def as_input(images: Tensor) -> Tensor:
    """Return float32 (B, 3, H, W) in [-1, 1], channels last, of uint8 (B, 3, H, W)."""
    return to_signed(images).contiguous(memory_format=torch.channels_last)
