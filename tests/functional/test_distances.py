"""Distances against closed forms, scipy and torch-fidelity."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric

from ganstyle.errors import InputError
from ganstyle.functional import distances, feature_pairs
from ganstyle.functional.distances import (
    frechet_distance,
    frechet_from_moments,
    inception_score,
    kernel_distance,
    kernel_distance_deviation,
    moments,
    trace_of_root,
)


def features(n, width, *, seed, shift=0.0):
    """Correlated, non-negative features, as those of a network after ReLU."""
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(width, width, generator=torch.Generator().manual_seed(99)) / width**0.5
    return (torch.randn(n, width, generator=generator) @ mix + shift).relu()


def formula(x, y):
    """Heusel et al. eq. 6 with numpy's moments and scipy's matrix root, in float64."""
    x, y = x.double().numpy(), y.double().numpy()
    cov_x, cov_y = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = scipy.linalg.sqrtm(cov_x @ cov_y)
    return ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(cov_x) + np.trace(cov_y) - 2 * np.trace(root).real


@pytest.mark.parametrize(("n", "m"), [(300, 300), (150, 400), (400, 90), (65, 64)])
def test_frechet_equals_the_formula_with_scipy_root(n, m):
    x, y = features(n, 64, seed=1), features(m, 64, seed=2, shift=0.1)
    assert frechet_distance(x, y).item() == pytest.approx(formula(x, y), rel=1e-9)


@pytest.mark.filterwarnings("ignore:Matrix is singular")
@pytest.mark.parametrize(("n", "m"), [(40, 40), (64, 30), (2, 2)])
def test_frechet_of_fewer_images_than_features_equals_the_formula(n, m):
    # Here scipy roots a singular matrix and itself loses digits.
    x, y = features(n, 64, seed=1), features(m, 64, seed=2, shift=0.1)
    assert frechet_distance(x, y).item() == pytest.approx(formula(x, y), abs=1e-5)


def test_frechet_of_diagonal_gaussians_has_a_closed_form():
    a, b = torch.tensor([1.0, 4.0, 9.0]), torch.tensor([4.0, 4.0, 1.0])
    mean = torch.tensor([1.0, -2.0, 0.5])
    value = frechet_from_moments((mean, a.diag()), (torch.zeros(3), b.diag()))
    assert value.item() == pytest.approx(1 + 4 + 0.25 + (1 - 2) ** 2 + 0 + (3 - 1) ** 2, abs=1e-12)


def test_frechet_of_shifted_features_is_the_squared_shift():
    x = features(200, 32, seed=3)
    assert frechet_distance(x, x + 0.5).item() == pytest.approx(32 * 0.25, rel=1e-6)
    assert frechet_distance(x, x).item() == pytest.approx(0, abs=1e-9)


def test_both_frechet_rules_agree_and_are_symmetric():
    x, y = features(50, 64, seed=4).double(), features(60, 64, seed=5).double()
    cross_gram = frechet_distance(x, y).item()
    assert frechet_from_moments(moments(x), moments(y)).item() == pytest.approx(cross_gram, abs=1e-5)
    assert frechet_distance(y, x).item() == pytest.approx(cross_gram, rel=1e-12)


@pytest.mark.parametrize("most", [512, 10])
@pytest.mark.parametrize(("n", "m"), [(40, 30), (20, 90), (90, 20), (64, 64)])
def test_singular_values_and_roots_of_eigenvalues_agree(n, m, most, monkeypatch):
    monkeypatch.setattr(distances, "EXACT_ROWS", most)
    x, y = features(n, 64, seed=6), features(m, 64, seed=7, shift=0.2)
    direct = frechet_from_moments(moments(x), moments(y)).item()
    assert frechet_distance(x, y).item() == pytest.approx(direct, abs=1e-5)


def test_sets_too_large_to_keep_products_are_compared_by_moments(monkeypatch):
    x, y = features(40, 64, seed=6), features(50, 64, seed=7, shift=0.2)
    expected = frechet_distance(x, y).item()
    monkeypatch.setattr(feature_pairs, "HELD_ROWS", 45)
    pair = feature_pairs.FeaturePair(x, y)
    assert not distances.uses_products(pair)
    assert distances.pair_frechet(pair).item() == pytest.approx(expected, abs=1e-5)


def test_moments_are_those_of_numpy_in_slices_of_any_size(monkeypatch):
    x = features(100, 8, seed=3) + 1000
    monkeypatch.setattr(distances, "ROWS_AT_ONCE", 7)
    mean, covariance = moments(x)
    assert mean.dtype == covariance.dtype == torch.float64
    np.testing.assert_allclose(mean, x.double().numpy().mean(0), rtol=1e-12)
    np.testing.assert_allclose(covariance, np.cov(x.double().numpy(), rowvar=False), rtol=1e-9)


def test_kernel_distance_is_the_same_in_slices(monkeypatch):
    x, y = features(50, 8, seed=1), features(40, 8, seed=2)
    expected = kernel_distance(x, y, subsets=5, subset_size=30)
    monkeypatch.setattr(feature_pairs, "HELD_ROWS", 10)
    monkeypatch.setattr(feature_pairs, "ROWS_AT_ONCE", 7)
    torch.testing.assert_close(kernel_distance(x, y, subsets=5, subset_size=30), expected)


def test_root_of_a_singular_covariance_falls_back_to_eigenvalues():
    inner, outer = torch.tensor([4.0, 9.0, 0.0]).diag(), torch.tensor([1.0, 0.0, 5.0]).diag()
    assert trace_of_root(inner, outer).item() == pytest.approx(2.0, abs=1e-12)


def test_frechet_distance_of_constant_features_is_the_squared_distance():
    x, y = torch.full((20, 4), 1.0), torch.full((10, 4), 3.0)
    assert frechet_distance(x, y).item() == pytest.approx(16.0)


def test_kernel_distance_equals_a_double_loop():
    x, y = features(12, 5, seed=6).double(), features(9, 5, seed=7).double()

    def k(p, q):
        return float((p @ q / 5 + 1) ** 3)

    xx = sum(k(p, q) for i, p in enumerate(x) for j, q in enumerate(x) if i != j) / (12 * 11)
    yy = sum(k(p, q) for i, p in enumerate(y) for j, q in enumerate(y) if i != j) / (9 * 8)
    xy = sum(k(p, q) for p in x for q in y) / (12 * 9)
    assert kernel_distance(x, y).tolist() == pytest.approx([xx + yy - 2 * xy], rel=1e-12)


@pytest.mark.parametrize(("n", "m", "subsets"), [(150, 130, 20), (400, 300, 3)])
def test_kernel_distance_equals_torch_fidelity(n, m, subsets):
    x, y = features(n, 16, seed=8), features(m, 16, seed=9, shift=0.2)
    values = kernel_distance(x, y, subsets=subsets, subset_size=100)
    settings = {"kid_subsets": subsets, "kid_subset_size": 100, "rng_seed": 2020, "verbose": False}
    peer = kid_features_to_metric(x.double(), y.double(), **settings)
    assert values.mean().item() == pytest.approx(peer["kernel_inception_distance_mean"], rel=1e-9)
    assert values.std(correction=0).item() == pytest.approx(peer["kernel_inception_distance_std"], rel=1e-9)


def test_kernel_distance_in_slices_equals_the_whole(monkeypatch):
    x, y = features(120, 8, seed=10), features(110, 8, seed=11)
    whole = kernel_distance(x, y, subset_size=50)
    monkeypatch.setattr(distances, "ROWS_AT_ONCE", 7)
    torch.testing.assert_close(kernel_distance(x, y, subset_size=50), whole, rtol=1e-12, atol=1e-15)


def test_kernel_distance_of_equal_distributions_is_near_zero_and_repeats():
    x, y = features(300, 16, seed=12), features(300, 16, seed=13)
    far = kernel_distance(x, y + 1, subset_size=100).mean()
    near = kernel_distance(x, y, subset_size=100)
    assert near.mean().abs() < 0.01 * far
    assert torch.equal(near, kernel_distance(x, y, subset_size=100))


@pytest.mark.parametrize(("shift", "widest"), [(0.0, 1.9), (0.7, 1.3)])
def test_deviation_of_kernel_distances_is_that_of_repeated_experiments(shift, widest):
    def draw(seed):
        return features(60, 8, seed=seed), features(50, 8, seed=1000 + seed) + shift

    values = torch.cat([kernel_distance(*draw(seed)) for seed in range(200)])
    found = torch.stack([kernel_distance_deviation(*draw(seed)) for seed in range(200)])
    assert 0.8 < found.mean() / values.std() < widest
    inside = (values - values.mean()).abs() <= 1.96 * found
    assert inside.double().mean() >= 0.9


@pytest.mark.parametrize(("n", "splits"), [(200, 10), (57, 10), (40, 1)])
def test_inception_score_equals_torch_fidelity(n, splits):
    logits = features(n, 30, seed=14) * 3
    values = inception_score(logits, splits=splits)
    peer = isc_features_to_metric(logits, splits)
    assert values.mean().item() == pytest.approx(peer["inception_score_mean"], rel=1e-12)
    assert values.std(correction=0).item() == pytest.approx(peer["inception_score_std"], abs=1e-12)


def test_inception_score_is_one_without_variety_and_the_class_count_with_all():
    assert inception_score(torch.ones(50, 7)).tolist() == pytest.approx([1.0] * 10)
    sure = 1000 * torch.eye(7).repeat(10, 1)
    assert inception_score(sure, splits=1).item() == pytest.approx(7.0)


@pytest.mark.parametrize("distance", [frechet_distance, kernel_distance])
def test_bad_features_are_named(distance):
    good = features(10, 4, seed=15)
    with pytest.raises(InputError, match="at least 2 rows"):
        distance(good[:1], good)
    with pytest.raises(InputError, match=r"second set .* not finite"):
        distance(good, good / 0)
    with pytest.raises(InputError, match="4 and 3 values"):
        distance(good, good[:, :3])


def test_deviation_needs_four_images():
    with pytest.raises(InputError, match="at least 4 images"):
        kernel_distance_deviation(features(3, 4, seed=0), features(9, 4, seed=1))


def test_too_few_images_for_the_splits_are_named():
    with pytest.raises(InputError, match="needs at least 10 images, got 9"):
        inception_score(torch.ones(9, 4))
