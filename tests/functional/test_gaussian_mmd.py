"""The Gaussian kernel distance against its definition."""

from __future__ import annotations

import pytest
import torch

from ganstyle.functional import feature_pairs
from ganstyle.functional.feature_pairs import FeaturePair
from ganstyle.functional.gaussian_mmd import gaussian_mmd, gaussian_mmd_deviation


def unit(n, *, seed, shift=0.0):
    rows = torch.randn(n, 12, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + shift
    return torch.nn.functional.normalize(rows)


def definition(x, y, sigma):
    kernels = [torch.exp(-torch.cdist(a, b).square() / (2 * sigma**2)).mean() for a, b in ((x, x), (y, y), (x, y))]
    return (kernels[0] + kernels[1] - 2 * kernels[2]).item()


@pytest.mark.parametrize("sigma", [10.0, 0.5])
@pytest.mark.parametrize("held", [4096, 5])
def test_value_equals_the_definition(sigma, held, monkeypatch):
    monkeypatch.setattr(feature_pairs, "HELD_ROWS", held)
    x, y = unit(30, seed=0), unit(20, seed=1, shift=0.5)
    assert gaussian_mmd(FeaturePair(x, y), sigma=sigma).item() == pytest.approx(definition(x, y, sigma), rel=1e-6)


def test_equal_sets_are_at_zero_and_wide_kernels_see_means_only():
    x, y = unit(30, seed=0), unit(30, seed=1, shift=0.5)
    assert gaussian_mmd(FeaturePair(x, x)).item() == pytest.approx(0, abs=1e-14)
    means = (x.mean(0) - y.mean(0)).square().sum().item()
    assert 1000 * gaussian_mmd(FeaturePair(x, y)).item() == pytest.approx(10 * means, rel=0.02)


def test_deviation_is_that_of_other_samples():
    pairs = [FeaturePair(unit(60, seed=seed), unit(60, seed=seed + 500, shift=0.5)) for seed in range(50)]
    true = torch.stack([gaussian_mmd(pair) for pair in pairs]).std().item()
    told = torch.stack([gaussian_mmd_deviation(pair) for pair in pairs[:6]]).mean().item()
    assert 0.7 < told / true < 2
