"""The Inception score."""

from __future__ import annotations

import pytest
import torch
from ganstyle_metrics.inception_score import InceptionScoreOptions, build_is
from torch_fidelity.metric_isc import isc_features_to_metric

from ganstyle.errors import NoInputError


@pytest.fixture
def metric(inception_values):
    """The metric on random weights; two splits."""
    return build_is(InceptionScoreOptions(**inception_values, splits=2), "cpu")


def test_value_equals_torch_fidelity_on_the_logits(metric, extractor):
    features = torch.rand(20, 2048, generator=torch.Generator().manual_seed(0))
    metric.update_features(features, real=False)
    peer = isc_features_to_metric(features @ extractor.network.fc.weight.T, 2)["inception_score_mean"]
    assert metric.compute() == {"is_tf1": pytest.approx(peer, rel=1e-6)}
    assert metric.higher_is_better


def test_it_needs_no_real_images_but_enough_generated_ones(metric):
    assert not metric.needs_real
    metric.update_features(torch.rand(1, 2048), real=False)
    with pytest.raises(NoInputError, match="at least 2 rows"):
        metric.compute()
    assert metric.warnings()[-1].startswith("only 1 images")


def test_interval_is_that_of_a_mean_over_splits(metric, extractor):
    features = torch.rand(20, 2048, generator=torch.Generator().manual_seed(0))
    metric.update_features(features, real=False)
    found = isc_features_to_metric(features @ extractor.network.fc.weight.T, 2)
    mean, deviation = (found[f"inception_score_{kind}"] for kind in ("mean", "std"))
    # torch-fidelity divides by the number of splits, an unbiased deviation by one less.
    half = 1.96 * deviation * (2 / 1) ** 0.5 / 2**0.5
    assert metric.intervals() == {"is_tf1": pytest.approx((mean - half, mean + half), rel=1e-6)}


def test_a_single_split_has_no_interval(inception_values):
    single = build_is(InceptionScoreOptions(**inception_values, splits=1), "cpu")
    single.update_features(torch.rand(4, 2048), real=False)
    assert single.compute()["is_tf1"] >= 1 and single.intervals() == {}
