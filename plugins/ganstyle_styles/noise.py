"""Stroke noise that depends on nothing but absolute position and seed. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_MASK = 0xFFFFFFFF


def position_noise(shape: Sequence[int], *, offset: tuple[int, int] = (0, 0), seed: int = 0) -> NDArray[np.float32]:
    """Return noise for the places of a grid; tiles of one picture and frames of one film agree.

    Args:
        shape: rows and columns.
        offset: absolute position of the first row and column, at least 0.
        seed: other seeds, other noise.

    Returns:
        float32 (1, 1, rows, columns), uniform with mean 0 and deviation 1.

    Source: the 32-bit finaliser "lowbias32" by Chris Wellons (public domain).
    """
    start = _mixed(np.array([seed & _MASK], np.uint32))
    rows = _mixed(start + _places(shape[0], offset[0]))
    uniform = _mixed(rows[:, None] + _places(shape[1], offset[1])).astype(np.float64)
    uniform /= 2**32
    uniform -= 0.5
    uniform *= 12**0.5
    return uniform.astype(np.float32)[None, None]


def _places(count: int, start: int) -> NDArray[np.uint32]:
    return (np.arange(count, dtype=np.int64) + start).astype(np.uint32)


def _mixed(values: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Scramble 32-bit numbers; sums and products wrap around."""
    values = (values ^ (values >> np.uint32(16))) * np.uint32(0x7FEB352D)
    values = (values ^ (values >> np.uint32(15))) * np.uint32(0x846CA68B)
    return values ^ (values >> np.uint32(16))
