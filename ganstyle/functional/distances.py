"""Distances between two sets of features: Fréchet, kernel (MMD) and the Inception score.

Everything is computed in float64 (float32 on devices that have no float64).
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from ganstyle.errors import InputError
from ganstyle.functional.feature_pairs import ROWS_AT_ONCE, FeaturePair, checked_features, precise

EXACT_ROWS = 512
"""Up to so many rows singular values cost little; beyond, the roots of eigenvalues are off by 1e-8 of the largest."""


def frechet_distance(x: Tensor, y: Tensor) -> Tensor:
    """Return the Fréchet distance of two sets of features, each taken as a Gaussian.

    Args:
        x: float (N, D), N >= 2, any range.
        y: float (M, D), M >= 2; M may differ from N.

    Returns:
        float64 scalar, at least 0 up to rounding.

    Raises:
        InputError: fewer than two rows, other widths, or values that are not finite.

    Source: Heusel et al. 2017 (arXiv:1706.08500), eq. 6; covariances divide by N - 1.
    """
    return pair_frechet(FeaturePair(x, y))


def pair_frechet(pair: FeaturePair) -> Tensor:
    """Return the Fréchet distance of a pair, see `frechet_distance`.

    Note:
        With N or M <= D a covariance is singular; the trace of their product's root is then the sum of the singular
        values of the centred cross-Gram matrix, which is faster and loses no digits to a matrix root.
    """
    if not uses_products(pair):
        smooth = 0 if len(pair.x) > len(pair.y) else 1
        return frechet_from_moments(*(moments_of(pair, side) for side in "xy"), smooth=smooth)
    cross = centred_products(pair)
    means = (pair.x.mean(0) - pair.y.mean(0)).square().sum()
    return means + _spread(pair, "x").sum() + _spread(pair, "y").sum() - 2 * _nuclear_norm(cross)


def uses_products(pair: FeaturePair) -> bool:
    """Whether the Fréchet distance is computed from products of rows instead of covariances."""
    return pair.held and min(len(pair.x), len(pair.y)) <= pair.width


def moments_of(pair: FeaturePair, side: str) -> tuple[Tensor, Tensor]:
    """Return `moments` of the set called `x` or `y`, computed once."""
    return pair.once(("moments", side), lambda: moments(pair.rows(side)))


def _spread(pair: FeaturePair, side: str) -> Tensor:
    """Return what each row adds to the trace of its covariance, (N,)."""
    rows = pair.rows(side)
    return (rows - rows.mean(0)).square().sum(1) / (len(rows) - 1)


def centred_products(pair: FeaturePair) -> Tensor:
    """Return the products of both sets without their means, divided by the roots of N - 1 and M - 1."""
    products = pair.products("xy")
    centred = products - products.mean(0) - products.mean(1, keepdim=True) + products.mean()
    return centred / ((len(pair.x) - 1) * (len(pair.y) - 1)) ** 0.5


def _nuclear_norm(matrix: Tensor) -> Tensor:
    """Return the sum of the singular values."""
    if min(matrix.shape) <= EXACT_ROWS:
        return torch.linalg.svdvals(matrix).sum()
    return torch.linalg.eigvalsh(_short_square(matrix)).clamp_min(0).sqrt().sum()


def _short_square(matrix: Tensor) -> Tensor:
    return matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean (D,) and covariance (D, D), divided by N - 1, of float (N, D) features, in float64.

    Slices of the rows are centred one by one, so that no copy of all of them is made.
    """
    mean = _mean(x)
    covariance = torch.zeros(x.shape[1], x.shape[1]).to(mean)
    for rows in x.split(ROWS_AT_ONCE):
        centred = precise(rows) - mean
        covariance += centred.T @ centred
    return mean, covariance / (len(x) - 1)


def _mean(x: Tensor) -> Tensor:
    return torch.stack([precise(rows).sum(0) for rows in x.split(ROWS_AT_ONCE)]).sum(0) / len(x)


