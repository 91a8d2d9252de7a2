"""Fréchet distances: FID, FD-DINOv2, the same on EfficientNet-Lite0 features, and their limits for ever more pictures.

Instead of real pictures they take their statistics, e.g. from the `.npz` files of other tools.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ganstyle.api import Options
from ganstyle.errors import InputError
from ganstyle.functional.distances import frechet_from_moments, moments, moments_of, pair_frechet
from ganstyle.functional.feature_pairs import check_features
from ganstyle.functional.frechet_spread import (
    Extrapolation,
    frechet_at_infinity,
    frechet_deviation,
    frechet_deviation_from,
)
from ganstyle_metrics.efficientnet import lite0_extractor
from ganstyle_metrics.inception import InceptionOptions, inception_extractor
from ganstyle_metrics.sets import ENOUGH, Extractor, FeatureEvaluator, interval

FEWEST_FOR_INFINITY = 5000
FEWEST_LITE0 = 800
"""Smallest size of the extrapolation on 320 features: as many per feature (2.44) as 5,000 are on 2,048.

Below that the bias isn't yet linear in 1 / N; above it, in simulations with a known limit, the extrapolated value is
within its interval, whatever the width.
"""

Moments = tuple[Tensor, Tensor]


class Frechet(FeatureEvaluator):
    """Fréchet distance of two sets of features (arXiv:1706.08500)."""

    def __init__(self, extractor: Extractor, *, key: str) -> None:
        self.key = key
        super().__init__(extractor)

    @property
    def protocol(self) -> str:
        """The definition in words."""
        return f"Fréchet distance, {self.extractor.width} features, float64, covariance of N - 1"

    def reset(self) -> None:
        """Forget all pictures and statistics."""
        super().reset()
        self._reference: Moments | None = None
        self._known: Any = None

    def update_features(self, features: Tensor, *, real: bool) -> None:
        """Take float features (B, width) that the extractor made."""
        super().update_features(features, real=real)
        self._known = None

    def take_moments(self, mean: Tensor, covariance: Tensor) -> None:
        """Take the moments of the real features in place of real pictures.

        Args:
            mean: float (width,).
            covariance: float (width, width).

        Raises:
            InputError: statistics of another network.
        """
        width = self.extractor.width
        if mean.shape != (width,) or covariance.shape != (width, width):
            message = f"the reference has {mean.numel():,} values per image, this network {width:,}"
            raise InputError(message, hint="use statistics that were made with the same network")
        self._reference, self._known = (mean.double(), covariance.double()), None

    def moments(self, *, real: bool) -> Moments:
        """Return mean (width,) and covariance (width, width) of one side, float64.

        Raises:
            NoInputError: fewer than two pictures, or features that are not finite.
        """
        if real and self._reference is not None:
            return self._reference
        if self._reference is None and self._parts[True] and self._parts[False]:
            return moments_of(self.pair(), "y" if real else "x")
        return moments(check_features(self.features(real=real), "real" if real else "generated"))

    def compute(self) -> dict[str, float]:
        """Return the distance.

        Raises:
            NoInputError: fewer than two pictures on a side, or features that are not finite.
        """
        if self._reference is None:
            return {self.key: self.pair().once("frechet", lambda: pair_frechet(self.pair())).item()}
        if self._known is None:
            self._known = frechet_from_moments(self.moments(real=False), self._reference).item()
        return {self.key: self._known}

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Return 95 % of the value at these counts, by the influence of each picture; references count as exact."""
        value, deviation = self.compute()[self.key], self._deviation()
        return {self.key: interval(value, deviation)} if math.isfinite(deviation) else {}

    def _deviation(self) -> float:
        if self._reference is None:
            return frechet_deviation(self.pair()).item()
        return frechet_deviation_from(self.features(real=False), self._reference).item()

    def warnings(self) -> list[str]:
        """Add how far the number of pictures can be trusted."""
        said, fewest, width = super().warnings(), self.fewest(), self.extractor.width
        if self._reference is not None:
            said.append(self._of_reference())
        if fewest <= width:
            said.append(f"rank-deficient: {fewest:,} images, {width:,} features; compare equal counts only, prefer KID")
        elif fewest < ENOUGH:
            said.append(f"only {fewest:,} images: below {ENOUGH:,} the value is clearly too high")
        return said

    def _of_reference(self) -> str:
        return f"real images known by their mean and covariance only; their resize must have been {self.resize}"

    def fewest(self) -> int:
        """Return the count of the smaller side; of a reference it isn't known."""
        return super().fewest() if self._reference is None else self.count(real=False)


class FrechetAtInfinity(Frechet):
    """Fréchet distance without the bias of finite sets (arXiv:1911.07023)."""

    def __init__(self, extractor: Extractor, *, key: str, fewest: int) -> None:
        self.fewest_images = fewest
        super().__init__(extractor, key=key)

    @property
    def protocol(self) -> str:
        """The definition in words."""
        return f"Fréchet distances of 15 sizes from {self.fewest_images:,} up, line over 1 / N, seed 2020"

    def compute(self) -> dict[str, float]:
        """Return the value at infinity.

        Raises:
            NoInputError: too few generated pictures, fewer than two real ones, or features that are not finite.
        """
        return {self.key: self.extrapolation().value}

    def extrapolation(self) -> Extrapolation:
        """Return the line and the distances that it was fitted to; raises as `compute`."""
        if self._known is None:
            fake, reference = self.features(real=False), self.moments(real=True)
            self._known = frechet_at_infinity(fake, reference, fewest=self.fewest_images)
        return self._known

    def _deviation(self) -> float:
        sampling = frechet_deviation_from(self.features(real=False), self.moments(real=True)).item()
        return math.hypot(sampling, self.extrapolation().error)

    def warnings(self) -> list[str]:
        """Say what the extrapolation can't remove."""
        said, real = self.foreign_weights(), self.count(real=True)
        if self._reference is not None:
            said.append(self._of_reference())
        if self.count(real=False) < 2 * self.fewest_images:
            said.append(f"fewer than {2 * self.fewest_images:,} generated images: a short lever, the interval is wide")
        if self._reference is None and real < 2 * self.fewest_images:
            said.append(f"only {real:,} real images: their share of the bias stays in the value")
        return said


class Lite0Options(Options):
    """EfficientNet-Lite0 features have one protocol and no options."""


def build_fid(options: InceptionOptions, device: torch.device | str) -> Frechet:
    """Return the Fréchet Inception distance; its key names the resize."""
    return Frechet(inception_extractor(options, device), key=f"fid_{options.resize}")


def build_fid_infinity(options: InceptionOptions, device: torch.device | str) -> FrechetAtInfinity:
    """Return the Fréchet Inception distance at infinitely many generated pictures."""
    key = f"fid_infinity_{options.resize}"
    return FrechetAtInfinity(inception_extractor(options, device), key=key, fewest=FEWEST_FOR_INFINITY)


def build_fd_lite0(options: Lite0Options, device: torch.device | str) -> Frechet:
    """Return the Fréchet distance on EfficientNet-Lite0 features."""
    return Frechet(lite0_extractor(str(device)), key="fd_efficientnet_lite0")


def build_fd_infinity_lite0(options: Lite0Options, device: torch.device | str) -> FrechetAtInfinity:
    """Return the Fréchet distance on EfficientNet-Lite0 features at infinitely many generated pictures."""
    extractor = lite0_extractor(str(device))
    return FrechetAtInfinity(extractor, key="fd_infinity_efficientnet_lite0", fewest=FEWEST_LITE0)
