"""Maximum mean discrepancy with a Gaussian kernel, the distance of CMMD."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ganstyle.functional.feature_pairs import FeaturePair

DRAWS = 50


def gaussian_mmd(pair: FeaturePair, *, sigma: float = 10.0) -> Tensor:
    """Return the squared MMD with the kernel exp(-|x - y|² / (2 sigma²)), all pairs of rows counted (biased).

    Args:
        pair: two sets of features.
        sigma: width of the kernel.

    Returns:
        float64 scalar, at least 0.

    Source: Gretton et al. 2012 (JMLR 13), eq. 5; as used by Jayasumana et al. 2024 (arXiv:2401.09603), section 4.
    """
    ones = (pair.weights(torch.ones(1, len(rows))) for rows in (pair.x, pair.y))
    return _estimates(pair, *ones, sigma=sigma)[0]


def gaussian_mmd_deviation(pair: FeaturePair, *, sigma: float = 10.0, seed: int = 2020) -> Tensor:
    """Return the standard deviation of `gaussian_mmd`, float64, from random halves of both sets without repetition."""
    rng = np.random.RandomState(seed)
    members = []
    for rows in (pair.x, pair.y):
        chosen = torch.zeros(DRAWS, len(rows))
        for draw in range(DRAWS):
            chosen[draw, torch.from_numpy(rng.choice(len(rows), max(1, len(rows) // 2), replace=False))] = 1
        members.append(pair.weights(chosen))
    return _estimates(pair, *members, sigma=sigma).std()


def _estimates(pair: FeaturePair, a: Tensor, b: Tensor, *, sigma: float) -> Tensor:
    """Return one value per row of the 0/1 memberships a (S, N) and b (S, M)."""
    means = [_means(pair, sides, *members, sigma=sigma) for sides, members in _members(a, b).items()]
    return means[0] + means[1] - 2 * means[2]


def _members(a: Tensor, b: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    return {"xx": (a, a), "yy": (b, b), "xy": (a, b)}


def _means(pair: FeaturePair, sides: str, a: Tensor, b: Tensor, *, sigma: float) -> Tensor:
    sums = [
        ((a[:, part] @ torch.exp(squared / (-2 * sigma**2))) * b).sum(1)
        for part, squared in pair.squared_distances(sides)
    ]
    return torch.stack(sums).sum(0) / (a.sum(1) * b.sum(1))