def frechet_from_moments(x: tuple[Tensor, Tensor], y: tuple[Tensor, Tensor], *, smooth: int = 1) -> Tensor:
    """Return the Fréchet distance of two Gaussians.

    Args:
        x: mean float (D,) and covariance float (D, D).
        y: the same of the other set.
        smooth: which of the two (0 or 1) has the covariance of better rank; it is factored.

    Returns:
        float64 scalar.

    Source: arXiv:1706.08500, eq. 6.
    """
    (mean_x, cov_x), (mean_y, cov_y) = ((precise(mean), precise(cov)) for mean, cov in (x, y))
    inner, outer = (cov_y, cov_x) if smooth == 0 else (cov_x, cov_y)
    return (mean_x - mean_y).square().sum() + cov_x.trace() + cov_y.trace() - 2 * trace_of_root(inner, outer)


def trace_of_root(inner: Tensor, outer: Tensor) -> Tensor:
    """Return the trace of the principal square root of inner @ outer.

    Args:
        inner: float (D, D), symmetric, positive semi-definite.
        outer: the same; with full rank it is factored by Cholesky, else by eigenvalues.

    Returns:
        float scalar: the eigenvalues of R' inner R with R R' = outer are those of the product.
    """
    root = factor(outer)
    product = root.T @ inner @ root
    return torch.linalg.eigvalsh((product + product.T) / 2).clamp_min(0).sqrt().sum()


def factor(covariance: Tensor) -> Tensor:
    """Return R (D, D) with R R' = covariance, which is symmetric and positive semi-definite."""
    root, failed = torch.linalg.cholesky_ex(covariance)
    if failed.item():  # sync: a singular covariance needs the slower factor
        values, vectors = torch.linalg.eigh(covariance)
        root = vectors * values.clamp_min(0).sqrt()
    return root


def kernel_distance(x: Tensor, y: Tensor, *, subsets: int = 100, subset_size: int = 1000, seed: int = 2020) -> Tensor:
    """Return unbiased estimates of the squared MMD with the kernel (x . y / D + 1)^3.

    Args:
        x: float (N, D), N >= 2.
        y: float (M, D), M >= 2.
        subsets: number of random subsets; their mean is the KID.
        subset_size: images per subset and set.
        seed: of the subsets, drawn as torch-fidelity draws them.

    Returns:
        float64 (subsets,); a single value over all images when a set is smaller than a subset. May be negative.

    Raises:
        InputError: fewer than two rows, other widths, or values that are not finite.

    Source: Binkowski et al. 2018 (arXiv:1801.01401), eq. 4 and section 4.
    """
    return pair_kernel(FeaturePair(x, y), subsets=subsets, subset_size=subset_size, seed=seed)


def pair_kernel(pair: FeaturePair, *, subsets: int = 100, subset_size: int = 1000, seed: int = 2020) -> Tensor:
    """Return estimates of the squared MMD of a pair, see `kernel_distance`."""
    x, y = pair.x, pair.y
    if min(len(x), len(y)) < subset_size or len(x) == len(y) == subset_size:
        return _kernel_estimates(pair, *(pair.weights(torch.ones(1, len(rows))) for rows in (x, y)))
    rng = np.random.RandomState(seed)
    drawn = [[rng.choice(len(rows), subset_size, replace=False) for rows in (x, y)] for _ in range(subsets)]
    if not pair.held and len(x) * len(y) > subsets * subset_size**2:  # one Gram matrix for all subsets costs more
        one = pair.weights(torch.ones(1, subset_size))
        return torch.cat([_kernel_estimates(FeaturePair(x[i], y[j]), one, one) for i, j in drawn])
    return _kernel_estimates(pair, *(_members(drawn, place, pair) for place in (0, 1)))


