"""Neighbourhood scores against brute force in float64, and by construction."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch_fidelity.metric_prc import prc_features_to_metric

from ganstyle.errors import InputError
from ganstyle.functional import feature_pairs
from ganstyle.functional.feature_pairs import FeaturePair
from ganstyle.functional.neighbours import nearest_real, neighbourhood_deviations, neighbourhoods, radii


def features(n, width=5, *, seed=0, shift=0.0):
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + shift


def brute_force(fake, real, k, closed):
    """Loops over distances, as the papers write them."""
    fake, real = fake.numpy(), real.numpy()

    def distance(a, b):
        return np.linalg.norm(a[:, None] - b[None], axis=2)

    reach_real = np.sort(distance(real, real), axis=1)[:, k]
    reach_fake = np.sort(distance(fake, fake), axis=1)[:, k]
    between = distance(fake, real)
    inside = np.less_equal if closed else np.less
    in_real, in_fake = inside(between, reach_real), inside(between, reach_fake[:, None])
    return {
        "precision": in_real.any(1).mean(),
        "recall": in_fake.any(0).mean(),
        "density": in_real.sum() / (k * len(fake)),
        "coverage": inside(between.min(0), reach_real).mean(),
    }


@pytest.mark.parametrize(("n", "m", "k"), [(40, 40, 3), (30, 50, 5), (6, 20, 1)])
@pytest.mark.parametrize("closed", [True, False])
def test_scores_equal_brute_force(n, m, k, closed):
    fake, real = features(n), features(m, seed=1, shift=0.7)
    assert vars(neighbourhoods(FeaturePair(fake, real), k=k, closed=closed)) == pytest.approx(
        brute_force(fake, real, k, closed)
    )


def test_precision_and_recall_equal_torch_fidelity():
    fake, real = features(60), features(60, seed=1, shift=0.6)
    peer = prc_features_to_metric(
        fake, real, prc_neighborhood=3, prc_batch_size=10_000, save_cpu_ram=False, verbose=False
    )
    found = neighbourhoods(FeaturePair(fake, real), k=3, closed=True)
    assert (found.precision, found.recall) == pytest.approx((peer["precision"], peer["recall"]))


def test_slices_give_the_same_scores(monkeypatch):
    fake, real = features(40), features(30, seed=1, shift=0.5)
    expected = neighbourhoods(FeaturePair(fake, real), k=3, closed=True)
    monkeypatch.setattr(feature_pairs, "HELD_ROWS", 10)
    monkeypatch.setattr(feature_pairs, "ROWS_AT_ONCE", 7)
    assert neighbourhoods(FeaturePair(fake, real), k=3, closed=True) == expected


def test_sets_that_are_far_apart_share_nothing():
    found = neighbourhoods(FeaturePair(features(20), features(20, shift=100.0)), k=3, closed=True)
    assert vars(found) == {"precision": 0, "recall": 0, "density": 0, "coverage": 0}


def test_copies_of_all_real_pictures_score_full_and_density_is_one_with_open_balls():
    real = features(30)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(2))
    pair = FeaturePair(real[order], real)
    found = neighbourhoods(pair, k=4, closed=False)
    # The picture itself and the k - 1 neighbours nearer than the k-th.
    assert vars(found) == {"precision": 1, "recall": 1, "density": pytest.approx(1.0), "coverage": 1}
    assert neighbourhoods(pair, k=4, closed=True).density == pytest.approx(5 / 4)


def test_dropped_modes_lower_recall_and_coverage_only():
    modes = torch.eye(4, dtype=torch.float64).repeat_interleave(25, 0) * 50
    real = torch.cat([modes, features(100, 1)], dim=1) + features(100, 5, seed=3)
    fake = real[:25].roll(1, 0) + 0.1 * features(25, 5, seed=4)
    found = neighbourhoods(FeaturePair(fake, real), k=3, closed=True)
    assert found.precision == 1
    assert found.recall == found.coverage == 0.25


def test_duplicates_have_balls_of_no_size():
    real = torch.ones(10, 3, dtype=torch.float64) * 7
    pair = FeaturePair(torch.cat([real[:2], real[:2] + 1]), real)
    assert radii(pair, "y", 3).tolist() == [0] * 10
    assert neighbourhoods(pair, k=3, closed=True).precision == 0.5
    assert neighbourhoods(pair, k=3, closed=False).precision == 0


def test_as_many_neighbours_as_pictures_are_refused():
    with pytest.raises(InputError, match="3 generated images are too few for 3") as caught:
        neighbourhoods(FeaturePair(features(3), features(9)), k=3, closed=True)
    assert "at least 4 images" in caught.value.hint


def test_deviation_is_that_of_other_samples():
    def sample(seed):
        return FeaturePair(features(120, 4, seed=seed), features(120, 4, seed=seed + 5000, shift=0.5))

    pairs = [sample(seed) for seed in range(60)]
    values = torch.tensor([list(vars(neighbourhoods(pair, k=3, closed=True)).values()) for pair in pairs])
    told = torch.tensor([list(vars(neighbourhood_deviations(pair, k=3, closed=True)).values()) for pair in pairs[:8]])
    ratio = told.mean(0) / values.std(0)
    assert ((ratio > 0.7) & (ratio < 2)).all(), ratio


def test_deviation_of_too_few_is_none_and_needs_no_halves_beyond_the_largest_draw(monkeypatch):
    assert neighbourhood_deviations(FeaturePair(features(6), features(6)), k=3, closed=True) is None
    pair = FeaturePair(features(400), features(400, seed=1))
    halves = neighbourhood_deviations(pair, k=3, closed=True)
    monkeypatch.setattr("ganstyle.functional.neighbours.LARGEST_DRAW", 100)
    quarters = neighbourhood_deviations(pair, k=3, closed=True)
    assert 0.5 < quarters.precision / halves.precision < 2


def test_nearest_real_and_authenticity_by_construction():
    real = torch.tensor([[0.0], [1.0], [10.0], [14.0]], dtype=torch.float64)
    fake = torch.tensor([[0.5], [10.0], [12.5], [20.0]], dtype=torch.float64)
    found = nearest_real(FeaturePair(fake, real))
    assert found.index[1:].tolist() == [2, 3, 3]
    assert found.distance.tolist() == pytest.approx([0.5, 0, 1.5, 6])
    assert found.own[1:].tolist() == pytest.approx([4, 4, 4])
    assert found.authentic.tolist() == [False, False, False, True]


def test_authenticity_equals_its_definition():
    fake, real = features(50, seed=3), features(40, seed=4)
    own = torch.cdist(real, real).fill_diagonal_(torch.inf).min(0).values
    nearest = torch.cdist(real, fake).min(0)
    assert torch.equal(nearest_real(FeaturePair(fake, real)).authentic, own[nearest.indices] < nearest.values)
