"""The deviation against repeated sampling; the extrapolation against a known limit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ganstyle.errors import InputError
from ganstyle.functional.distances import frechet_from_moments, moments, pair_frechet, uses_products
from ganstyle.functional.feature_pairs import FeaturePair
from ganstyle.functional.frechet_spread import frechet_at_infinity, frechet_deviation, frechet_deviation_from

WIDTH = 24


def features(n, *, seed, kind=0):
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(WIDTH, WIDTH, generator=torch.Generator().manual_seed(kind), dtype=torch.float64)
    mix = mix * torch.logspace(0, -1.5, WIDTH, dtype=torch.float64)
    return torch.randn(n, WIDTH, generator=generator, dtype=torch.float64).relu() @ mix.T / 5


def slow_deviation(x, y):
    """Optimal transport maps by matrix roots; each row's influence; both sides."""

    def root(matrix):
        values, vectors = torch.linalg.eigh(matrix)
        return vectors * values.clamp_min(0).sqrt() @ vectors.T

    def side(x, y):
        (mean_x, cov_x), (mean_y, cov_y) = moments(x), moments(y)
        to = root(cov_y)
        transport = to @ torch.linalg.pinv(root(to @ cov_x @ to), rtol=1e-8) @ to
        rows = x - mean_x
        influence = rows.square().sum(1) - ((rows @ transport) * rows).sum(1) + 2 * rows @ (mean_x - mean_y)
        return influence.var() / len(x)

    return (side(x, y) + side(y, x)).sqrt()


@pytest.mark.parametrize(("n", "m"), [(20, 22), (22, 20), (15, 60), (60, 15), (80, 100)])
def test_deviation_equals_the_influence_of_each_row(n, m):
    pair = FeaturePair(features(n, seed=1), features(m, seed=2, kind=1))
    assert uses_products(pair) == (min(n, m) <= WIDTH)
    assert frechet_deviation(pair).item() == pytest.approx(slow_deviation(pair.x, pair.y).item(), rel=1e-5)


@pytest.mark.parametrize("kind", [0, 1])
@pytest.mark.parametrize("n", [20, 100])
def test_deviation_is_that_of_other_samples_and_rather_too_large(n, kind):
    pairs = [FeaturePair(features(n, seed=seed), features(n, seed=seed + 999, kind=kind)) for seed in range(60)]
    true = torch.stack([pair_frechet(pair) for pair in pairs]).std().item()
    told = torch.stack([frechet_deviation(pair) for pair in pairs[:10]]).mean().item()
    assert 0.8 < told / true < 2


def test_deviation_from_a_reference_counts_the_generated_side_only():
    x, far = features(50, seed=1), features(4000, seed=2, kind=1)
    exact = frechet_deviation_from(x, moments(far)).item()
    assert exact == pytest.approx(frechet_deviation(FeaturePair(x, far)).item(), rel=0.02)
    assert exact < frechet_deviation(FeaturePair(x, features(50, seed=3, kind=1))).item()


def test_constant_features_have_no_deviation():
    pair = FeaturePair(torch.ones(9, WIDTH), torch.zeros(8, WIDTH))
    assert frechet_deviation(pair).item() == pytest.approx(0, abs=1e-9)
    origin = (torch.zeros(3), torch.zeros(3, 3))
    assert frechet_deviation_from(torch.ones(9, 3), origin).item() == pytest.approx(0, abs=1e-6)


def test_the_limit_is_found_where_the_plain_distance_is_biased():
    reference, truth = moments(features(100_000, seed=8, kind=1)), moments(features(100_000, seed=9))
    limit = frechet_from_moments(truth, reference).item()
    x = features(600, seed=1)
    found = frechet_at_infinity(x, reference, fewest=60)
    plain = frechet_from_moments(moments(x), reference).item()
    assert found.distances[-1] == pytest.approx(plain, rel=1e-9)
    assert found.sizes[0] == 60 and found.sizes[-1] == 600 and len(found.sizes) == 15
    assert found.distances[0] > plain > found.value
    spread = (frechet_deviation_from(x, reference).item() ** 2 + found.error**2) ** 0.5
    assert abs(found.value - limit) < 3 * spread


def test_the_fit_is_a_line_over_one_by_n():
    found = frechet_at_infinity(features(300, seed=1), moments(features(400, seed=2)), fewest=50, sizes=6)
    _, value = np.polyfit(1 / np.array(found.sizes), found.distances, 1)
    assert found.value == pytest.approx(value, rel=1e-9)


def test_too_few_pictures_are_refused():
    with pytest.raises(InputError, match="50 generated images are too few to extrapolate: it takes more than 50"):
        frechet_at_infinity(features(50, seed=1), moments(features(60, seed=2)), fewest=50)
