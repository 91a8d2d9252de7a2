"""Courses of the learning rate over the share of the budget done."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping


def constant(fraction: float, final_factor: float) -> float:
    """Return 1 at every fraction of the budget."""
    return 1.0


def cosine(fraction: float, final_factor: float) -> float:
    """Fall from 1 to final_factor along half a cosine (arXiv:1608.03983, eq. 5 without restarts)."""
    return final_factor + (1 - final_factor) * 0.5 * (1 + math.cos(math.pi * min(fraction, 1.0)))


def linear(fraction: float, final_factor: float) -> float:
    """Fall from 1 to final_factor along a line."""
    return 1 - (1 - final_factor) * min(fraction, 1.0)


SCHEDULES: Mapping[str, Callable[[float, float], float]] = {"constant": constant, "cosine": cosine, "linear": linear}


def warm_up(images: int, warmup_images: int) -> float:
    """Rise from 0 to 1 along a line while the first `warmup_images` are shown; 0 of them is no warm-up.

    Args:
        images: shown at the end of the step, so that the first step moves already.
        warmup_images: length of the rise.
    """
    return min(1.0, images / warmup_images) if warmup_images else 1.0
