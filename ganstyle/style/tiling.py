"""Pictures of any size in bounded memory: tiles with a halo, normalised by the moments of the whole picture.

The tiles equal the untiled picture because nothing in a stylizer but those moments reaches farther than the halo
(Chen et al. 2021, arXiv:2103.11784, for the thumbnail that measures very large pictures).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ganstyle.errors import EnvironmentProblem
from ganstyle.style.base import BaseModel

GRID = 8  # tiles start at multiples of it, as the stylizer's deepest layer strides by it
HALO = 168
MARGIN = 24  # mirrored around the picture and cut off again: stylizers mark the edge of what they see
# Up to 4 megapixels (and their margin) a picture is measured as it is, beyond from a thumbnail of that many pixels.
WHOLE_PIXELS = (2048 + 2 * MARGIN) ** 2
LARGE_TILE = 1536  # of pictures too large for one piece; the halo costs half as much again
RETRIES = 3
MIN_TILE = 64


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

    def read(self, picture: Tensor) -> Tensor:
        """Return the piece with its halo, of (3, H, W)."""
        top, left = self.origin
        return picture[:, top : self.bottom + self.halo, left : self.right + self.halo]

    def write(self, painted: Tensor, target: Tensor) -> None:
        """Put the inner part of a painted piece (3, h, w) into (3, H, W)."""
        top, left = self.top - self.origin[0], self.left - self.origin[1]
        height, width = self.bottom - self.top, self.right - self.left
        target[:, self.top : self.bottom, self.left : self.right] = painted[:, top : top + height, left : left + width]


@dataclass(frozen=True)
class Tiling:
    """How a picture is cut.

    Attributes:
        tile: side of the pieces in pixels; None chooses: one piece up to 4 megapixels, then 1536.
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


def paint(base: BaseModel, picture: Tensor, code: Tensor, *, tiling: Tiling | None = None, seed: int = 0) -> Tensor:
    """Paint a picture of any size; out of memory, again with smaller tiles and the same result.

    Args:
        base: the base model.
        picture: uint8 (3, H, W), H and W at least 1; painted with a mirrored margin, which is cut off.
        code: float32 (D,).
        tiling: how large pieces are; default `Tiling()`.
        seed: of the stroke noise.

    Returns:
        uint8 (3, H, W), on the CPU.

    Raises:
        EnvironmentProblem: the smallest tiles don't fit either.
    """
    height, width = picture.shape[1:]
    rows, columns = _mirrored(height), _mirrored(width)
    painted = _paint_framed(base, picture[:, rows][:, :, columns], code, tiling=tiling or Tiling(), seed=seed)
    return painted[:, MARGIN : MARGIN + height, MARGIN : MARGIN + width].contiguous()


def _mirrored(count: int) -> Tensor:
    """Return the indices of `count` pixels with MARGIN mirrored ones on either side, however few there are."""
    period = max(1, 2 * (count - 1))
    indices = torch.arange(-MARGIN, count + MARGIN) % period
    return torch.where(indices < count, indices, period - indices)


def _paint_framed(base: BaseModel, picture: Tensor, code: Tensor, *, tiling: Tiling, seed: int) -> Tensor:
    side = tiling.side(*picture.shape[1:])
    for _ in range(RETRIES + 1):
        try:
            return _paint_once(base, picture, code, side=side, halo=tiling.halo, seed=seed)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        side = max(MIN_TILE, min(side, max(picture.shape[1:])) // 2 // GRID * GRID)
        _free(base)
    if base.may_fall_back and base.device.type != "cpu":
        return _paint_framed(on_cpu(base), picture, code, tiling=Tiling(side, tiling.halo), seed=seed)
    raise EnvironmentProblem(
        f"out of memory with tiles of {side} pixels, after {RETRIES} attempts with smaller ones",
        where=f"painting {picture.shape[2]}x{picture.shape[1]} pixels on {base.device}",
        hint="--device cpu, or --max-size",
    )


@torch.inference_mode()
def _paint_once(base: BaseModel, picture: Tensor, code: Tensor, *, side: int, halo: int, seed: int) -> Tensor:
    height, width = picture.shape[1:]
    code = code.to(base.device)[None]
    tiles = list(tiles_of(height, width, side=side, halo=halo))
    statistics = None
    if len(tiles) > 1 or height * width > WHOLE_PIXELS:
        statistics = measure(base, picture, code, seed=seed)
    result = torch.empty_like(picture)
    for tile in tiles:
        content = as_input(tile.read(picture), base.device)
        painted = base.stylizer.stylize(content, code, statistics=statistics, offset=tile.origin, seed=seed)
        tile.write(as_bytes(painted[0]), result)
    return result


def measure(base: BaseModel, picture: Tensor, code: Tensor, *, seed: int = 0, limit: int = WHOLE_PIXELS) -> Any:
    """Return the moments that all tiles normalise by.

    Args:
        base: the base model.
        picture: uint8 (3, H, W).
        code: float32 (1, D), on the device.
        seed: of the stroke noise.
        limit: larger pictures are measured from a thumbnail of that many pixels.
    """
    try:
        return base.stylizer.measure(as_input(_thumbnail(picture, limit), base.device), code, seed=seed)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error) or limit <= WHOLE_PIXELS >> 2 * RETRIES:
            raise
    _free(base)
    return measure(base, picture, code, seed=seed, limit=limit // 4)


def _thumbnail(picture: Tensor, limit: int) -> Tensor:
    height, width = picture.shape[1:]
    if height * width <= limit:
        return picture
    scale = (limit / (height * width)) ** 0.5
    sides = [max(1, round(height * scale)), max(1, round(width * scale))]
    # uint8 throughout: a float copy of 100 megapixels alone would take 1.2 GB.
    return F.interpolate(picture[None], size=sides, mode="bilinear", antialias=True)[0]


def as_input(picture: Tensor, device: torch.device) -> Tensor:
    """Return float32 (1, 3, H, W) in [-1, 1] of uint8 (3, H, W), in the layout that is fast on CPUs."""
    values = picture.to(device).float()[None] / 127.5 - 1
    return values.contiguous(memory_format=torch.channels_last)


def as_bytes(painted: Tensor) -> Tensor:
    """Return uint8 (3, H, W) on the CPU of float (3, H, W) in [-1, 1]."""
    return ((painted + 1) * 127.5).round().clamp(0, 255).byte().cpu()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch or Python means that memory ran out; torch has no one class for it."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return any(words in text for words in ("out of memory", "can't allocate memory", "not enough memory"))


def on_cpu(base: BaseModel) -> BaseModel:
    """Return the base model with a copy of its stylizer on the CPU; the original stays where it is."""
    device = torch.device("cpu")
    return BaseModel(base.name, base.sha256, copy.deepcopy(base.stylizer).to(device), device)


def _free(base: BaseModel) -> None:
    if base.device.type == "cuda":
        torch.cuda.empty_cache()
