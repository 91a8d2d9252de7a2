"""Does a model repeat the pictures it was trained on? Nearest neighbours, and how many are suspiciously near."""

from __future__ import annotations

import torch
from torch import Tensor

from ganstyle.functional.neighbours import NearestReal, nearest_real
from ganstyle_metrics.efficientnet import lite0_extractor
from ganstyle_metrics.frechet import Lite0Options
from ganstyle_metrics.sets import Extractor, FeatureEvaluator


class Memorization(FeatureEvaluator):
    """AuthPct: percentage of pictures that are no near copies of a real one (arXiv:2102.08921).

    Attributes:
        judges_quality: False, because noise repeats nothing and so gets the best value.
    """

    higher_is_better = True
    judges_quality = False

    def __init__(self, extractor: Extractor, *, key: str) -> None:
        self.key = key
        super().__init__(extractor)

    @property
    def protocol(self) -> str:
        """The definition in words."""
        return f"percentage of images whose nearest real one has a nearer real one, {self.extractor.width} features"

    def compute(self) -> dict[str, float]:
        """Return AuthPct, in [0, 100].

        Raises:
            NoInputError: fewer than two pictures on a side, or features that are not finite.
        """
        return {self.key: 100 * self._nearest().authentic.double().mean().item()}

    def _nearest(self) -> NearestReal:
        return self.pair().once("nearest", lambda: nearest_real(self.pair()))

    def nearest(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return (generated, real, distance): indices int64 (N,) in the order of `update`, and float64 (N,).

        The most suspicious come first: those that are nearest in units of how far the real picture's own nearest
        neighbour is; `distance` is in these units, 0 is a copy and below 1 not authentic.
        """
        found = self._nearest()
        relative = (found.distance / found.own).nan_to_num(nan=0.0, posinf=torch.finfo(torch.float64).max)
        order = relative.argsort(stable=True)
        return order, found.index[order], relative[order]

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Return 95 % of the share for other pictures of the same model; the real ones stay (Wilson 1927)."""
        share, count, z2 = self.compute()[self.key] / 100, self.count(real=False), 1.96**2
        middle = (share + z2 / (2 * count)) / (1 + z2 / count)
        half = (z2 * share * (1 - share) / count + z2**2 / (4 * count**2)) ** 0.5 / (1 + z2 / count)
        return {self.key: (100 * max(0.0, middle - half), 100 * min(1.0, middle + half))}

    def warnings(self) -> list[str]:
        """Say what the value depends on."""
        said = f"holds for these {self.count(real=True):,} real images: give all that the model was trained on"
        return [*self.foreign_weights(), said]


def build_memorization(options: Lite0Options, device: torch.device | str) -> Memorization:
    """Return AuthPct on EfficientNet-Lite0 features."""
    return Memorization(lite0_extractor(str(device)), key="authpct_efficientnet_lite0")
