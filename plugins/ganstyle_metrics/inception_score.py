"""The Inception score: needs generated pictures only."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from ganstyle.functional.distances import inception_score
from ganstyle_metrics.inception import InceptionExtractor, InceptionOptions, inception_extractor
from ganstyle_metrics.sets import ENOUGH, FeatureEvaluator, interval


class InceptionScoreOptions(InceptionOptions):
    """Options of the Inception score."""

    splits: Annotated[int, Field(ge=1, description="Parts whose scores are averaged.")] = 10
    seed: Annotated[int, Field(ge=0, lt=2**32, description="Seed of the shuffle before splitting.")] = 2020


class InceptionScore(FeatureEvaluator):
    """Clear and varied classes (arXiv:1606.03498); blind to how real pictures look."""

    higher_is_better = True
    needs_real = False
    extractor: InceptionExtractor

    def __init__(self, extractor: InceptionExtractor, options: InceptionScoreOptions) -> None:
        self.options = options
        super().__init__(extractor)

    @property
    def protocol(self) -> str:
        """The definition in words."""
        return f"mean over {self.options.splits} splits, seed {self.options.seed}, 1008 classes without bias"

    def compute(self) -> dict[str, float]:
        """Return the mean over the splits.

        Raises:
            NoInputError: fewer pictures than splits, or values that are not finite.
        """
        return {f"is_{self.options.resize}": self._scores().mean().item()}

    def _scores(self) -> Tensor:
        logits = self.extractor.logits(self.features(real=False))
        return inception_score(logits, splits=self.options.splits, seed=self.options.seed)

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Return 95 % of the mean over splits, which share no picture; none for a single one."""
        scores = self._scores()
        if len(scores) < 2:
            return {}
        deviation = (scores.std() / len(scores) ** 0.5).item()
        return {f"is_{self.options.resize}": interval(scores.mean().item(), deviation)}

    def warnings(self) -> list[str]:
        """Add how far the number of pictures can be trusted."""
        said, count = super().warnings(), self.count(real=False)
        if count < ENOUGH:
            said.append(f"only {count:,} images: below {ENOUGH:,} the value is clearly too low")
        return said


def build_is(options: InceptionScoreOptions, device: torch.device | str) -> InceptionScore:
    """Return the Inception score."""
    return InceptionScore(inception_extractor(options, device), options)
