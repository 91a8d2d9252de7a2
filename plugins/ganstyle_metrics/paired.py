"""What metrics of pairs have in common: one value per pair, the mean over pairs, and its interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ganstyle.errors import InputError, NoInputError

SHORTEST = 32


class PairEvaluator:
    """Base of the metrics of pairs: `update` calls `measure` and keeps its values.

    Attributes:
        key: of the value.
        protocol: the definition in words.
        device: where it computes.
    """

    paired = True
    higher_is_better = False

    def __init__(self, *, key: str, protocol: str, device: torch.device | str) -> None:
        self.key, self.protocol, self.device = key, protocol, device
        self.reset()

    def reset(self) -> None:
        """Forget all pairs."""
        self._values: list[Tensor] = []

    def update(self, images: Tensor, reference: Tensor, **styles: Any) -> None:
        """Take pairs of uint8 images (B, 3, H, W).

        Raises:
            InputError: unequal or too small pictures.
        """
        self._values.append(self.measure(images.to(self.device), reference.to(self.device), **styles).double().cpu())

    def measure(self, images: Tensor, reference: Tensor, **styles: Any) -> Tensor:
        """Return the value of each pair, float (B,)."""
        raise NotImplementedError

    def compute(self) -> dict[str, float]:
        """Return the mean.

        Raises:
            NoInputError: there were no pairs.
        """
        return {self.key: self.values().mean().item()}

    def pair_values(self) -> Tensor:
        """Return the value of each pair, float64 (n,), in the order they came.

        Raises:
            NoInputError: there were no pairs.
        """
        if not self._values:
            raise NoInputError("there are no pairs to compare", hint="ganstyle eval --pairs OUT CONTENT")
        return torch.cat(self._values)

    def values(self) -> Tensor:
        """Return the value of each pair, sorted (so that sums don't depend on the order of pairs)."""
        return self.pair_values().sort().values

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Return 95 % of the mean over pairs, by its standard error; nothing for one pair or infinite values."""
        found = mean_interval(self.values())
        return {} if found is None else {self.key: found}

    def warnings(self) -> list[str]:
        """Return what a reader of the score must know."""
        return []


def mean_interval(values: Tensor) -> tuple[float, float] | None:
    """Return 95 % of the mean of float (n,), by Student's t; None for one value or infinite ones.

    With the normal quantile, 1.96, intervals of five pairs hold the truth in 87 of 100 cases, of three in 76.
    """
    from scipy.special import stdtrit  # slow to import; only results need it

    if len(values) < 2 or not torch.isfinite(values).all():
        return None
    quantile = float(stdtrit(len(values) - 1, 0.975))
    mean, half = values.mean().item(), quantile * values.std().item() / len(values) ** 0.5
    return mean - half, mean + half


def check_pair(images: Tensor, reference: Tensor, *, shortest: int = SHORTEST) -> None:
    """Refuse pairs that don't compare.

    Args:
        images: uint8 (B, 3, H, W).
        reference: of the same shape.
        shortest: the least height and width.

    Raises:
        InputError: other shapes, or a side below `shortest`.
    """
    if images.ndim != 4 or images.shape != reference.shape:
        raise InputError(
            f"pairs need equal sizes, got {_size(images)} and {_size(reference)}",
            hint="resize one of them yourself: which one decides the value",
        )
    check_side([images], shortest)


def check_side(pictures: Sequence[Tensor], shortest: int = SHORTEST) -> None:
    """Refuse pictures (..., H, W) with a side below `shortest`.

    Raises:
        InputError: names the size.
    """
    small = [picture for picture in pictures if min(picture.shape[-2:]) < shortest]
    if small:
        raise InputError(f"a picture of {_size(small[0])} is too small: sides of at least {shortest} pixels")


def _size(images: Tensor) -> str:
    return f"{images.shape[-1]} x {images.shape[-2]}"
