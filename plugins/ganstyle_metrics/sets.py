"""What metrics of two sets have in common: features are collected, counted, judged, and compared once for all."""

from __future__ import annotations

from typing import Any, Protocol
from weakref import WeakValueDictionary

import torch
from torch import Tensor

from ganstyle.errors import NoInputError
from ganstyle.functional.feature_pairs import FeaturePair

ENOUGH = 10_000

_pairs: WeakValueDictionary[tuple[tuple[int, ...], ...], FeaturePair] = WeakValueDictionary()


class Extractor(Protocol):
    """Pictures to features.

    Attributes:
        key: names network, layer, resize and weights; equal keys give equal features.
        width: features per picture.
        resize: in words.
        weights_sha256: of the weights file.
        standard: whether the weights are the published ones.
    """

    key: str
    width: int
    resize: str
    weights_sha256: str
    standard: bool

    def __call__(self, images: Tensor) -> Tensor:
        """Return float32 (B, width) on the CPU of uint8 images (B, 3, H, W)."""


class FeatureEvaluator:
    """Base of the metrics on features.

    Metrics that are given the same tensors share what they compute from them: distances of all pictures are made once.

    Attributes:
        extractor: the network; callers that hold its features already use `update_features`.
    """

    paired = False
    higher_is_better = False
    needs_real = True

    def __init__(self, extractor: Extractor) -> None:
        self.extractor = extractor
        self.reset()

    def reset(self) -> None:
        """Forget all pictures."""
        self._parts: dict[bool, list[Tensor]] = {True: [], False: []}
        self._pair: FeaturePair | None = None

    def update(self, images: Tensor, *args: Any, real: bool) -> None:
        """Take uint8 images (B, 3, H, W)."""
        self.update_features(self.extractor(images), real=real)

    def update_features(self, features: Tensor, *, real: bool) -> None:
        """Take float features (B, width) that the extractor made."""
        self._parts[real].append(features)
        self._pair = None

    def features(self, *, real: bool) -> Tensor:
        """Return all features of one side, (N, width).

        Raises:
            NoInputError: there are none.
        """
        parts = self._parts[real]
        if not parts:
            raise NoInputError(
                f"there are no {'real' if real else 'generated'} images to compare",
                hint="name a folder of real images: ganstyle eval FAKE REAL" if real else "",
            )
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def pair(self) -> FeaturePair:
        """Return generated and real features together, the same object as other metrics on them have.

        Raises:
            NoInputError: fewer than two pictures on a side, or features that are not finite.
        """
        if self._pair is None:
            key = tuple(tuple(map(id, self._parts[real])) for real in (False, True))
            # The pair keeps its tensors alive, so that no other tensor can have their id while the pair exists.
            self._pair = _pairs.get(key) or self._new_pair()
            _pairs[key] = self._pair
        return self._pair

    def _new_pair(self) -> FeaturePair:
        sides = [self.features(real=real) for real in (False, True)]
        for name, side in zip(("generated", "real"), sides, strict=True):
            if len(side) < 2:
                raise NoInputError(f"there is only 1 {name} image: sets are compared, of at least 2 images")
        pair = FeaturePair(*sides)
        pair.once("sources", lambda: [*self._parts[False], *self._parts[True]])
        return pair

    def count(self, *, real: bool) -> int:
        """Return how many pictures one side has."""
        return sum(map(len, self._parts[real]))

    @property
    def resize(self) -> str:
        """How pictures get to the network's size."""
        return self.extractor.resize

    @property
    def weights_sha256(self) -> str:
        """Of the network's weights."""
        return self.extractor.weights_sha256

    def warnings(self) -> list[str]:
        """Return what a reader of the score must know, in plain words."""
        said, real, fake = self.foreign_weights(), self.count(real=True), self.count(real=False)
        if self.needs_real and real and real != fake:
            said.append(f"unequal counts ({fake:,} generated, {real:,} real): compare equal counts only")
        return said

    def foreign_weights(self) -> list[str]:
        """Return a warning if the weights aren't the published ones."""
        if self.extractor.standard:
            return []
        return ["these are not the published weights: the value compares with nothing but itself"]

    def fewest(self) -> int:
        """Return the count of the smaller side."""
        fake = self.count(real=False)
        return min(fake, self.count(real=True)) if self.needs_real else fake


def interval(value: float, deviation: float) -> tuple[float, float]:
    """Return 95 % of a value with a standard deviation."""
    return value - 1.96 * deviation, value + 1.96 * deviation
