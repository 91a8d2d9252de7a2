"""Distances between two sets of features: Fréchet, kernel (MMD) and the Inception score.

Everything is computed in float64 (float32 on devices that have no float64).
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from ganstyle.errors import InputError

ROWS_AT_ONCE = 1024  # a kernel slice of 1024 x 10,000 in float64 is 80 MB


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

    Note:
        With N, M <= D the covariances are singular; the trace of their product's root is then the sum of the
        singular values of the centred cross-Gram matrix, which is faster and loses no digits to a matrix root.
    """
    x, y = checked_features(x, "first"), checked_features(y, "second")
    _check_widths(x, y)
    if max(len(x), len(y)) > x.shape[1]:
        return frechet_from_moments(moments(x), moments(y), smooth=0 if len(x) > len(y) else 1)
    a, b = (rows - rows.mean(0) for rows in (x, y))
    a, b = a / (len(x) - 1) ** 0.5, b / (len(y) - 1) ** 0.5
    means = (x.mean(0) - y.mean(0)).square().sum()
    return means + a.square().sum() + b.square().sum() - 2 * torch.linalg.svdvals(a @ b.T).sum()


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean (D,) and covariance (D, D), divided by N - 1, of float (N, D) features."""
    mean = x.mean(0)
    centred = x - mean
    return mean, centred.T @ centred / (len(x) - 1)


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
    (mean_x, cov_x), (mean_y, cov_y) = ((_precise(mean), _precise(cov)) for mean, cov in (x, y))
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
    root, failed = torch.linalg.cholesky_ex(outer)
    if failed.item():  # sync: a singular covariance needs the slower factor
        values, vectors = torch.linalg.eigh(outer)
        root = vectors * values.clamp_min(0).sqrt()
    product = root.T @ inner @ root
    return torch.linalg.eigvalsh((product + product.T) / 2).clamp_min(0).sqrt().sum()


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
    x, y = checked_features(x, "first"), checked_features(y, "second")
    _check_widths(x, y)
    if min(len(x), len(y)) < subset_size or len(x) == len(y) == subset_size:
        return _kernel_estimates(x, y, torch.ones(1, len(x)).to(x), torch.ones(1, len(y)).to(y))
    rng = np.random.RandomState(seed)
    drawn = [[rng.choice(len(rows), subset_size, replace=False) for rows in (x, y)] for _ in range(subsets)]
    if len(x) * len(y) > subsets * subset_size**2:  # then one Gram matrix for all subsets costs more than one each
        one = torch.ones(1, subset_size).to(x)
        return torch.cat([_kernel_estimates(x[i], y[j], one, one) for i, j in drawn])
    return _kernel_estimates(x, y, _members(drawn, 0, x), _members(drawn, 1, y))


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
    x, y = checked_features(x, "first"), checked_features(y, "second")
    _check_widths(x, y)
    if min(len(x), len(y)) < 4:
        raise InputError("the spread of a kernel distance needs at least 4 images on each side")
    rng = np.random.RandomState(seed)
    drawn = [[rng.choice(len(rows), len(rows) // 2, replace=False) for rows in (x, y)] for _ in range(draws)]
    return _kernel_estimates(x, y, _members(drawn, 0, x), _members(drawn, 1, y)).std()


def _members(drawn: list[list[np.ndarray]], side: int, rows: Tensor) -> Tensor:
    """Return (subsets, N) of ones where a subset holds a row."""
    member = torch.zeros(len(drawn), len(rows)).to(rows)
    for subset, pair in enumerate(drawn):
        member[subset, torch.from_numpy(pair[side])] = 1
    return member


def _kernel_estimates(x: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Return one unbiased estimate per row of the 0/1 memberships a (S, N) and b (S, M)."""
    n, m = a.sum(1), b.sum(1)
    within_x = (_kernel_sums(x, x, a, a) - a @ _cubic(x.square().sum(1), x.shape[1])) / (n * (n - 1))
    within_y = (_kernel_sums(y, y, b, b) - b @ _cubic(y.square().sum(1), x.shape[1])) / (m * (m - 1))
    return within_x + within_y - 2 * _kernel_sums(x, y, a, b) / (n * m)


def _kernel_sums(x: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Return a K b' of each membership, the kernel matrix K (N, M) made slice by slice."""
    slices = zip(x.split(ROWS_AT_ONCE), a.split(ROWS_AT_ONCE, dim=1), strict=True)
    parts = [((weights @ _cubic(rows @ y.T, x.shape[1])) * b).sum(1) for rows, weights in slices]
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


def checked_features(x: Tensor, name: str) -> Tensor:
    """Return features in float64, or say what is wrong with them.

    Args:
        x: float (N, D).
        name: what the message calls the set, e.g. `first` or `real`.

    Raises:
        InputError: not (N >= 2, D), or values that are not finite.
    """
    if x.ndim != 2 or len(x) < 2:
        raise InputError(f"the {name} set needs at least 2 rows of features, got shape {tuple(x.shape)}")
    if not torch.isfinite(x).all():  # sync: a single NaN would poison every value below
        raise InputError(f"the {name} set has features that are not finite", hint="look for a diverged model")
    return _precise(x)


def _precise(x: Tensor) -> Tensor:
    return x.float() if x.device.type == "mps" else x.double()


def _check_widths(x: Tensor, y: Tensor) -> None:
    if x.shape[1] != y.shape[1]:
        raise InputError(f"features of {x.shape[1]} and {y.shape[1]} values do not compare")
