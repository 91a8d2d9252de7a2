"""Kernel distances: KID, and the same on EfficientNet-Lite0 features."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from ganstyle.api import Options
from ganstyle.functional.distances import pair_kernel, pair_kernel_deviation
from ganstyle_metrics.efficientnet import lite0_extractor
from ganstyle_metrics.inception import InceptionOptions, inception_extractor
from ganstyle_metrics.sets import Extractor, FeatureEvaluator, interval

MANY = 4096  # images of the larger side; beyond it random halves would cost more than the value


class KernelOptions(Options):
    """Options of a kernel distance."""

    subsets: Annotated[int, Field(ge=1, description="Random subsets whose estimates are averaged.")] = 100
    subset_size: Annotated[int, Field(ge=2, description="Images per subset and side.")] = 1000
    seed: Annotated[int, Field(ge=0, lt=2**32, description="Seed of the subsets.")] = 2020


class KidOptions(InceptionOptions, KernelOptions):
    """Options of KID."""


class Kernel(FeatureEvaluator):
    """Unbiased squared MMD with a cubic kernel (arXiv:1801.01401), not multiplied by 1000."""

    def __init__(self, extractor: Extractor, *, key: str, options: KernelOptions) -> None:
        self.key, self.options = key, options
        super().__init__(extractor)

    @property
    def protocol(self) -> str:
        """The definition in words."""
        subsets = f"{self.options.subsets} subsets of {self.options.subset_size:,}, seed {self.options.seed}"
        return f"unbiased MMD², cubic kernel, {self.extractor.width} features, " + (
            "all images at once" if self.fewest() < self.options.subset_size else subsets
        )

    def compute(self) -> dict[str, float]:
        """Return the mean estimate.

        Raises:
            NoInputError: fewer than two pictures on a side, or features that are not finite.
        """
        return {self.key: self._estimates().mean().item()}

    def _estimates(self) -> Tensor:
        chosen = {"subsets": self.options.subsets, "subset_size": self.options.subset_size, "seed": self.options.seed}
        return self.pair().once(("kernel", *chosen.values()), lambda: pair_kernel(self.pair(), **chosen))

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Return 95 % of the value at these counts; subsets add what their own mean may be off."""
        estimates, pair = self._estimates(), self.pair()
        many = max(len(pair.x), len(pair.y)) > MANY
        if self.fewest() < 4 or (many and self.fewest() <= self.options.subset_size):
            return {}
        drawn = (estimates.var() / len(estimates)).item() if len(estimates) > 1 else 0.0
        return {self.key: interval(estimates.mean().item(), (self._deviation(estimates) ** 2 + drawn) ** 0.5)}

    def _deviation(self, estimates: Tensor) -> float:
        """Return that of an estimate over all images: by random halves, or for many images by the subsets at hand.

        A part of share f, drawn without repetition, spreads sqrt((1 - f) / f) times as much as the whole does.
        """
        pair = self.pair()
        if len(estimates) > 1 and max(len(pair.x), len(pair.y)) > MANY:
            share = self.options.subset_size / self.fewest()
            return estimates.std().item() * (share / (1 - share)) ** 0.5
        return pair.once("kernel deviation", lambda: pair_kernel_deviation(pair)).item()

    def warnings(self) -> list[str]:
        """Add that small sets are not cut into subsets."""
        said, size = super().warnings(), self.options.subset_size
        if self.fewest() < size:
            said.append(f"fewer than {size:,} images: one estimate over all of them, noisier than in papers")
        return said


def build_kid(options: KidOptions, device: torch.device | str) -> Kernel:
    """Return the kernel Inception distance; its key names the resize."""
    return Kernel(inception_extractor(options, device), key=f"kid_{options.resize}", options=options)


def build_kid_lite0(options: KernelOptions, device: torch.device | str) -> Kernel:
    """Return the kernel distance on EfficientNet-Lite0 features."""
    return Kernel(lite0_extractor(str(device)), key="kid_efficientnet_lite0", options=options)
