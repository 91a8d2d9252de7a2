"""Two sets of features, and what the distances between them share: products of all rows, made once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from ganstyle.errors import InputError

HELD_ROWS = 3072
"""Up to so many rows on a side the products are kept: three matrices of float64 are then 226 MB at most."""
ROWS_AT_ONCE = 1024  # beyond, they are made slice by slice: 1024 x 10,000 in float64 is 80 MB
SAME = 1e-12
"""Rows whose squared distance is below this share of their squared lengths are equal; rounding moves it that far."""


class FeaturePair:
    """Two sets of features between which several distances are wanted.

    Args:
        x: float (N, D), N >= 2, any range, e.g. of generated pictures.
        y: float (M, D), M >= 2, e.g. of real ones.

    Attributes:
        x: the same; in float64 (float32 on devices that have no float64) up to HELD_ROWS rows, while more of them are
            converted slice by slice.
        y: likewise.

    Raises:
        InputError: fewer than two rows, other widths, or values that are not finite.
    """

    def __init__(self, x: Tensor, y: Tensor) -> None:
        self.x, self.y = check_features(x, "first"), check_features(y, "second")
        if x.shape[1] != y.shape[1]:
            raise InputError(f"features of {x.shape[1]} and {y.shape[1]} values do not compare")
        self._known: dict[Any, Any] = {}
        if self.held:
            self.x, self.y = precise(x), precise(y)

    @property
    def width(self) -> int:
        """Features per picture, D."""
        return self.x.shape[1]

    @property
    def held(self) -> bool:
        """Whether the products are kept."""
        return max(len(self.x), len(self.y)) <= HELD_ROWS

    def once(self, key: Any, make: Callable[[], Any]) -> Any:
        """Return what `make` returned when it was first called for a key."""
        if key not in self._known:
            self._known[key] = make()
        return self._known[key]

    def rows(self, side: str) -> Tensor:
        """Return the set called `x` or `y`."""
        return self.x if side == "x" else self.y

    def products(self, sides: str) -> Tensor:
        """Return the scalar products of all rows, float64, e.g. (N, M) for `xy`; `xx`, `xy` or `yy`."""
        left, right = (precise(self.rows(side)) for side in sides)
        return self.once(sides, lambda: left @ right.T) if self.held else left @ right.T

    def slices(self, sides: str) -> Iterator[tuple[slice, Tensor]]:
        """Yield (rows, their products with all rows of the other side), in order, a bounded number at once."""
        left, right = self.rows(sides[0]), precise(self.rows(sides[1]))
        whole = self.products(sides) if self.held else None
        for start in range(0, len(left), ROWS_AT_ONCE):
            part = slice(start, min(start + ROWS_AT_ONCE, len(left)))
            yield part, precise(left[part]) @ right.T if whole is None else whole[part]

    def squared_distances(self, sides: str) -> Iterator[tuple[slice, Tensor]]:
        """Yield (rows, their squared distances to all rows of the other side); exactly 0 for equal rows."""
        left, right = map(self.squares, sides)
        for part, products in self.slices(sides):
            lengths = left[part, None] + right
            squared = lengths - 2 * products
            yield part, squared.masked_fill_(squared <= SAME * lengths, 0)

    def squares(self, side: str) -> Tensor:
        """Return the squared length of each row, float64 (N,)."""
        parts = self.rows(side).split(ROWS_AT_ONCE)
        return self.once(("squares", side), lambda: torch.cat([precise(part).square().sum(1) for part in parts]))

    def weights(self, weights: Tensor) -> Tensor:
        """Return weights of rows as products are: in float64, on the same device."""
        return precise(weights.to(self.x.device))

    def subset(self, x: Tensor, y: Tensor) -> FeaturePair:
        """Return the pair of some rows, given by index; products that are known are not computed again."""
        part = FeaturePair.__new__(FeaturePair)
        part.x, part.y, part._known = precise(self.x[x]), precise(self.y[y]), {}
        chosen = {"x": x, "y": y}
        for sides in ("xx", "xy", "yy") if self.held else ():
            rows, columns = (chosen[side] for side in sides)
            part._known[sides] = self.products(sides)[rows][:, columns]
        return part


def checked_features(x: Tensor, name: str) -> Tensor:
    """Return features in float64, or say what is wrong with them, see `check_features`."""
    return precise(check_features(x, name))


def check_features(x: Tensor, name: str) -> Tensor:
    """Return features as they are, or say what is wrong with them.

    Args:
        x: float (N, D).
        name: what the message calls the set, e.g. `first` or `real`.

    Raises:
        InputError: not (N >= 2, D), or values that are not finite.
    """
    if x.ndim != 2 or len(x) < 2:
        raise InputError(f"the {name} set needs at least 2 rows of features, got shape {tuple(x.shape)}")
    if not torch.isfinite(x).all():  # sync: a single NaN would poison every value below
        raise InputError(f"the {name} set has features that are not finite", hint="look for a diverged model")
    return x


def precise(x: Tensor) -> Tensor:
    """Return a tensor in float64, in float32 on devices that have no float64."""
    return x.float() if x.device.type == "mps" else x.double()
