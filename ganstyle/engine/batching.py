"""Single pictures and pairs into batches of one size, in order, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

BATCH = 16
BATCH_PIXELS = BATCH * 512 * 512  # large pictures go in smaller batches: 48 MB of bytes, 200 MB while resized
PAIR_PIXELS = 6 * 512 * 512  # feature maps of both sides, which several metrics share, then take 400 MB


def batches(images: Iterable[Tensor]) -> Iterator[Tensor]:
    """Yield uint8 (B, 3, H, W), each of one size, in order.

    Args:
        images: uint8 (3, H, W) of any sizes.
    """
    for (group,) in _groups((image,) for image in images):
        yield group


def pair_batches(pairs: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Tensor, Tensor, list[str]]]:
    """Yield (pictures, references, styles), uint8 (B, 3, H, W) and B names or none, each of one size, in order.

    Args:
        pairs: (picture, reference) or (picture, reference, style or styles), single or in batches.
    """
    styles: list[str] = []

    def singles() -> Iterator[tuple[Tensor, Tensor]]:
        for images, reference, *named in pairs:
            images, reference = (one[None] if one.ndim == 3 else one for one in (images, reference))
            names = named[0] if named and not isinstance(named[0], str) else named * len(images)
            styles.extend(names)
            yield from zip(images, reference, strict=True)

    done = 0
    for images, reference in _groups(singles(), most=PAIR_PIXELS):
        yield images, reference, styles[done : done + len(images)]
        done += len(images)


def _groups(rows: Iterable[tuple[Tensor, ...]], *, most: int = BATCH_PIXELS) -> Iterator[tuple[Tensor, ...]]:
    """Stack rows of pictures while their shapes stay the same and the batch is not too large."""
    held: list[tuple[Tensor, ...]] = []
    for row in rows:
        pixels = row[0].shape[1] * row[0].shape[2]
        full = held and (len(held) >= BATCH or (len(held) + 1) * pixels > most)
        if held and (full or any(a.shape != b.shape for a, b in zip(held[0], row, strict=True))):
            yield tuple(map(torch.stack, zip(*held, strict=True)))
            held = []
        held.append(row)
    if held:
        yield tuple(map(torch.stack, zip(*held, strict=True)))
