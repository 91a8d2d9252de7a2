"""When a growing network grows, and how its pictures fade from one stage to the next."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ganstyle.functional.images import enlarge, shrink


def stage_at(fraction: float, stages: int, *, share: float) -> tuple[int, float]:
    """Return (stage, alpha) of the growth schedule.

    The first `share` of the budget has 2 (stages - 1) equal units: one for stage 0, then for every
    further stage one to fade in and one to settle; the last stage settles in what is left of the budget.

    Args:
        fraction: share of the budget done, in [0, 1].
        stages: number of resolutions.
        share: of the budget until the last stage is faded in, in (0, 1].

    Returns:
        Stage from 0 and the weight of its own layers, in [0, 1].
    """
    if stages == 1 or fraction >= share:
        return stages - 1, 1.0
    unit = fraction / share * 2 * (stages - 1)
    if unit < 1:
        return 0, 1.0
    faded, position = divmod(unit - 1, 2)
    return int(faded) + 1, min(1.0, position)


class Growing(nn.Module):
    """A network whose depth depends on the progress of training.

    The progress is a buffer, so checkpoints and averaged copies hold it; a new network is fully grown.

    Attributes:
        stages: number of resolutions.
    """

    progress: Tensor

    def __init__(self, stages: int, share: float) -> None:
        """Start fully grown.

        Args:
            stages: number of resolutions.
            share: see `stage_at`.
        """
        super().__init__()
        self.stages, self.share = stages, share
        self.register_buffer("progress", torch.ones((), dtype=torch.float64))
        self._read: tuple[int, int, float] | None = None

    def set_progress(self, fraction: float) -> None:
        """Grow to where `fraction` of the budget, in [0, 1], leads."""
        self.progress.fill_(fraction)
        self._read = (id(self.progress), self.progress._version, float(fraction))

    def stage(self) -> tuple[int, float]:
        """Return the current (stage, alpha)."""
        return stage_at(self._fraction(), self.stages, share=self.share)

    def _fraction(self) -> float:
        # sync: only after the buffer was replaced or written by someone else, e.g. by loading a checkpoint.
        if self._read is None or self._read[:2] != (id(self.progress), self.progress._version):
            self._read = (id(self.progress), self.progress._version, float(self.progress))
        return self._read[2]

    def __getstate__(self) -> dict[str, Any]:
        """Leave the cached reading behind: ids mean nothing in a copy."""
        return {**self.__dict__, "_read": None}


def mix(old: Tensor, new: Tensor, alpha: float) -> Tensor:
    """Return (1 - alpha) old + alpha new, exact at both ends.

    Args:
        old: float, any shape.
        new: float, same shape.
        alpha: in [0, 1].
    """
    return (1.0 - alpha) * old + alpha * new


def faded(images: Tensor, alpha: float) -> Tensor:
    """Take from real pictures the detail that a stage in fading can't yet make.

    Args:
        images: float (B, C, H, W), at the stage's resolution.
        alpha: in [0, 1]; 1 changes nothing.
    """
    return images if alpha == 1.0 else mix(enlarge(shrink(images, 2), 2), images, alpha)
