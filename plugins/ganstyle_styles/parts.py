"""Parts of pictures: what a style is fitted to, and what is held back to score it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .crops import log_uniform, random_crop, uniform

WHOLE_WORKS = 8  # from this many works on, whole works are held back; of fewer, a strip of each
EVERY = 4  # one work, or photo, in so many is held back
STRIP_SHARE = 0.35  # of a work's long side
MIN_STRIP = 24  # pixels; narrower strips show no strokes


class Part(NamedTuple):
    """A piece of a picture that remembers the scale of the whole.

    Attributes:
        pixels: uint8 (3, H, W).
        share: its short side over the short side of the whole picture.
    """

    pixels: Tensor
    share: float = 1.0


def split_works(works: Sequence[Tensor]) -> tuple[list[Part], list[Part]]:
    """Return what to learn from and what to hold back.

    Of eight works or more every fourth is held back; of fewer a strip across the long side of each; works too small
    for that stand on both sides.

    Args:
        works: uint8 (3, H, W) each.
    """
    if len(works) >= WHOLE_WORKS:
        return _every_fourth(works)
    pairs = [_cut(work) for work in works]
    return [first for first, _ in pairs], [second for _, second in pairs]


def split_photos(photos: Sequence[Tensor]) -> tuple[list[Part], list[Part]]:
    """Return photos to paint while learning and photos to score on; one photo alone stands on both sides."""
    return _every_fourth(photos) if len(photos) > 1 else ([Part(photos[0])], [Part(photos[0])])


def _every_fourth(pictures: Sequence[Tensor]) -> tuple[list[Part], list[Part]]:
    parts = [Part(picture) for picture in pictures]
    return [part for index, part in enumerate(parts) if index % EVERY], parts[::EVERY]


def _cut(work: Tensor) -> tuple[Part, Part]:
    axis = 1 if work.shape[1] > work.shape[2] else 2
    length, short = work.shape[axis], min(work.shape[1:])
    strip = round(length * STRIP_SHARE)
    if strip < MIN_STRIP:
        return Part(work), Part(work)
    pieces = (work.narrow(axis, 0, length - strip), work.narrow(axis, length - strip, strip))
    first, second = (Part(piece, min(piece.shape[1:]) / short) for piece in pieces)
    return first, second


def random_crops(
    parts: Sequence[Part], sides: tuple[float, float], *, count: int, size: int, generator: torch.Generator
) -> Tensor:
    """Return random squares of random parts.

    Args:
        parts: at least one.
        sides: range of the short side that a whole picture counts as scaled to.
        count: how many.
        size: side in pixels.
        generator: source of every random draw.

    Returns:
        uint8 (count, 3, size, size).
    """
    crops = []
    for _ in range(count):
        part = parts[int(uniform(generator) * len(parts))]
        side = log_uniform(sides, generator) * part.share
        crops.append(random_crop(part.pixels, size, short_side=side, generator=generator))
    return torch.stack(crops)
