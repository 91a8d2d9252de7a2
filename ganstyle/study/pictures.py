"""Pictures as a page holds them: shrunk alike, as WebP inside the page; and copies that anybody sees are damaged."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ganstyle.data.reading import open_picture
from ganstyle.errors import InputError

SAME_SHAPE = 0.02  # relative difference of aspect ratios that rounding explains
MOSAIC = 44  # tiles along the long side of a damaged copy
NOISE = 32.0


def read_alike(files: Sequence[Path], max_size: int) -> list[Image.Image]:
    """Read candidates of one item and give them one size, so that size tells no method from another.

    Args:
        files: picture files.
        max_size: longest side in pixels; pictures are only ever shrunk.

    Returns:
        RGB pictures, of the size of the smallest; of unequal shapes each within `max_size`.

    Raises:
        InputError: a file can't be read.
    """
    pictures = [_read(file) for file in files]
    sizes = [_fitted(picture.size, max_size) for picture in pictures]
    ratios = [width / height for width, height in sizes]
    if max(ratios) / min(ratios) <= 1 + SAME_SHAPE:
        sizes = [min(sizes)] * len(sizes)
    return [_resized(picture, size) for picture, size in zip(pictures, sizes, strict=True)]


def read_small(file: Path, max_size: int) -> Image.Image:
    """Read one picture, within a longest side.

    Raises:
        InputError: the file can't be read.
    """
    picture = _read(file)
    return _resized(picture, _fitted(picture.size, max_size))


def _read(file: Path) -> Image.Image:
    picture = Image.fromarray(open_picture(file).on_matte())
    if min(picture.size) < 8:
        raise InputError(f"{picture.width} x {picture.height} pixels are too few to look at", where=str(file))
    return picture


def _fitted(size: tuple[int, int], longest: int) -> tuple[int, int]:
    scale = min(1.0, longest / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _resized(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    return picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)


def damaged(picture: Image.Image, generator: np.random.Generator) -> Image.Image:
    """Return a copy in coarse tiles with strong coloured noise: worse by any question about quality.

    Args:
        picture: RGB.
        generator: draws the noise.
    """
    longest = max(picture.size)
    count = min(MOSAIC, longest // 3)  # of a small picture, tiles of at least three pixels
    tiles = [max(1, round(side * count / longest)) for side in picture.size]
    coarse = picture.resize(tiles, Image.Resampling.BOX)
    pixels: NDArray[np.float64] = np.asarray(coarse, dtype=np.float64)
    noisy = np.clip(pixels + generator.normal(0, NOISE, pixels.shape), 0, 255).astype(np.uint8)
    return Image.fromarray(noisy).resize(picture.size, Image.Resampling.NEAREST)


def data_uri(picture: Image.Image, quality: int) -> str:
    """Return a picture as a WebP data URI, without metadata; quality 100 is lossless."""
    stream = io.BytesIO()
    picture.save(stream, "WEBP", quality=quality, lossless=quality == 100)
    return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode()
