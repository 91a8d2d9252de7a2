"""Style compared window by window: calm parts of a photo with calm parts of a work, busy ones with busy ones.

One Gram matrix for a whole picture asks the sky for as much texture as the whole work has; the painter obeys with marks
that repeat. Matching patches before comparing them is the idea of Li and Wand 2016 (arXiv:1601.04589); here windows are
matched by rank, which costs nothing and leaves no window of the work unused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from ganstyle.functional.luma import REC_601
from ganstyle.functional.style import EPSILON

FLOOR = 0.25  # of the mean squared norm of a picture's windows, added to each


def windows(maps: Tensor, grid: int) -> Tensor:
    """Return the maps cut into `grid` x `grid` windows, row by row; rows and columns left over are dropped.

    Args:
        maps: float (B, C, H, W), H and W at least `grid`.
        grid: windows along each side.

    Returns:
        float (B * grid * grid, C, H // grid, W // grid); the windows of a picture follow one another.
    """
    height, width = (side // grid for side in maps.shape[2:])
    cut = maps[:, :, : grid * height, : grid * width]
    parts = cut.unflatten(3, (grid, width)).unflatten(2, (grid, height))
    return parts.permute(0, 2, 4, 1, 3, 5).flatten(0, 2)


def activity_and_light(images: Tensor, grid: int) -> tuple[Tensor, Tensor]:
    """Return how busy every window is, and how light, float (B * grid * grid,) each, of float (B, 3, H, W)."""
    luma = torch.einsum("bchw,c->bhw", images, images.new_tensor(REC_601))[:, None]
    slopes = F.pad((luma[..., 1:] - luma[..., :-1]).abs(), (0, 1)) + F.pad(
        (luma[..., 1:, :] - luma[..., :-1, :]).abs(), (0, 0, 0, 1)
    )
    activity, light = (windows(each, grid).mean((1, 2, 3)) for each in (slopes, luma))
    return activity, light


def window_order(images: Tensor, grid: int, *, together: bool = False) -> Tensor:
    """Return the windows from calm to busy, and among neighbours in that order from dark to light.

    Args:
        images: float (B, 3, H, W) in [-1, 1].
        grid: windows along each side.
        together: the windows of all pictures in one order.

    Returns:
        int64 (B, grid * grid), or (1, B * grid * grid) for all together: indices of windows; of n windows the root of n
        are neighbours.
    """
    activity, light = (part.view(1 if together else len(images), -1) for part in activity_and_light(images, grid))
    rank = activity.argsort(dim=1, stable=True).argsort(dim=1)
    group = rank // math.isqrt(rank.shape[1])
    return (3 * group + light).argsort(dim=1, stable=True)  # light spans 2


def matched_windows(photos: Tensor, works: Tensor, grid: int, *, together: bool = False) -> Tensor:
    """Return which window of the works each window of the photos is compared with: that of the same rank.

    Args:
        photos: float (B, 3, H, W) in [-1, 1].
        works: float (B, 3, h, w) in [-1, 1].
        grid: windows along each side.
        together: among the windows of all works, not of one each.

    Returns:
        int64 as from `window_order`: a permutation of the works' windows.
    """
    mine, theirs = (window_order(images, grid, together=together) for images in (photos, works))
    return torch.empty_like(mine).scatter(1, mine, theirs)


def windowed_style_distance(
    maps: Mapping[str, Tensor], target: Mapping[str, Tensor], matching: Tensor, *, grid: int, moments: float = 3.0
) -> Tensor:
    """Return `style_distance`, with Gram matrices and moments of windows.

    Args:
        maps: tap -> float (B, C, H, W) of the painted photos.
        target: tap -> float (B, C, h, w) of the works; its taps are the ones compared.
        matching: from `matched_windows`.
        grid: windows along each side.
        moments: weight of the means and deviations beside the Gram matrices.

    Returns:
        float (B,), or (1,) for all together: means over windows, each over its own target's norm and a quarter of the
        mean norm. Without its own norm faint marks in a calm window would cost nothing beside a busy one; without the
        floor an empty one would outweigh all others.
    """
    distances = []
    for tap, work in target.items():
        mine, theirs = (windows(each, grid).flatten(2) for each in (maps[tap], work))
        theirs = _taken(theirs, matching)
        gram, moment = (measure(mine, theirs, len(matching)) for measure in (_gram_distance, _moments_distance))
        distances.append(gram + moments * moment)
    return torch.stack(distances).mean(0)


def _gram_distance(mine: Tensor, theirs: Tensor, rows: int) -> Tensor:
    """Return the distance of Gram matrices, float (rows,); windows are float (rows * n, C, P) and may differ in P."""
    both, mixed, norm = (
        _gram_product(a, b).view(rows, -1) for a, b in ((mine, mine), (mine, theirs), (theirs, theirs))
    )
    return _relative(both - 2 * mixed + norm, norm)


def _relative(squares: Tensor, norms: Tensor) -> Tensor:
    """Return the mean, float (B,), of squared differences over squared norms with a floor, float (B, n) each."""
    return (squares / (norms + FLOOR * norms.mean(1, keepdim=True)).clamp_min(1e-12)).mean(1)


def _gram_product(a: Tensor, b: Tensor) -> Tensor:
    """Return the inner product of two Gram matrices, sum of G_a * G_b, of windows float (N, C, P) and (N, C, Q).

    Of P and Q positions it is the sum of (a^T b)^2: windows of deep maps have fewer positions than channels, and a
    thousandth of the numbers to go through.
    """
    channels, p, q = a.shape[1], a.shape[2], b.shape[2]
    if p * q < channels**2:
        return (a.mT @ b).square().sum((1, 2)) / (channels**2 * p * q)
    return ((a @ a.mT) * (b @ b.mT)).sum((1, 2)) / (channels**2 * p * q)


def _moments_distance(mine: Tensor, theirs: Tensor, rows: int) -> Tensor:
    """Return the distance of means and deviations, float (rows,), of windows float (rows * n, C, P)."""
    value, target = (
        torch.cat([each.mean(2), (each.var(2, correction=0) + EPSILON).sqrt()], 1).unflatten(0, (rows, -1))
        for each in (mine, theirs)
    )
    return _relative((value - target).square().sum(2), target.square().sum(2))


def _taken(values: Tensor, matching: Tensor) -> Tensor:
    """Return float (B * n, ...) with the windows of each picture in the order of int64 (B, n) `matching`."""
    first = torch.arange(len(matching), device=values.device)[:, None] * matching.shape[1]
    return values[(first + matching).flatten()]
