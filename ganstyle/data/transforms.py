"""Crop, scale, rotate and flip to one size; all chance comes from the generator that is handed in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

Box = tuple[float, float, float, float]
_RIM = 2


@dataclass(frozen=True)
class _Draws:
    """Uniform numbers in [0, 1); always five per picture, so that one option does not shift another's chance."""

    scale: float
    x: float
    y: float
    angle: float
    flip: float


class Preprocess:
    """Bring pictures to height x width.

    The order is rotate, crop, resize (antialiased), flip. A rotated crop never shows a corner outside the picture.

    Args:
        options: object or mapping with `crop` ("random", "center", "none"), `scale` (least and largest share of the
            largest possible crop; used with a random crop), `rotate_degrees` (drawn from +- this), `flip`.
        height: of the result, pixels.
        width: of the result, pixels.
    """

    def __init__(self, options: Any = None, height: int = 64, width: int | None = None) -> None:
        self.height, self.width = height, width or height
        self.crop: str = _option(options, "crop", "random")
        self.scale: tuple[float, float] = tuple(_option(options, "scale", (0.8, 1.0)))
        self.rotate_degrees: float = _option(options, "rotate_degrees", 0.0)
        self.flip: bool = _option(options, "flip", True)

    @classmethod
    def plain(cls, height: int, width: int | None = None) -> Preprocess:
        """Return one without chance: the largest centred crop, resized."""
        return cls({"crop": "center", "scale": (1.0, 1.0), "rotate_degrees": 0.0, "flip": False}, height, width)

    def __call__(self, item: Mapping[str, Any], generator: torch.Generator) -> dict[str, Any]:
        """Return the item with each picture as uint8 (3, height, width); other entries pass.

        Args:
            item: pictures are uint8 tensors (3, H, W) under any key.
            generator: the only source of chance.
        """
        return {key: self.image(value, generator) if is_image(value) else value for key, value in item.items()}

    def image(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """Return one picture uint8 (3, H, W) as uint8 (3, height, width)."""
        draws = _Draws(*torch.rand(5, generator=generator, dtype=torch.float64).tolist())
        picture = Image.fromarray(np.ascontiguousarray(image.permute(1, 2, 0).numpy()))
        angle = (2 * draws.angle - 1) * self.rotate_degrees
        box = self._box(picture.size, draws, angle)
        if angle:
            picture, box = _turned(picture, box, angle)
        # A gap of 2 halves the time of a random crop and is off by far less than the crop itself changes.
        gap = 2.0 if self.crop == "random" else None
        picture = picture.resize((self.width, self.height), Image.Resampling.LANCZOS, box=box, reducing_gap=gap)
        if self.flip and draws.flip < 0.5:
            picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous()

    def _box(self, size: tuple[int, int], draws: _Draws, angle: float) -> Box:
        """Return the crop (left, top, right, bottom) in the picture, before it is turned about its own centre."""
        width, height = size
        if self.crop == "none" and not angle:
            return (0.0, 0.0, float(width), float(height))
        aspect = self.width / self.height if self.crop != "none" else width / height
        box_width, box_height = _largest(size, aspect, angle)
        if self.crop == "random":
            low, high = self.scale
            share = low + (high - low) * draws.scale
            box_width, box_height = max(1.0, share * box_width), max(1.0, share * box_height)
        box_width, box_height = min(box_width, width), min(box_height, height)
        outer_width, outer_height = _outer(box_width, box_height, angle)
        random = self.crop == "random"
        x = outer_width / 2 + max(0.0, width - outer_width) * (draws.x if random else 0.5)
        y = outer_height / 2 + max(0.0, height - outer_height) * (draws.y if random else 0.5)
        box = (x - box_width / 2, y - box_height / 2, x + box_width / 2, y + box_height / 2)
        return _within(box, size)


def is_image(value: Any) -> bool:
    """Tell a picture, uint8 (3, H, W), from another entry of an item."""
    return isinstance(value, Tensor) and value.dtype == torch.uint8 and value.ndim == 3 and value.shape[0] == 3


def _option(options: Any, name: str, default: Any) -> Any:
    if isinstance(options, Mapping):
        return options.get(name, default)
    return getattr(options, name, default)


def _outer(width: float, height: float, angle: float) -> tuple[float, float]:
    """Return the upright size that a box needs once it is turned."""
    cosine, sine = abs(math.cos(math.radians(angle))), abs(math.sin(math.radians(angle)))
    return width * cosine + height * sine, width * sine + height * cosine


def _largest(size: tuple[int, int], aspect: float, angle: float) -> tuple[float, float]:
    """Return the largest box of that aspect (width / height) that stays inside the picture when it is turned."""
    outer_width, outer_height = _outer(aspect, 1.0, angle)
    height = min(size[0] / outer_width, size[1] / outer_height)
    return height * aspect, height


def _within(box: Box, size: tuple[int, int]) -> Box:
    # Rounding can leave a box outside by 1e-13, which Pillow refuses.
    left, top, right, bottom = box
    return max(0.0, left), max(0.0, top), min(float(size[0]), right), min(float(size[1]), bottom)


def _turned(picture: Image.Image, box: Box, angle: float) -> tuple[Image.Image, Box]:
    """Turn a picture about the centre of the box; only the part around the box is computed."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    outer_width, outer_height = _outer(box[2] - box[0], box[3] - box[1], angle)
    left, top = max(0, math.floor(x - outer_width / 2)), max(0, math.floor(y - outer_height / 2))
    right = min(picture.width, math.ceil(x + outer_width / 2))
    bottom = min(picture.height, math.ceil(y + outer_height / 2))
    # The box, upright again, may be longer than what was cut out for it at an angle.
    rim = _RIM + math.ceil(max(0.0, box[2] - box[0] - (right - left), box[3] - box[1] - (bottom - top)) / 2)
    part = _widened(picture.crop((left, top, right, bottom)), rim)
    left, top = left - rim, top - rim
    part = part.rotate(angle, Image.Resampling.BICUBIC, center=(x - left, y - top))
    # Whole pixels inside the box alone: resizing would otherwise look past its edges, at corners without picture.
    inner = _whole_pixels((box[0] - left, box[1] - top, box[2] - left, box[3] - top))
    part = part.crop(inner)
    return part, (0.0, 0.0, float(part.width), float(part.height))


def _widened(picture: Image.Image, rim: int) -> Image.Image:
    """Repeat the edges: a box thinner than a pixel may hold no pixel's centre, and a turn reads beside it."""
    return Image.fromarray(np.pad(np.asarray(picture), ((rim, rim), (rim, rim), (0, 0)), mode="edge"))


def _whole_pixels(box: Box) -> tuple[int, int, int, int]:
    left, top = math.ceil(box[0] - 1e-6), math.ceil(box[1] - 1e-6)
    right, bottom = math.floor(box[2] + 1e-6), math.floor(box[3] + 1e-6)
    if right <= left:
        left, right = math.floor((box[0] + box[2]) / 2), math.floor((box[0] + box[2]) / 2) + 1
    if bottom <= top:
        top, bottom = math.floor((box[1] + box[3]) / 2), math.floor((box[1] + box[3]) / 2) + 1
    return left, top, right, bottom
