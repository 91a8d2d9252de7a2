"""Fréchet distances: FID, and the same on EfficientNet-Lite0 features."""

from __future__ import annotations

import torch

from ganstyle.api import Options
from ganstyle.functional.distances import frechet_distance
from ganstyle_metrics.efficientnet import lite0_extractor
from ganstyle_metrics.inception import InceptionOptions, inception_extractor
from ganstyle_metrics.sets import ENOUGH, Extractor, FeatureEvaluator


class Frechet(FeatureEvaluator):
    """Fréchet distance of two sets of features (arXiv:1706.08500)."""

    def __init__(self, extractor: Extractor, *, key: str) -> None:
        self.key = key
        super().__init__(extractor)

    @property
    def protocol(self) -> str:
        """The definition in words."""
        return f"Fréchet distance, {self.extractor.width} features, float64, covariance of N - 1"

    def compute(self) -> dict[str, float]:
        """Return the distance.

        Raises:
            NoInputError: fewer than two pictures on a side, or features that are not finite.
        """
        return {self.key: frechet_distance(self.features(real=False), self.features(real=True)).item()}

    def warnings(self) -> list[str]:
        """Add how far the number of pictures can be trusted."""
        said, fewest, width = super().warnings(), self.fewest(), self.extractor.width
        if fewest <= width:
            said.append(f"rank-deficient: {fewest:,} images, {width:,} features; compare equal counts only, prefer KID")
        elif fewest < ENOUGH:
            said.append(f"only {fewest:,} images: below {ENOUGH:,} the value is clearly too high")
        return said


class Lite0Options(Options):
    """EfficientNet-Lite0 features have one protocol and no options."""


def build_fid(options: InceptionOptions, device: torch.device | str) -> Frechet:
    """Return the Fréchet Inception distance; its key names the resize."""
    return Frechet(inception_extractor(options, device), key=f"fid_{options.resize}")


def build_fd_lite0(options: Lite0Options, device: torch.device | str) -> Frechet:
    """Return the Fréchet distance on EfficientNet-Lite0 features."""
    return Frechet(lite0_extractor(str(device)), key="fd_efficientnet_lite0")
