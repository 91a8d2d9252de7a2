"""Precision, recall, density and coverage: are the pictures as good as real ones, and as varied?"""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field

from ganstyle.api import Options
from ganstyle.data.weights import WeightsOptions
from ganstyle.functional.neighbours import Neighbourhoods, neighbourhood_deviations, neighbourhoods
from ganstyle_metrics.efficientnet import lite0_extractor
from ganstyle_metrics.sets import Extractor, FeatureEvaluator, interval
from ganstyle_metrics.vgg import vgg16_extractor

_SHARES = {
    "precision": "share of generated images within reach of a real one's {k} nearest",
    "recall": "share of real images within reach of a generated one's {k} nearest",
    "density": "real images within reach of whose {k} nearest a generated one lies, mean, divided by {k}",
    "coverage": "share of real images with a generated one within reach of their {k} nearest",
}
CLOSED = ("precision", "recall")
"""Balls have their surface in Kynkäänniemi et al., and have none in the code of Naeem et al."""


class PrecisionOptions(Options):
    """Options of precision and recall."""

    k: Annotated[int, Field(ge=1, description="Balls reach to the k-th neighbour.")] = 3


class DensityOptions(Options):
    """Options of density and coverage."""

    k: Annotated[int, Field(ge=1, description="Balls reach to the k-th neighbour.")] = 5


class VggPrecisionOptions(WeightsOptions, PrecisionOptions):
    """Options of precision and recall on VGG-16 features."""


class VggDensityOptions(WeightsOptions, DensityOptions):
    """Options of density and coverage on VGG-16 features."""


class Neighbourhood(FeatureEvaluator):
    """One of the four scores; those on the same features share all distances."""

    higher_is_better = True

    def __init__(self, extractor: Extractor, *, name: str, k: int, network: str) -> None:
        self.name, self.k, self.key = name, k, f"{name}_k{k}_{network}"
        self.closed = name in CLOSED
        super().__init__(extractor)

    @property
    def protocol(self) -> str:
        """The definition in words."""
        return f"{_SHARES[self.name].format(k=self.k)} ({self.extractor.width} features)"

    def compute(self) -> dict[str, float]:
        """Return the score.

        Raises:
            NoInputError: no more than k pictures on a side, or features that are not finite.
        """
        return {self.key: getattr(self._scores(), self.name)}

    def _scores(self) -> Neighbourhoods:
        return neighbourhoods(self.pair(), k=self.k, closed=self.closed)

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Return 95 % of the value at these counts, by random halves; no narrower than that of a plain share."""
        pair = self.pair()
        key = ("deviations", self.k, self.closed)
        found = pair.once(key, lambda: neighbourhood_deviations(pair, k=self.k, closed=self.closed))
        if found is None:
            return {}
        value, deviation = self.compute()[self.key], getattr(found, self.name)
        if self.name == "density":
            low, high = interval(value, deviation)
            return {self.key: (max(0.0, low), high)}
        counted = len(pair.x) if self.name == "precision" else len(pair.y)
        low, high = interval(value, max(deviation, _share_deviation(value, counted)))
        return {self.key: (max(0.0, low), min(1.0, high))}

    def warnings(self) -> list[str]:
        """Add that few pictures have far neighbours."""
        said, fewest = super().warnings(), self.fewest()
        if fewest < 1000:
            said.append(f"only {fewest:,} images: their neighbours are far away; compare equal counts only")
        return said


def _share_deviation(value: float, count: int) -> float:
    """Return the standard deviation of a share, with two more seen on either side (Agresti and Coull 1998)."""
    share = (value * count + 2) / (count + 4)
    return (share * (1 - share) / (count + 4)) ** 0.5


def build_precision(options: VggPrecisionOptions, device: torch.device | str) -> Neighbourhood:
    """Return precision on VGG-16 features."""
    return Neighbourhood(vgg16_extractor(options, device), name="precision", k=options.k, network="vgg16")


def build_recall(options: VggPrecisionOptions, device: torch.device | str) -> Neighbourhood:
    """Return recall on VGG-16 features."""
    return Neighbourhood(vgg16_extractor(options, device), name="recall", k=options.k, network="vgg16")


def build_density(options: VggDensityOptions, device: torch.device | str) -> Neighbourhood:
    """Return density on VGG-16 features."""
    return Neighbourhood(vgg16_extractor(options, device), name="density", k=options.k, network="vgg16")


def build_coverage(options: VggDensityOptions, device: torch.device | str) -> Neighbourhood:
    """Return coverage on VGG-16 features."""
    return Neighbourhood(vgg16_extractor(options, device), name="coverage", k=options.k, network="vgg16")


def build_precision_lite0(options: PrecisionOptions, device: torch.device | str) -> Neighbourhood:
    """Return precision on EfficientNet-Lite0 features."""
    return _lite0("precision", options.k, device)


def build_recall_lite0(options: PrecisionOptions, device: torch.device | str) -> Neighbourhood:
    """Return recall on EfficientNet-Lite0 features."""
    return _lite0("recall", options.k, device)


def build_density_lite0(options: DensityOptions, device: torch.device | str) -> Neighbourhood:
    """Return density on EfficientNet-Lite0 features."""
    return _lite0("density", options.k, device)


def build_coverage_lite0(options: DensityOptions, device: torch.device | str) -> Neighbourhood:
    """Return coverage on EfficientNet-Lite0 features."""
    return _lite0("coverage", options.k, device)


def _lite0(name: str, k: int, device: torch.device | str) -> Neighbourhood:
    return Neighbourhood(lite0_extractor(str(device)), name=name, k=k, network="efficientnet_lite0")
