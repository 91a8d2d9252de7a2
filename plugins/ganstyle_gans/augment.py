"""DiffAugment: Zhao et al. 2020, arXiv:2006.10738. Written from the paper; random draws are torch's global ones."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def augment(images: Tensor, names: Sequence[str]) -> Tensor:
    """Distort pictures differentiably, each on its own.

    Args:
        images: float (B, C, H, W) in [-1, 1].
        names: of AUGMENTATIONS, applied in this order.

    Returns:
        float (B, C, H, W); colours may leave [-1, 1].
    """
    for name in names:
        images = AUGMENTATIONS[name](images)
    return images


def color(images: Tensor) -> Tensor:
    """Shift brightness by U(-.5, .5), scale saturation by U(0, 2) and contrast by U(.5, 1.5).

    Args:
        images: float (B, C, H, W).
    """
    images = images + (_uniform(images) - 0.5)
    gray = images.mean(1, keepdim=True)
    images = gray + (images - gray) * (2.0 * _uniform(images))
    mean = images.mean((1, 2, 3), keepdim=True)
    return mean + (images - mean) * (0.5 + _uniform(images))


def translation(images: Tensor) -> Tensor:
    """Shift by up to an eighth of each side; zeros come in.

    Args:
        images: float (B, C, H, W).
    """
    count, _, height, width = images.shape
    reach = (height // 8, width // 8)
    padded = F.pad(images, (reach[1], reach[1], reach[0], reach[0]))
    rows, columns = (
        torch.randint(0, 2 * far + 1, (count, 1), device=images.device) + torch.arange(side, device=images.device)
        for far, side in zip(reach, (height, width))
    )
    index = torch.arange(count, device=images.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[index, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def cutout(images: Tensor) -> Tensor:
    """Blank a rectangle of half of each side, centred anywhere.

    Args:
        images: float (B, C, H, W).
    """
    count, _, height, width = images.shape
    inside = [
        (torch.arange(side, device=images.device) - torch.randint(0, side, (count, 1), device=images.device)).abs()
        <= side // 4
        for side in (height, width)
    ]
    hole = inside[0][:, :, None] & inside[1][:, None, :]
    return images * (~hole[:, None]).to(images.dtype)


def _uniform(images: Tensor) -> Tensor:
    return torch.rand(len(images), 1, 1, 1, device=images.device, dtype=images.dtype)


AUGMENTATIONS = {"color": color, "translation": translation, "cutout": cutout}
