"""Style compared group by group: the calm windows of the paintings, taken together, with the calm ones of the works.

Window against window (`windows`) teaches a painter of all styles where texture belongs. To fit one style it is too
coarse a measure: the windows of a work differ among themselves as much as they differ from those of a painting, so that
the work's own windows score no better than a first guess, and nothing is left to learn. The statistics of a group of
windows have no such floor; those of the works are measured once, on many crops.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from ganstyle.functional.style import EPSILON

from .windows import FLOOR, activity_and_light, windows

Groups = tuple[Tensor, Tensor]


def window_groups(images: Tensor, grid: int, *, groups: tuple[int, int]) -> list[Tensor]:
    """Return groups of windows: from calm to busy, and each of those from dark to light.

    Light counts because the statistics of dark and light windows together ask for both in each: skies got dark streaks.

    Args:
        images: float (B, 3, H, W) in [-1, 1].
        grid: windows along each side.
        groups: parts by how busy windows are, and parts of each of those by light; parts as equal as may be.

    Returns:
        int64 indices of windows, one tensor for each group; empty ones where windows are few.
    """
    activity, light = activity_and_light(images, grid)
    parts = activity.argsort(stable=True).tensor_split(groups[0])
    return [group for part in parts for group in part[light[part].argsort(stable=True)].tensor_split(groups[1])]


def grouped_style(
    maps: Mapping[str, Tensor], groups: Sequence[Tensor], taps: Iterable[str], *, grid: int
) -> dict[str, Groups]:
    """Return the Gram matrix and the moments of every group of windows, means over the windows of the group.

    Args:
        maps: tap -> float (B, C, H, W).
        groups: from `window_groups`, none empty.
        taps: whose maps are measured.
        grid: windows along each side.

    Returns:
        tap -> float (groups, C, C), products over C and positions, and float (groups, 2C), means and deviations.
    """
    return {tap: _measured(windows(maps[tap], grid).flatten(2), groups) for tap in taps}


def _measured(cut: Tensor, groups: Sequence[Tensor]) -> Groups:
    """Return Gram matrices and moments of groups of windows float (N, C, P)."""
    # Deviations are within windows: those between them are the colours of places, not strokes.
    moments = torch.cat([cut.mean(2), (cut.var(2, correction=0) + EPSILON).sqrt()], 1)
    grams = []
    for group in groups:
        values = cut[group].transpose(0, 1).flatten(1)
        grams.append(values @ values.T / values.numel())
    return torch.stack(grams), torch.stack([moments[group].mean(0) for group in groups])


def grouped_distance(style: Mapping[str, Groups], target: Mapping[str, Groups], *, moments: float = 3.0) -> Tensor:
    """Return how far two styles are apart, the mean over taps and groups, a scalar of at least 0.

    Args:
        style: from `grouped_style`.
        target: the same taps and as many groups; distances are over its norms, see `windowed_style_distance`.
        moments: weight of means and deviations beside the Gram matrices.
    """
    distances = []
    for tap, (gram, moment) in target.items():
        mine, own = style[tap]
        distances.append(_relative(mine.flatten(1), gram.flatten(1)) + moments * _relative(own, moment))
    return torch.stack(distances).mean()


def _relative(values: Tensor, target: Tensor) -> Tensor:
    norms = target.square().sum(1)
    return ((values - target).square().sum(1) / (norms + FLOOR * norms.mean()).clamp_min(1e-12)).mean()
