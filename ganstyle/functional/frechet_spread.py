"""How far a Fréchet distance would move with other pictures of the same kind, and where it goes with ever more."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ganstyle.errors import InputError
from ganstyle.functional.distances import (
    centred_products,
    factor,
    moments,
    moments_of,
    uses_products,
)
from ganstyle.functional.feature_pairs import ROWS_AT_ONCE, FeaturePair, check_features, precise

RIDGE = 1e-10  # share of the mean variance added to each, so that singular covariances have a root
NOTHING = 1e-12  # singular values below this share of the largest are rounding

Moments = tuple[Tensor, Tensor]


def frechet_deviation(pair: FeaturePair) -> Tensor:
    """Return the standard deviation of the Fréchet distance of a pair, from the influence of each row.

    Args:
        pair: two sets of features.

    Returns:
        float64 scalar, that of the value at these counts: its bias, which shrinks with more pictures, is no part of it.

    Note:
        The infinitesimal jackknife (Jaeckel 1972; Efron 1982, ch. 6): to first order a row of a set moves the
        distance by |x|² - x' T x + 2 x' (difference of the means), x centred, where T is the optimal transport map
        from its Gaussian to the other; the variance over rows, divided by their number, is that of the distance. In
        simulations it is within 25 % of the true deviation for distributions that differ and up to 1.5 times too
        large for equal ones, as half-samples are, at a tenth of their cost and without chance.
    """
    return pair.once("frechet deviation", lambda: _deviation(pair))


def _deviation(pair: FeaturePair) -> Tensor:
    moved = _moved_by_products(pair) if uses_products(pair) else _moved_by_moments(pair)
    shift = _mean(pair.x) - _mean(pair.y)
    sides = ((pair.x, moved[0], shift), (pair.y, moved[1], -shift))
    return torch.stack([_variance(rows, by, towards) for rows, by, towards in sides]).sum().sqrt()


def _variance(rows: Tensor, moved: Tensor, shift: Tensor) -> Tensor:
    """Return what one set adds to the variance of the distance."""
    mean, start, influence = _mean(rows), 0, []
    for part in rows.split(ROWS_AT_ONCE):
        centred = precise(part) - mean
        influence.append(centred.square().sum(1) - moved[start : start + len(part)] + 2 * centred @ shift)
        start += len(part)
    return torch.cat(influence).var() / len(rows)


def _mean(rows: Tensor) -> Tensor:
    return torch.stack([precise(part).sum(0) for part in rows.split(ROWS_AT_ONCE)]).sum(0) / len(rows)


def _moved_by_products(pair: FeaturePair) -> tuple[Tensor, Tensor]:
    """Return x' T x of each row of both sets: with M = A B' it is the diagonal of (M M')^(1/2), and of (M' M)^(1/2)."""
    cross = centred_products(pair)
    turned = cross.shape[0] > cross.shape[1]
    short = cross.T if turned else cross
    values, vectors = torch.linalg.eigh(short @ short.T)
    singular = values.clamp_min(0).sqrt()
    few = vectors.square() @ singular
    many = (short.T @ vectors).square() @ _reciprocals(singular)
    x, y = (many, few) if turned else (few, many)
    return x * (len(pair.x) - 1), y * (len(pair.y) - 1)


def _moved_by_moments(pair: FeaturePair) -> tuple[Tensor, Tensor]:
    x, y = (moments_of(pair, side) for side in "xy")
    root, singular, vectors = _common_root(x[1], y[1])
    back = torch.linalg.solve_triangular(root.T, vectors, upper=True)
    there = _moved(pair.x, x[0], root @ vectors, by=_reciprocals(singular))
    return there, _moved(pair.y, y[0], back, by=singular)


def _common_root(inner: Tensor, outer: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return R with R R' = outer, and the roots of the eigenvalues of R' inner R with their vectors."""
    ridge = RIDGE * outer.diagonal().mean().clamp_min(torch.finfo(outer.dtype).tiny)
    root = torch.linalg.cholesky(outer + ridge * torch.eye(len(outer)).to(outer))
    values, vectors = torch.linalg.eigh(root.T @ inner @ root)
    return root, values.clamp_min(0).sqrt(), vectors


