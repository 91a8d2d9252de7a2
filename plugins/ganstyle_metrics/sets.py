"""What metrics of two sets have in common: features are collected, counted and judged."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

from ganstyle.errors import NoInputError

ENOUGH = 10_000


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

    def update(self, images: Tensor, *args: Any, real: bool) -> None:
        """Take uint8 images (B, 3, H, W)."""
        self.update_features(self.extractor(images), real=real)

    def update_features(self, features: Tensor, *, real: bool) -> None:
        """Take float features (B, width) that the extractor made."""
        self._parts[real].append(features)

    def features(self, *, real: bool) -> Tensor:
        """Return all features of one side, (N, width).

        Raises:
            NoInputError: there are none.
        """
        if not self._parts[real]:
            raise NoInputError(
                f"there are no {'real' if real else 'generated'} images to compare",
                hint="name a folder of real images: ganstyle eval FAKE REAL" if real else "",
            )
        return torch.cat(self._parts[real])

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
        said = []
        if not self.extractor.standard:
            said.append("these are not the published weights: the value compares with nothing but itself")
        real, fake = self.count(real=True), self.count(real=False)
        if self.needs_real and real != fake:
            said.append(f"unequal counts ({fake:,} generated, {real:,} real): compare equal counts only")
        return said

    def fewest(self) -> int:
        """Return the count of the smaller side."""
        fake = self.count(real=False)
        return min(fake, self.count(real=True)) if self.needs_real else fake
