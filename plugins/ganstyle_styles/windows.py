"""Style compared window by window: calm parts of a photo with calm parts of a work, busy ones with busy ones.

One Gram matrix for a whole picture asks the sky for as much texture as the whole work has; the painter obeys with marks
that repeat. Matching patches before comparing them is the idea of Li and Wand 2016 (arXiv:1601.04589); here windows are
matched by rank, which costs nothing and leaves no window of the work unused.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from ganstyle.functional.style import EPSILON

LUMA = (0.299, 0.587, 0.114)
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


def window_order(images: Tensor, grid: int) -> Tensor:
    """Return the windows from calm to busy, and among `grid` neighbours in that order from dark to light.

    Args:
        images: float (B, 3, H, W).
        grid: windows along each side.

    Returns:
        int64 (B, grid * grid): indices of windows.
    """
    luma = torch.einsum("bchw,c->bhw", images, images.new_tensor(LUMA))[:, None]
    slopes = F.pad((luma[..., 1:] - luma[..., :-1]).abs(), (0, 1)) + F.pad(
        (luma[..., 1:, :] - luma[..., :-1, :]).abs(), (0, 0, 0, 1)
    )
    activity, light = (windows(each, grid).mean((1, 2, 3)).view(len(images), -1) for each in (slopes, luma))
    by_activity = activity.argsort(dim=1, stable=True).view(len(images), grid, grid)
    by_light = light.gather(1, by_activity.flatten(1)).view_as(by_activity).argsort(dim=2, stable=True)
    return by_activity.gather(2, by_light).flatten(1)


def matched_windows(photos: Tensor, works: Tensor, grid: int) -> Tensor:
    """Return which window of its work each window of a photo is compared with: that of the same rank.

    Args:
        photos: float (B, 3, H, W).
        works: float (B, 3, h, w).
        grid: windows along each side.

    Returns:
        int64 (B, grid * grid), a permutation of the work's windows for each photo.
    """
    mine, theirs = window_order(photos, grid), window_order(works, grid)
    return torch.empty_like(mine).scatter(1, mine, theirs)


def windowed_style_distance(
    maps: Mapping[str, Tensor], target: Mapping[str, Tensor], matching: Tensor, *, moments: float = 3.0
) -> Tensor:
    """Return `style_distance`, with Gram matrices and moments of windows.

    Args:
        maps: tap -> float (B, C, H, W) of the painted photos.
        target: tap -> float (B, C, h, w) of the works; its taps are the ones compared.
        matching: from `matched_windows`.
        moments: weight of the means and deviations beside the Gram matrices.

    Returns:
        float (B,): means over windows, each over its own target's norm and a quarter of the picture's mean norm.
        Without its own norm faint marks in a calm window would cost nothing beside a busy one; without the floor an
        empty one would outweigh all others.
    """
    grid = round(matching.shape[1] ** 0.5)
    distances = []
    for tap, work in target.items():
        mine, theirs = (windows(each, grid).flatten(2) for each in (maps[tap], work))
        theirs = _taken(theirs, matching)
        distances.append(
            _gram_distance(mine, theirs, len(matching)) + moments * _moments_distance(mine, theirs, grid**2)
        )
    return torch.stack(distances).mean(0)


def all_window_distances(
    maps: Mapping[str, Tensor], target: Mapping[str, Tensor], grid: int, *, moments: float = 3.0
) -> Tensor:
    """Return how far each window of some pictures is from each window of others.

    Args:
        maps: tap -> float (B, C, H, W).
        target: tap -> float (A, C, h, w); its taps are the ones compared.
        grid: windows along each side.
        moments: weight of the means and deviations beside the Gram matrices.

    Returns:
        float (B * grid * grid, A * grid * grid): each entry over the norm of its column's window and a quarter of the
        mean norm of all columns, as in `windowed_style_distance`.
    """
    tables = []
    for tap, work in target.items():
        mine, theirs = (windows(each, grid).flatten(2) for each in (maps[tap], work))
        own, norms = (_gram_product(each, each) for each in (mine, theirs))
        squares = own[:, None] - 2 * _gram_products(mine, theirs) + norms
        value, aim = _moments(mine), _moments(theirs)
        apart = (value[:, None] - aim).square().sum(2)
        tables.append(_over(squares, norms[None]) + moments * _over(apart, aim.square().sum(1)[None]))
    return torch.stack(tables).mean(0)


def _gram_distance(mine: Tensor, theirs: Tensor, pictures: int) -> Tensor:
    """Return the distance of Gram matrices, float (B,); windows are float (B * n, C, P) and may differ in P."""
    both, mixed, norm = (
        _gram_product(a, b).view(pictures, -1) for a, b in ((mine, mine), (mine, theirs), (theirs, theirs))
    )
    return _relative(both - 2 * mixed + norm, norm)


def _relative(squares: Tensor, norms: Tensor) -> Tensor:
    """Return the mean, float (B,), of squared differences over squared norms with a floor, float (B, n) each."""
    return _over(squares, norms).mean(1)


def _over(squares: Tensor, norms: Tensor) -> Tensor:
    return squares / (norms + FLOOR * norms.mean(1, keepdim=True)).clamp_min(1e-12)


def _gram_product(a: Tensor, b: Tensor) -> Tensor:
    """Return the inner product of two Gram matrices, sum of G_a * G_b, of windows float (N, C, P) and (N, C, Q).

    Of P and Q positions it is the sum of (a^T b)^2: windows of deep maps have fewer positions than channels, and a
    thousandth of the numbers to go through.
    """
    channels, p, q = a.shape[1], a.shape[2], b.shape[2]
    if p * q < channels**2:
        return (a.mT @ b).square().sum((1, 2)) / (channels**2 * p * q)
    return ((a @ a.mT) * (b @ b.mT)).sum((1, 2)) / (channels**2 * p * q)


def _gram_products(a: Tensor, b: Tensor) -> Tensor:
    """Return the inner products of all pairs, float (N, M), of windows float (N, C, P) and (M, C, Q)."""
    (n, channels, p), (m, _, q) = a.shape, b.shape
    if p * q < channels**2:
        each = a.mT.flatten(0, 1) @ b.transpose(0, 1).flatten(1)
        return each.view(n, p, m, q).square().sum((1, 3)) / (channels**2 * p * q)
    return (a @ a.mT).flatten(1) @ (b @ b.mT).flatten(1).T / (channels**2 * p * q)


def _moments(parts: Tensor) -> Tensor:
    """Return means and deviations, float (N, 2C), of windows float (N, C, P)."""
    return torch.cat([parts.mean(2), (parts.var(2, correction=0) + EPSILON).sqrt()], 1)


def _moments_distance(mine: Tensor, theirs: Tensor, count: int) -> Tensor:
    """Return the distance of means and deviations, float (B,), of windows float (B * count, C, P)."""
    value, target = (_moments(each).unflatten(0, (-1, count)) for each in (mine, theirs))
    return _relative((value - target).square().sum(2), target.square().sum(2))


def _taken(values: Tensor, matching: Tensor) -> Tensor:
    """Return float (B * n, ...) with the windows of each picture in the order of int64 (B, n) `matching`."""
    first = torch.arange(len(matching), device=values.device)[:, None] * matching.shape[1]
    return values[(first + matching).flatten()]
