"""Products of rows are made once, slice by slice if need be, and equal rows are at distance 0."""

from __future__ import annotations

import pytest
import torch

from ganstyle.errors import InputError
from ganstyle.functional import distances, feature_pairs, frechet_spread
from ganstyle.functional.feature_pairs import FeaturePair, checked_features
from ganstyle.functional.gaussian_mmd import gaussian_mmd
from ganstyle.functional.neighbours import nearest_real, neighbourhood_deviations, neighbourhoods


def features(n, width=6, *, seed=0):
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture(params=["held", "sliced"])
def pair(request, monkeypatch):
    """30 and 20 rows, with products that are kept or made three rows at a time."""
    if request.param == "sliced":
        monkeypatch.setattr(feature_pairs, "HELD_ROWS", 10)
        monkeypatch.setattr(feature_pairs, "ROWS_AT_ONCE", 3)
    return FeaturePair(features(30), features(20, seed=1) + 100)


@pytest.mark.parametrize("sides", ["xx", "xy", "yy"])
def test_slices_put_together_are_all_products_and_distances(pair, sides):
    left, right = (pair.rows(side) for side in sides)
    torch.testing.assert_close(torch.cat([part for _, part in pair.slices(sides)]), left @ right.T)
    squared = torch.cat([part for _, part in pair.squared_distances(sides)])
    expected = (left[:, None] - right).square().sum(2)  # without the cancellation of products
    torch.testing.assert_close(squared, expected, rtol=1e-9, atol=1e-9)
    rows = torch.cat([torch.arange(30)[part] for part, _ in pair.slices(sides)])
    assert rows.tolist() == list(range(len(left)))


def test_many_rows_of_single_precision_are_not_copied_but_computed_in_double(monkeypatch):
    x, y = features(30).float(), features(20, seed=1).float()
    monkeypatch.setattr(feature_pairs, "HELD_ROWS", 10)
    monkeypatch.setattr(feature_pairs, "ROWS_AT_ONCE", 7)
    monkeypatch.setattr(distances, "ROWS_AT_ONCE", 7)
    monkeypatch.setattr(frechet_spread, "ROWS_AT_ONCE", 7)
    many = FeaturePair(x, y)
    assert many.x is x and not many.held
    monkeypatch.setattr(feature_pairs, "HELD_ROWS", 100)
    few = FeaturePair(x, y)
    assert few.x.dtype == torch.float64
    for found in (
        distances.pair_frechet,
        frechet_spread.frechet_deviation,
        gaussian_mmd,
        lambda pair: distances.pair_kernel(pair, subsets=3, subset_size=15),
        distances.pair_kernel_deviation,
        lambda pair: torch.tensor(list(vars(neighbourhoods(pair, k=3, closed=True)).values())),
        lambda pair: torch.tensor(list(vars(neighbourhood_deviations(pair, k=3, closed=True)).values())),
        lambda pair: nearest_real(pair).distance,
    ):
        torch.testing.assert_close(found(many), found(few), rtol=1e-9, atol=1e-9)


def test_equal_rows_are_at_distance_zero_however_long_they_are():
    x = features(40, 64) * 1e3 + 1e4
    [(_, squared)] = FeaturePair(x, x.clone()).squared_distances("xy")
    assert torch.equal(squared.diagonal(), torch.zeros(40, dtype=torch.float64))
    assert (squared + torch.eye(40) > 0).all()


def test_a_subset_has_the_products_of_its_rows(pair):
    x, y = torch.tensor([4, 0, 7]), torch.tensor([19, 3])
    part = pair.subset(x, y)
    assert torch.equal(part.x, pair.x[x]) and torch.equal(part.y, pair.y[y])
    torch.testing.assert_close(part.products("xy"), pair.x[x] @ pair.y[y].T)


def test_products_are_made_once_when_they_are_kept(pair):
    assert (pair.products("xy") is pair.products("xy")) == pair.held
    made = []
    assert [pair.once("key", lambda: made.append(1) or 7) for _ in range(3)] == [7, 7, 7] and made == [1]


@pytest.mark.parametrize("bad", [torch.zeros(1, 4), torch.zeros(4), torch.tensor([[1.0], [float("nan")]])])
def test_what_is_no_set_of_features_is_refused(bad):
    with pytest.raises(InputError, match="the real set"):
        checked_features(bad, "real")
    with pytest.raises(InputError, match="the first set"):
        FeaturePair(bad, features(4))


def test_other_widths_do_not_compare():
    with pytest.raises(InputError, match="features of 6 and 5 values"):
        FeaturePair(features(4), features(4, 5))
