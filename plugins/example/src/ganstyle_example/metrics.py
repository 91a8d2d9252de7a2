"""A score for two sets of pictures."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from ganstyle.api import Options
from ganstyle.errors import NoInputError

LIGHTEST = 255


class ColourOptions(Options):
    """Options of the metric."""

    bins: Annotated[int, Field(ge=2, le=256, description="Steps of brightness for each colour channel.")] = 32


class ColourDistance:
    """Half the absolute difference of the colour histograms, mean over the channels: 0 (equal) to 1 (disjoint).

    Attributes:
        paired: False, as the two sets needn't belong together.
        higher_is_better: False, as it is a distance.
    """

    paired = False
    higher_is_better = False

    def __init__(self, options: ColourOptions, device: torch.device) -> None:
        self.bins, self.device = options.bins, device
        self.reset()

    def reset(self) -> None:
        """Forget all pictures."""
        self.counts = {real: torch.zeros(3, self.bins, dtype=torch.int64) for real in (False, True)}

    def update(self, images: Tensor, *, real: bool) -> None:
        """Count the colours of pictures, uint8 (B, 3, H, W)."""
        steps = images.to(self.device).long() * self.bins // (LIGHTEST + 1)
        for channel, values in enumerate(steps.transpose(0, 1)):
            self.counts[real][channel] += torch.bincount(values.flatten(), minlength=self.bins).cpu()

    def compute(self) -> dict[str, float]:
        """Return the distance; its key names the protocol.

        Raises:
            NoInputError: a set is empty.
        """
        if not all(counts.any() for counts in self.counts.values()):
            raise NoInputError("the distance of colours needs generated and real pictures")
        fake, real = (counts / counts.sum(1, keepdim=True) for counts in (self.counts[False], self.counts[True]))
        return {f"example_histogram{self.bins}": 0.5 * (fake - real).abs().sum(1).mean().item()}
