"""Copies of training pictures are found and shown first."""

from __future__ import annotations

import pytest
import torch
from ganstyle_metrics.frechet import Lite0Options
from ganstyle_metrics.memorization import Memorization, build_memorization

from ganstyle.errors import NoInputError


class Given:
    """An extractor for features that are fed in directly."""

    key, width, resize, weights_sha256, standard = "given", 6, "none", "00", True


def features(n, *, seed=0):
    return torch.randn(n, 6, generator=torch.Generator().manual_seed(seed))


def metric(fake, real):
    found = Memorization(Given(), key="authpct_given")
    found.update_features(fake, real=False)
    found.update_features(real, real=True)
    return found


def test_value_is_the_definition():
    fake, real = features(40), features(50, seed=1)
    own = torch.cdist(real, real).fill_diagonal_(torch.inf).min(0).values
    nearest = torch.cdist(real, fake).min(0)
    expected = 100 * (own[nearest.indices] < nearest.values).double().mean().item()
    assert metric(fake, real).compute() == {"authpct_given": pytest.approx(expected)}


def test_copies_are_not_authentic_and_come_first():
    real = features(30)
    fake = torch.cat([features(10, seed=1) * 9, real[[4, 7]] + 1e-4])
    found = metric(fake, real)
    indices, nearest, distance = found.nearest()
    assert set(indices[:2].tolist()) == {10, 11}
    assert dict(zip(indices.tolist(), nearest.tolist(), strict=True)) | {10: 4, 11: 7} == dict(
        zip(indices.tolist(), nearest.tolist(), strict=True)
    )
    assert (distance[:2] < 0.01).all() and (distance.diff() >= 0).all()
    assert found.compute()["authpct_given"] == pytest.approx(100 * 10 / 12)


def test_exact_copies_score_zero_and_duplicates_among_the_real_do_not_break_it():
    real = features(12)
    assert metric(real.clone(), real).compute() == {"authpct_given": 0.0}
    doubled = metric(torch.cat([real[:3], real[:3] + 1]), torch.cat([real, real]))
    assert torch.isfinite(doubled.nearest()[2]).all()
    assert doubled.nearest()[2][:3].tolist() == [0, 0, 0]


def test_interval_holds_the_value_also_at_its_ends():
    low, high = metric(features(12), features(12)).intervals()["authpct_given"]
    assert low == 0 and 0 < high < 40
    found = metric(features(40), features(50, seed=1))
    low, high = found.intervals()["authpct_given"]
    assert low < found.compute()["authpct_given"] < high


def test_the_reader_is_told_whose_copies_were_looked_for():
    assert "these 50 real images" in metric(features(40), features(50)).warnings()[-1]


def test_offline_metric_finds_a_picture_among_others(photos):
    found = build_memorization(Lite0Options(), "cpu")
    found.update(torch.cat([photos, photos.flip(2)]), real=True)
    found.update(photos[:1], real=False)
    with pytest.raises(NoInputError, match="only 1 generated image"):
        found.compute()
    found.update(photos[1:].flip(2), real=False)
    indices, nearest, _ = found.nearest()
    assert dict(zip(indices.tolist(), nearest.tolist(), strict=True)) == {0: 0, 1: 3}
    assert found.compute() == {"authpct_efficientnet_lite0": 0.0}
