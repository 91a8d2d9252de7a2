"""Small pictures whose pixels are known."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms


@pytest.fixture
def corners() -> np.ndarray:
    """8x12 pixels, black, with a red, green, blue and white block clockwise from the upper left corner."""
    pixels = np.zeros((8, 12, 3), np.uint8)
    pixels[:4, :4], pixels[:4, 8:], pixels[4:, 8:], pixels[4:, :4] = (255, 0, 0), (0, 255, 0), (0, 0, 255), 255
    return pixels


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Write a picture with Pillow: `save("a.png", array_or_image, **options)`."""

    def write(name: str, picture: Any, **options: Any) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
        image.save(path, **options)
        return path

    return write


@pytest.fixture
def style_folder(tmp_path: Path) -> Path:
    """Twelve plain 20x16 pictures in `blue` (8) and `red` (4); number n has 10 n in its green channel."""
    for number in range(12):
        style = "red" if number % 3 == 0 else "blue"
        colour = (200, 10 * number, 0) if style == "red" else (0, 10 * number, 200)
        path = tmp_path / "styles" / style / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 16), colour).save(path)
    return tmp_path / "styles"


@pytest.fixture
def swapped_profile() -> bytes:
    """An sRGB profile in which the red and blue colorants have changed places."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack_from(">I", data, 128)[0]
    for at in range(132, 132 + 12 * count, 12):
        name = bytes(data[at : at + 4])
        data[at : at + 4] = {b"rXYZ": b"bXYZ", b"bXYZ": b"rXYZ"}.get(name, name)
    return bytes(data)
