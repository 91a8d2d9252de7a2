"""How different two pictures look, from the feature maps of a network: LPIPS's and DISTS's formulas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

STABLE = 1e-6


def unit_length(features: Tensor) -> Tensor:
    """Return the maps with the feature vector of every place scaled to length 1.

    Args:
        features: float (B, C, H, W), any range.

    Returns:
        float (B, C, H, W).
    """
    return features / (features.square().sum(1, keepdim=True).sqrt() + 1e-10)


def perceptual_distance(
    x: Mapping[str, Tensor], y: Mapping[str, Tensor], *, weights: Mapping[str, Tensor] | None = None
) -> Tensor:
    """Return the weighted squared distance of unit-length feature vectors, mean over places, summed over taps.

    Args:
        x: tap -> float (B, C, H, W), any range.
        y: the same taps and sizes.
        weights: tap -> float (C,), at least 0; None weighs every channel with 1.

    Returns:
        float (B,), at least 0; with weights of 1 at most 4 times the number of taps.

    Source: Zhang et al. 2018 (arXiv:1801.03924), eq. 1.
    """
    total = []
    for tap, maps in x.items():
        squares = (unit_length(maps) - unit_length(y[tap])).square().mean((2, 3))
        total.append(squares.sum(1) if weights is None else squares @ weights[tap])
    return torch.stack(total).sum(0)


def structure_texture_distance(x: Sequence[Tensor], y: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
    """Return how far two pictures differ in the texture and the structure of their feature maps.

    Args:
        x: maps of each layer, float (B, C, H, W); the first are the pictures themselves.
        y: the same shapes.
        weights: of each layer, float (2, C): alpha of the textures, beta of the structures.

    Returns:
        float (B,): 0 for equal pictures, at most 2.

    Source: Ding et al. 2020 (arXiv:2004.07728), eqs. 4 to 6.
    """
    total, norm = torch.zeros(len(x[0])).to(x[0]), torch.stack([pair.sum() for pair in weights]).sum()
    for a, b, (alpha, beta) in zip(x, y, weights, strict=True):
        mean_a, mean_b = a.mean((2, 3)), b.mean((2, 3))
        a, b = a - mean_a[:, :, None, None], b - mean_b[:, :, None, None]
        variances, covariance = (a.square() + b.square()).mean((2, 3)), (a * b).mean((2, 3))
        texture = (2 * mean_a * mean_b + STABLE) / (mean_a.square() + mean_b.square() + STABLE)
        structure = (2 * covariance + STABLE) / (variances + STABLE)
        total = total + texture @ alpha + structure @ beta
    return 1 - total / norm