def _moved(rows: Tensor, mean: Tensor, directions: Tensor, *, by: Tensor) -> Tensor:
    """Return x' T x of each row, where T is given by its scaled directions."""
    parts = rows.split(ROWS_AT_ONCE)
    return torch.cat([((precise(part) - mean) @ directions).square() @ by for part in parts])


def _reciprocals(singular: Tensor) -> Tensor:
    """Return 1 / s of ascending values, 0 where s is rounding."""
    tiny = torch.finfo(singular.dtype).tiny
    return torch.where(singular > NOTHING * singular[-1], 1 / singular.clamp_min(tiny), 0)


def frechet_deviation_from(x: Tensor, reference: Moments) -> Tensor:
    """Return the standard deviation of the Fréchet distance of features to a Gaussian that is taken as exact.

    Args:
        x: float (N, D), N >= 2.
        reference: mean float (D,) and covariance float (D, D).

    Returns:
        float64 scalar, see `frechet_deviation`.
    """
    x = check_features(x, "generated")
    mean, covariance = moments(x)
    root, singular, vectors = _common_root(covariance, precise(reference[1]))
    moved = _moved(x, mean, root @ vectors, by=_reciprocals(singular))
    return _variance(x, moved, mean - precise(reference[0])).sqrt()


@dataclass(frozen=True)
class Extrapolation:
    """A Fréchet distance without the bias of finite sets.

    Attributes:
        value: where the line over 1 / N meets 0.
        error: standard error of the fit at that place.
        sizes: numbers of pictures that the line was fitted to.
        distances: of each size.
    """

    value: float
    error: float
    sizes: tuple[int, ...]
    distances: tuple[float, ...]


def frechet_at_infinity(
    x: Tensor, reference: Moments, *, fewest: int = 5000, sizes: int = 15, seed: int = 2020
) -> Extrapolation:
    """Return the Fréchet distance that ever more pictures would lead to.

    Args:
        x: generated features, float (N, D).
        reference: mean (D,) and covariance (D, D) of the real features; their own bias stays.
        fewest: the smallest of the sizes.
        sizes: how many, evenly spaced from fewest to N.
        seed: of the random rows that make up each size.

    Raises:
        InputError: N isn't above `fewest`, or values that are not finite.

    Source: Chong and Forsyth 2020 (arXiv:1911.07023), section 4: the bias is linear in 1 / N.
    """
    if len(x) <= fewest:
        raise InputError(
            f"{len(x):,} generated images are too few to extrapolate: it takes more than {fewest:,}",
            hint="score more images, or ask for the plain Fréchet distance",
        )
    x = check_features(x, "generated")
    mean, covariance = (precise(part) for part in reference)
    root, rng = factor(covariance), np.random.RandomState(seed)
    counts = np.linspace(fewest, len(x), sizes).astype(int)
    chosen = (torch.from_numpy(rng.permutation(len(x))[:count]).to(x.device) for count in counts)
    found = np.array([_distance(moments(x[rows]), mean, covariance, root=root) for rows in chosen])
    value, error = _intercept(1 / counts, found)
    return Extrapolation(value, error, tuple(counts.tolist()), tuple(found.tolist()))


def _distance(x: Moments, mean: Tensor, covariance: Tensor, *, root: Tensor) -> float:
    """Return the Fréchet distance to a Gaussian whose root is known."""
    values = torch.linalg.eigvalsh(root.T @ x[1] @ root).clamp_min(0)
    return ((x[0] - mean).square().sum() + x[1].trace() + covariance.trace() - 2 * values.sqrt().sum()).item()


def _intercept(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return the least squares line's value at 0 and its standard error."""
    design = np.stack([np.ones_like(x), x], axis=1)
    inverse = np.linalg.inv(design.T @ design)
    line = inverse @ design.T @ y
    residual = ((y - design @ line) ** 2).sum() / max(1, len(x) - 2)
    return float(line[0]), float((residual * inverse[0, 0]) ** 0.5)
