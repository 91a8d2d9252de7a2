"""Pictures of any size in bounded memory: tiles with a halo, normalised by the moments of the whole picture.

The tiles equal the untiled picture because nothing in a stylizer but those moments reaches farther than the halo
(Chen et al. 2021, arXiv:2103.11784, for the thumbnail that measures very large pictures). Imports no torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from ganstyle.errors import EnvironmentProblem
from ganstyle.style.base import BaseModel
from ganstyle.style.painters import Code, Pixels, TilePainter

GRID = 8  # tiles start at multiples of it, as the stylizer's deepest layer strides by it
HALO = 168
MARGIN = 24  # mirrored around the picture and cut off again: stylizers mark the edge of what they see
# Up to 4 megapixels (and their margin) a picture is measured as it is, beyond from a thumbnail of that many pixels.
WHOLE_PIXELS = (2048 + 2 * MARGIN) ** 2
LARGE_TILE = 1760  # of pictures too large for one piece: with its halo as large as the largest whole one
RETRIES = 3
MIN_TILE = 64
_OUT_OF_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "failed to allocate memory",
    "bad_alloc",
    "bad allocation",
    "smaller than requested",
)


@dataclass(frozen=True)
class Tile:
    """A piece of a picture.

    Attributes:
        top: first row that this tile fills.
        left: first column.
        bottom: row after the last.
        right: column after the last.
        halo: pixels read around it, where the picture has them.
    """

    top: int
    left: int
    bottom: int
    right: int
    halo: int

    @property
    def origin(self) -> tuple[int, int]:
        """First row and column that are read; multiples of 8."""
        return max(0, self.top - self.halo), max(0, self.left - self.halo)

    def read(self, picture: Pixels) -> Pixels:
        """Return the piece with its halo, a view into (H, W, 3)."""
        top, left = self.origin
        return picture[top : self.bottom + self.halo, left : self.right + self.halo]

    def write(self, painted: Pixels, target: Pixels) -> None:
        """Put the inner part of a painted piece (h, w, 3) into (H, W, 3)."""
        top, left = self.top - self.origin[0], self.left - self.origin[1]
        height, width = self.bottom - self.top, self.right - self.left
        target[self.top : self.bottom, self.left : self.right] = painted[top : top + height, left : left + width]


@dataclass(frozen=True)
class Tiling:
    """How a picture is cut.

    Attributes:
        tile: side of the pieces in pixels; None chooses: one piece up to 4 megapixels, then 1760.
        halo: pixels read around each piece.
    """

    tile: int | None = None
    halo: int = HALO

    def side(self, height: int, width: int) -> int:
        """Return the side of the pieces, a multiple of 8."""
        side = self.tile or (max(height, width) if height * width <= WHOLE_PIXELS else LARGE_TILE)
        return max(MIN_TILE, side + -side % GRID)


def tiles_of(height: int, width: int, *, side: int, halo: int) -> Iterator[Tile]:
    """Yield tiles that cover a picture once, row by row.

    Args:
        height: pixels.
        width: pixels.
        side: of a tile; a multiple of 8.
        halo: rounded up to a multiple of 8.
    """
    halo += -halo % GRID
    for top in range(0, height, side):
        for left in range(0, width, side):
            yield Tile(top, left, min(top + side, height), min(left + side, width), halo)


def paint(base: BaseModel, picture: Pixels, code: Code, *, tiling: Tiling | None = None, seed: int = 0) -> Pixels:
    """Paint a picture of any size; out of memory, again with smaller tiles and the same result.

    Args:
        base: the base model.
        picture: uint8 (H, W, 3), H and W at least 1; painted with a mirrored margin, which is cut off.
        code: float32 (D,).
        tiling: how large pieces are; default `Tiling()`.
        seed: of the stroke noise.

    Returns:
        uint8 (H, W, 3).

    Raises:
        EnvironmentProblem: the smallest tiles don't fit either.
    """
    height, width = picture.shape[:2]
    framed = np.pad(picture, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)), mode="reflect")
    painted = _paint_framed(base, framed, code, tiling=tiling or Tiling(), seed=seed)
    return np.ascontiguousarray(painted[MARGIN : MARGIN + height, MARGIN : MARGIN + width])


def _paint_framed(base: BaseModel, picture: Pixels, code: Code, *, tiling: Tiling, seed: int) -> Pixels:
    side = tiling.side(*picture.shape[:2])
    for _ in range(RETRIES + 1):
        try:
            return _paint_once(base.painter, picture, code, side=side, halo=tiling.halo, seed=seed)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        side = max(MIN_TILE, min(side, max(picture.shape[:2])) // 2 // GRID * GRID)
        base.painter.release()
    if base.may_fall_back and base.device != "cpu":
        return _paint_framed(base.on_cpu(), picture, code, tiling=Tiling(side, tiling.halo), seed=seed)
    raise EnvironmentProblem(
        f"out of memory with tiles of {side} pixels, after {RETRIES} attempts with smaller ones",
        where=f"painting {picture.shape[1]}x{picture.shape[0]} pixels on {base.device}",
        hint="--device cpu, or --max-size",
    )


def _paint_once(painter: TilePainter, picture: Pixels, code: Code, *, side: int, halo: int, seed: int) -> Pixels:
    height, width = picture.shape[:2]
    tiles = list(tiles_of(height, width, side=side, halo=halo))
    statistics = None
    if len(tiles) > 1 or height * width > WHOLE_PIXELS:
        statistics = measure(painter, picture, code, seed=seed)
    result = np.empty_like(picture)
    for tile in tiles:
        content = tile.read(picture)
        tile.write(painter.paint_tile(content, code, statistics=statistics, offset=tile.origin, seed=seed), result)
    if len(tiles) > 1:
        painter.release()  # a large picture: its memory is not kept for the next one
    return result


def measure(painter: TilePainter, picture: Pixels, code: Code, *, seed: int = 0, limit: int | None = None) -> Any:
    """Return the moments that all tiles normalise by.

    Args:
        painter: what paints.
        picture: uint8 (H, W, 3).
        code: float32 (D,).
        seed: of the stroke noise.
        limit: larger pictures are measured from a thumbnail of that many pixels; default `WHOLE_PIXELS`.
    """
    limit = limit or WHOLE_PIXELS
    try:
        return painter.measure(_thumbnail(picture, limit), code, seed=seed)
    except Exception as error:
        if not is_out_of_memory(error) or limit <= WHOLE_PIXELS >> 2 * RETRIES:
            raise
    painter.release()
    return measure(painter, picture, code, seed=seed, limit=limit // 4)


def _thumbnail(picture: Pixels, limit: int) -> Pixels:
    height, width = picture.shape[:2]
    if height * width <= limit:
        return picture
    scale = (limit / (height * width)) ** 0.5
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # uint8 throughout: a float copy of 100 megapixels alone would take 1.2 GB.
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch, onnxruntime or Python means that memory ran out; neither library has one class."""
    if isinstance(error, MemoryError) or "OutOfMemory" in type(error).__name__:
        return True
    text = str(error).lower()
    return any(words in text for words in _OUT_OF_MEMORY)
