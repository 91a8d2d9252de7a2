"""How a value goes from its start to its end over the budget, which is counted in images shown."""

from __future__ import annotations

import math


def cosine(start: float, final: float, *, fraction: float) -> float:
    """Return the value on half a cosine: flat at both ends.

    Args:
        start: value at 0.
        final: value at 1.
        fraction: share of the budget done, in [0, 1].

    Source: R3GAN (arXiv:2501.05441), app. on training details, for gamma and the augmentation probability.
    """
    return final + (start - final) * 0.5 * (1.0 + math.cos(math.pi * min(fraction, 1.0)))


def geometric(start: float, final: float, *, fraction: float) -> float:
    """Return the value that falls or rises by the same factor in equal shares of the budget.

    Args:
        start: value at 0, positive.
        final: value at 1, positive.
        fraction: share of the budget done, in [0, 1].
    """
    return start * (final / start) ** min(fraction, 1.0)


SCHEDULES = {"cosine": cosine, "geometric": geometric}
