"""What metrics of sets have in common."""

from __future__ import annotations

import gc

import pytest
import torch
from ganstyle_metrics import sets
from ganstyle_metrics.sets import FeatureEvaluator, interval

from ganstyle.errors import InputError, NoInputError


class Given:
    """An extractor for features that are fed in directly."""

    key, width, resize, weights_sha256, standard = "given", 4, "none", "00", True


def features(n, *, seed=0):
    return torch.randn(n, 4, generator=torch.Generator().manual_seed(seed))


def metric(fake, real):
    found = FeatureEvaluator(Given())
    found.update_features(fake, real=False)
    found.update_features(real, real=True)
    return found


def test_metrics_on_the_same_tensors_share_their_pair_and_others_do_not():
    fake, real = features(5), features(6, seed=1)
    first, second = metric(fake, real), metric(fake, real)
    assert first.pair() is second.pair()
    assert metric(fake.clone(), real).pair() is not first.pair()
    assert metric(real, fake).pair() is not first.pair()


def test_more_pictures_and_reset_make_a_new_pair():
    fake, real = features(5), features(6, seed=1)
    found = metric(fake, real)
    before = found.pair()
    found.update_features(features(2, seed=3), real=False)
    assert found.pair() is not before and len(found.pair().x) == 7
    found.reset()
    with pytest.raises(NoInputError, match="no generated images"):
        found.pair()


def test_nothing_is_kept_when_all_metrics_are_gone():
    found = metric(features(5), features(6, seed=1))
    found.pair()
    known = len(sets._pairs)
    del found
    gc.collect()
    assert len(sets._pairs) == known - 1


@pytest.mark.parametrize(
    ("fake", "real", "message"),
    [(1, 5, "only 1 generated image"), (5, 1, "only 1 real image"), (5, 0, "only 0|no real|at least")],
)
def test_one_picture_is_no_set(fake, real, message):
    with pytest.raises(NoInputError, match=message):
        metric(features(fake), features(real)).pair()


def test_features_that_are_not_finite_are_refused():
    with pytest.raises(InputError, match="not finite"):
        metric(torch.full((3, 4), float("nan")), features(3)).pair()


def test_foreign_weights_and_unequal_counts_are_said(monkeypatch):
    assert metric(features(5), features(5)).warnings() == []
    found = metric(features(5), features(6))
    monkeypatch.setattr(Given, "standard", False)
    assert [text.split(" ")[0] for text in found.warnings()] == ["these", "unequal"]


def test_interval_is_two_deviations_each_way():
    assert interval(10.0, 1.0) == pytest.approx((8.04, 11.96))
