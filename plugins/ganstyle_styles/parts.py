"""What a style is fitted to, and what its score is measured on."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .crops import log_uniform, random_crop, uniform

HELD_OUT_FROM = 8  # works; from so many on, whole works are held back
EVERY = 4  # one work, or photo, in so many is held back


def split_works(works: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Return the works to learn from and those to score on.

    Of eight works or more every fourth is held back. Fewer are needed whole on both sides, and other crops of them
    are scored: strips that were held back had other colours than the rest, so that the score misled.

    Args:
        works: uint8 (3, H, W) each.
    """
    return _every_fourth(works) if len(works) >= HELD_OUT_FROM else (list(works), list(works))


def split_photos(photos: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Return photos to paint while learning and photos to score on; one photo alone stands on both sides."""
    return _every_fourth(photos) if len(photos) > 1 else (list(photos), list(photos))


def _every_fourth(pictures: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    return [picture for index, picture in enumerate(pictures) if index % EVERY], list(pictures[::EVERY])


def random_crops(
    images: Sequence[Tensor], sides: tuple[float, float], *, count: int, size: int, generator: torch.Generator
) -> Tensor:
    """Return random squares; the pictures take turns from a random one on, so that few crops show many pictures.

    Args:
        images: uint8 (3, H, W) each, at least one.
        sides: range of the short side that a picture counts as scaled to.
        count: how many.
        size: side in pixels.
        generator: source of every random draw.

    Returns:
        uint8 (count, 3, size, size).
    """
    first = int(uniform(generator) * len(images))
    turns = [images[(first + index) % len(images)] for index in range(count)]
    crops = [random_crop(image, size, short_side=log_uniform(sides, generator), generator=generator) for image in turns]
    return torch.stack(crops)
