"""Pictures of any size in bounded memory: tiles with a halo, normalised by the moments of the whole picture.

The tiles equal the untiled picture because nothing in a stylizer but those moments reaches farther than the halo
(Chen et al. 2021, arXiv:2103.11784, for the thumbnail that measures very large pictures). Imports no torch.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from ganstyle.errors import EnvironmentProblem, is_out_of_memory
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
LEAST_MEASURED = WHOLE_PIXELS >> 6  # pixels of the smallest copy that moments are taken from
Told = Callable[[str], object]


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


def paint(
    base: BaseModel,
    picture: Pixels,
    code: Code,
    *,
    tiling: Tiling | None = None,
    seed: int = 0,
    told: Told = warnings.warn,
) -> Pixels:
    """Paint a picture of any size; out of memory, again with smaller tiles and the same result.

    Where not even the moments of the whole picture can be taken, those of a smaller copy stand in: the result then
    differs, by some 3 of 255 for a copy of a quarter of the pixels and 6 for a sixteenth (photographs). That is told.

    Args:
        base: the base model.
        picture: uint8 (H, W, 3), H and W at least 1; painted with a mirrored margin, which is cut off.
        code: float32 (D,).
        tiling: how large pieces are; default `Tiling()`.
        seed: of the stroke noise.
        told: of a result that differs for want of memory.

    Returns:
        uint8 (H, W, 3).

    Raises:
        EnvironmentProblem: the smallest tiles don't fit either.
    """
    height, width = picture.shape[:2]
    framed = np.pad(picture, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)), mode="reflect")
    job = _Job(framed, code, seed)
    painted = _paint_framed(base, job, tiling=tiling or Tiling())
    if job.note:
        told(job.note)
    return np.ascontiguousarray(painted[MARGIN : MARGIN + height, MARGIN : MARGIN + width])


@dataclass
class _Job:
    """A picture to paint.

    Attributes:
        picture: uint8 (H, W, 3).
        code: float32 (D,).
        seed: of the stroke noise.
        note: how the result differs for want of memory; empty if it doesn't.
    """

    picture: Pixels
    code: Code
    seed: int
    note: str = ""

    def moments(self, painter: TilePainter) -> Any:
        self.note = ""
        return measure(painter, self.picture, self.code, seed=self.seed, told=self._noted)

    def _noted(self, note: str) -> None:
        self.note = note


def _paint_framed(base: BaseModel, job: _Job, *, tiling: Tiling) -> Pixels:
    height, width = job.picture.shape[:2]
    side = tiling.side(height, width)
    for _ in range(RETRIES + 1):
        try:
            return _paint_once(base.painter, job, side=side, halo=tiling.halo)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        side = max(MIN_TILE, min(side, max(height, width)) // 2 // GRID * GRID)
        base.painter.release()
    if base.may_fall_back and base.device != "cpu":
        return _paint_framed(base.on_cpu(), job, tiling=Tiling(side, tiling.halo))
    raise EnvironmentProblem(
        f"out of memory with tiles of {side} pixels, after {RETRIES} attempts with smaller ones",
        where=f"painting {width}x{height} pixels on {base.device}",
        hint="--device cpu, or --max-size",
    )


def _paint_once(painter: TilePainter, job: _Job, *, side: int, halo: int) -> Pixels:
    height, width = job.picture.shape[:2]
    tiles = list(tiles_of(height, width, side=side, halo=halo))
    whole = len(tiles) == 1 and height * width <= WHOLE_PIXELS
    how: dict[str, Any] = {"statistics": None if whole else job.moments(painter), "seed": job.seed}
    result = np.empty_like(job.picture)
    for tile in tiles:
        content = tile.read(job.picture)
        tile.write(painter.paint_tile(content, job.code, offset=tile.origin, **how), result)
    if len(tiles) > 1:
        painter.release()  # a large picture: its memory is not kept for the next one
    return result


def measure(
    painter: TilePainter,
    picture: Pixels,
    code: Code,
    *,
    seed: int = 0,
    limit: int | None = None,
    told: Told = warnings.warn,
) -> Any:
    """Return the moments that all tiles normalise by; out of memory, of the largest copy that can be measured.

    Args:
        painter: what paints.
        picture: uint8 (H, W, 3).
        code: float32 (D,).
        seed: of the stroke noise.
        limit: larger pictures are measured from a thumbnail of that many pixels; default `WHOLE_PIXELS`.
        told: of a thumbnail smaller than that.
    """
    most = pixels = min(limit or WHOLE_PIXELS, picture.shape[0] * picture.shape[1])
    while True:
        small = _thumbnail(picture, pixels)
        try:
            found = painter.measure(small, code, seed=seed)
            break
        except Exception as error:
            if not is_out_of_memory(error) or pixels // 4 < LEAST_MEASURED:
                raise
        pixels //= 4
        painter.release()
    if pixels < most:
        told(f"memory was short: tones follow a copy of {small.shape[1]}x{small.shape[0]} pixels and differ a little")
    return found


def _thumbnail(picture: Pixels, limit: int) -> Pixels:
    height, width = picture.shape[:2]
    if height * width <= limit:
        return picture
    scale = (limit / (height * width)) ** 0.5
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # uint8 throughout: a float copy of 100 megapixels alone would take 1.2 GB.
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR))
