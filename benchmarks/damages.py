"""Damage of pictures in grades, 0 being none: what metric_meaning.py puts metrics through."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor

Change = Callable[[Tensor, int], Tensor]  # uint8 (3, H, W) and a grade, 0 to 4


def as_image(pixels: Tensor) -> Image.Image:
    """Return a picture for Pillow."""
    return Image.fromarray(pixels.permute(1, 2, 0).numpy())


def as_pixels(image: Image.Image) -> Tensor:
    """Return uint8 (3, H, W)."""
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1).contiguous()


def blurred(*sigmas: float) -> Change:
    """Gaussian blur of so many pixels."""
    return lambda pixels, grade: as_pixels(as_image(pixels).filter(ImageFilter.GaussianBlur(sigmas[grade])))


def noisy(*deviations: float) -> Change:
    """Independent Gaussian noise, in levels of 255."""

    def change(pixels: Tensor, grade: int) -> Tensor:
        generator = torch.Generator().manual_seed(int(pixels.long().sum()))
        noise = torch.randn(pixels.shape, generator=generator) * deviations[grade]
        return (pixels + noise).round().clamp(0, 255).to(torch.uint8)

    return change


def compressed(*qualities: int) -> Change:
    """JPEG of so much quality; 0 is none."""

    def change(pixels: Tensor, grade: int) -> Tensor:
        if not qualities[grade]:
            return pixels
        file = io.BytesIO()
        as_image(pixels).save(file, "jpeg", quality=qualities[grade])
        return as_pixels(Image.open(file))

    return change


def recoloured(*degrees: float) -> Change:
    """All hues turned by an angle about grey, at equal luma (ITU-R BT.601): shapes and light stay."""

    def change(pixels: Tensor, grade: int) -> Tensor:
        angle = torch.tensor(degrees[grade] / 180 * torch.pi)
        red, green, blue = pixels.float()
        luma = 0.299 * red + 0.587 * green + 0.114 * blue
        u, v = 0.492 * (blue - luma), 0.877 * (red - luma)
        u, v = u * angle.cos() - v * angle.sin(), u * angle.sin() + v * angle.cos()
        red, blue = luma + v / 0.877, luma + u / 0.492
        green = (luma - 0.299 * red - 0.114 * blue) / 0.587
        return torch.stack([red, green, blue]).round().clamp(0, 255).to(torch.uint8)

    return change


def checkered(*levels: float) -> Change:
    """A checkerboard of single pixels, as upsampling leaves."""

    def change(pixels: Tensor, grade: int) -> Tensor:
        rows, columns = (torch.arange(size) for size in pixels.shape[1:])
        board = ((rows[:, None] + columns) % 2 * 2 - 1) * levels[grade]
        return (pixels + board).round().clamp(0, 255).to(torch.uint8)

    return change


def shifted(*places: int) -> Change:
    """Moved to the right by so many pixels, the edge repeated."""

    def change(pixels: Tensor, grade: int) -> Tensor:
        columns = (torch.arange(pixels.shape[2]) - places[grade]).clamp_min(0)
        return pixels[:, :, columns]

    return change


def damages(scale: float) -> dict[str, tuple[Change, tuple[str, ...]]]:
    """Return each damage of single pictures with the names of its grades; blurs are `scale` times as wide."""
    blurs, noises = [scale * x for x in (0, 0.5, 1, 1.5, 2)], (0, 5, 10, 20, 40)
    return {
        "blur": (blurred(*blurs), tuple(f"σ {x:g} px" for x in blurs)),
        "noise": (noisy(*noises), tuple(f"σ {x}" for x in noises)),
        "JPEG": (compressed(0, 75, 50, 25, 10), ("none", "q 75", "q 50", "q 25", "q 10")),
        "recolouring": (recoloured(0, 22.5, 45, 67.5, 90), ("0°", "22.5°", "45°", "67.5°", "90°")),
    }


def with_colours(photo: Tensor, work: Tensor) -> Tensor:
    """Give a picture the means and deviations of a work's channels."""
    x, y = (one.double().flatten(1) for one in (photo, work))
    moved = (x - x.mean(1, keepdim=True)) / x.std(1, keepdim=True) * y.std(1, keepdim=True) + y.mean(1, keepdim=True)
    return moved.round().clamp(0, 255).to(torch.uint8).view_as(photo)
