"""KID and its offline relative."""

from __future__ import annotations

import pytest
import torch
from ganstyle_metrics import kernel
from ganstyle_metrics.kernel import Kernel, KernelOptions, KidOptions, build_kid, build_kid_lite0
from torch_fidelity.metric_kid import kid_features_to_metric


class Given:
    """An extractor for features that are fed in directly."""

    key, width, resize, weights_sha256, standard = "given", 8, "none", "00", True


def features(n, *, seed):
    return torch.randn(n, 8, generator=torch.Generator().manual_seed(seed))


def metric(fake, real, **options):
    found = Kernel(Given(), key="kid_given", options=KernelOptions(**options))
    found.update_features(fake, real=False)
    found.update_features(real, real=True)
    return found


def test_value_equals_torch_fidelity():
    fake, real = features(60, seed=0), features(50, seed=1) + 0.3
    settings = {"kid_subsets": 10, "kid_subset_size": 40, "rng_seed": 7, "verbose": False}
    peer = kid_features_to_metric(fake.double(), real.double(), **settings)["kernel_inception_distance_mean"]
    found = metric(fake, real, subsets=10, subset_size=40, seed=7)
    assert found.compute() == {"kid_given": pytest.approx(peer, rel=1e-9)}
    assert found.protocol == "unbiased MMD², cubic kernel, 8 features, 10 subsets of 40, seed 7"
    low, high = found.intervals()["kid_given"]
    assert low < found.compute()["kid_given"] < high
    assert found.warnings() == ["unequal counts (60 generated, 50 real): compare equal counts only"]


def test_small_sets_are_scored_at_once_in_any_order():
    fake, real = features(30, seed=2), features(30, seed=3)
    found = metric(fake, real)
    assert found.compute()["kid_given"] == pytest.approx(metric(fake.flip(0), real).compute()["kid_given"], abs=1e-12)
    assert "all images at once" in found.protocol
    low, high = found.intervals()["kid_given"]
    assert low < found.compute()["kid_given"] < high and low < 0 < high  # both sets come from one distribution
    assert found.warnings()[-1].startswith("fewer than 1,000 images")


def test_of_many_images_the_subsets_tell_the_deviation(monkeypatch):
    pairs = [(features(300, seed=seed), features(300, seed=seed + 900) + 0.4) for seed in range(12)]
    widths = []
    for most in (4096, 100):
        monkeypatch.setattr(kernel, "MANY", most)
        found = [metric(*pair, subsets=60, subset_size=60).intervals()["kid_given"] for pair in pairs]
        widths.append(sum(high - low for low, high in found) / len(found))
    assert 0.75 < widths[1] / widths[0] < 1.33
    assert metric(features(40, seed=0), features(300, seed=1), subset_size=60).intervals() == {}


def test_keys_name_network_and_resize(inception_values, photos):
    assert build_kid(KidOptions(**inception_values), "cpu").key == "kid_tf1"
    offline = build_kid_lite0(KernelOptions(), "cpu")
    offline.update(photos, real=True)
    offline.update(photos, real=False)
    # Two pictures against themselves: the unbiased estimate leaves out the two equal pairs, so it is negative.
    assert offline.compute()["kid_efficientnet_lite0"] < 0