def kernel_distance_deviation(x: Tensor, y: Tensor, *, draws: int = 50, seed: int = 2020) -> Tensor:
    """Return the standard deviation of the estimate over all rows, from random halves of both sets.

    Args:
        x: float (N, D), N >= 4.
        y: float (M, D), M >= 4.
        draws: number of halves.
        seed: of the halves.

    Returns:
        float64 scalar. Halves without repetition: what their smaller size adds to the spread, their being drawn from
        the same rows takes away again; for sets of one distribution it is up to sqrt(3) too large. Rows drawn with
        repetition (bootstrap) would bias every estimate.

    Raises:
        InputError: fewer than four rows, other widths, or values that are not finite.
    """
    return pair_kernel_deviation(FeaturePair(x, y), draws=draws, seed=seed)


def pair_kernel_deviation(pair: FeaturePair, *, draws: int = 50, seed: int = 2020) -> Tensor:
    """Return the standard deviation of the estimate over all rows of a pair, see `kernel_distance_deviation`."""
    x, y = pair.x, pair.y
    if min(len(x), len(y)) < 4:
        raise InputError("the spread of a kernel distance needs at least 4 images on each side")
    rng = np.random.RandomState(seed)
    drawn = [[rng.choice(len(rows), len(rows) // 2, replace=False) for rows in (x, y)] for _ in range(draws)]
    return _kernel_estimates(pair, *(_members(drawn, place, pair) for place in (0, 1))).std()


def _members(drawn: list[list[np.ndarray]], place: int, pair: FeaturePair) -> Tensor:
    """Return (subsets, N) of ones where a subset holds a row of the first (0) or the second set (1)."""
    member = torch.zeros(len(drawn), len(pair.rows("xy"[place])))
    for subset, chosen in enumerate(drawn):
        member[subset, torch.from_numpy(chosen[place])] = 1
    return pair.weights(member)


def _kernel_estimates(pair: FeaturePair, a: Tensor, b: Tensor) -> Tensor:
    """Return one unbiased estimate per row of the 0/1 memberships a (S, N) and b (S, M)."""
    within = [_within_sums(pair, side, members) for side, members in (("x", a), ("y", b))]
    return within[0] + within[1] - 2 * _kernel_sums(pair, "xy", a, b) / (a.sum(1) * b.sum(1))


def _within_sums(pair: FeaturePair, side: str, members: Tensor) -> Tensor:
    count = members.sum(1)
    own = members @ _cubic(pair.squares(side), pair.width)
    return (_kernel_sums(pair, side * 2, members, members) - own) / (count * (count - 1))


def _kernel_sums(pair: FeaturePair, sides: str, a: Tensor, b: Tensor) -> Tensor:
    """Return a K b' of each membership, the kernel matrix K (N, M) made slice by slice."""
    parts = [((a[:, part] @ _cubic(products, pair.width)) * b).sum(1) for part, products in pair.slices(sides)]
    return torch.stack(parts).sum(0)


def _cubic(products: Tensor, width: int) -> Tensor:
    return (products / width + 1).pow(3)


def inception_score(logits: Tensor, *, splits: int = 10, seed: int = 2020) -> Tensor:
    """Return exp of the mean divergence of each picture's classes from the split's mean classes.

    Args:
        logits: float (N, classes), N >= splits; the reference leaves the last layer's bias out.
        splits: parts the shuffled pictures are cut into.
        seed: of the shuffle, done as torch-fidelity does it.

    Returns:
        float64 (splits,), each between 1 and the number of classes.

    Raises:
        InputError: fewer pictures than splits, or values that are not finite.

    Source: Salimans et al. 2016 (arXiv:1606.03498), section 4.
    """
    logits = checked_features(logits, "generated")
    if len(logits) < splits:
        raise InputError(f"the Inception score with {splits} splits needs at least {splits} images, got {len(logits)}")
    order = np.random.RandomState(seed).permutation(len(logits))
    log_p = logits[torch.from_numpy(order)].log_softmax(1)
    bounds = [i * len(log_p) // splits for i in range(splits + 1)]
    return torch.stack([_split_score(log_p[a:b]) for a, b in pairwise(bounds)])


def _split_score(log_p: Tensor) -> Tensor:
    mean = log_p.exp().mean(0, keepdim=True)
    return (log_p.exp() * (log_p - mean.log())).sum(1).mean().exp()
