"""Precision, recall, density and coverage as metrics: keys, options, intervals, warnings, bad input."""

from __future__ import annotations

import pytest
import torch
from ganstyle_metrics import neighbourhoods
from ganstyle_metrics.neighbourhoods import DensityOptions, Neighbourhood, PrecisionOptions

from ganstyle.errors import InputError, UsageError
from ganstyle.registry import load_registry

NAMES = ("precision", "recall", "density", "coverage")


class Given:
    """An extractor for features that are fed in directly."""

    key, width, resize, weights_sha256, standard = "given", 6, "none", "00", True


def features(n, *, seed=0, shift=0.0):
    return torch.randn(n, 6, generator=torch.Generator().manual_seed(seed)) + shift


def metric(name, fake, real, k=3):
    found = Neighbourhood(Given(), name=name, k=k, network="given")
    found.update_features(fake, real=False)
    found.update_features(real, real=True)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_value_lies_in_its_interval_and_the_key_holds_k_and_network(name):
    found = metric(name, features(80), features(80, seed=1, shift=0.4), k=4)
    [(key, value)] = found.compute().items()
    assert key == f"{name}_k4_given"
    low, high = found.intervals()[key]
    assert 0 <= low < value < high and (name == "density" or high <= 1)
    assert "4" in found.protocol and "6 features" in found.protocol


@pytest.mark.parametrize("name", NAMES)
def test_all_four_share_one_computation(name, monkeypatch):
    fake, real = features(30), features(30, seed=1)
    first = metric("precision", fake, real)
    first.compute()
    same_balls = name in ("precision", "recall")
    found = metric(name, fake, real)
    assert found.pair() is first.pair()
    monkeypatch.setattr("ganstyle.functional.neighbours._neighbourhoods", lambda *_: None)
    if same_balls:
        assert 0 <= found.compute()[found.key] <= 1


def test_values_fall_when_pictures_get_worse_and_recall_when_modes_are_dropped():
    real = features(100, seed=1)
    for name in NAMES:
        alike, noisy = metric(name, features(100), real), metric(name, features(100) * 4, real)
        if name != "recall":  # a cloud around all real pictures covers them
            assert noisy.compute()[noisy.key] < alike.compute()[alike.key]
    few = metric("recall", features(4).repeat(25, 1) + 1e-3 * features(100, seed=5), real)
    assert few.compute()[few.key] < 0.2


def test_a_share_of_one_has_an_interval_all_the_same():
    real = features(40)
    found = metric("precision", real.clone(), real)
    low, high = found.intervals()[found.key]
    assert found.compute()[found.key] == 1 and high == 1 and 0.8 < low < 1


def test_too_few_pictures_have_no_value_and_few_have_no_interval():
    with pytest.raises(InputError, match="3 generated images are too few for 3"):
        metric("precision", features(3), features(9)).compute()
    assert metric("precision", features(6), features(6, seed=1)).intervals() == {}
    assert "only 6 images" in metric("precision", features(6), features(6, seed=1)).warnings()[-1]


def test_networks_and_papers_set_the_defaults():
    assert (PrecisionOptions().k, DensityOptions().k) == (3, 5)
    registry = load_registry(plugins=False)
    for name in NAMES:
        built = registry.build("metric", f"{name}_efficientnet_lite0", {}, "cpu")
        assert built.key == f"{name}_k{3 if name in ('precision', 'recall') else 5}_efficientnet_lite0"
        assert built.closed == (name in ("precision", "recall"))
        with pytest.raises(UsageError, match="k"):
            registry.build("metric", f"{name}_efficientnet_lite0", {"k": 0}, "cpu")


@pytest.mark.parametrize("name", NAMES)
def test_vgg_variants_use_the_network_that_the_options_choose(name, monkeypatch):
    seen = []
    monkeypatch.setattr(neighbourhoods, "vgg16_extractor", lambda options, device: seen.append(options) or Given())
    built = load_registry(plugins=False).build("metric", name, {"k": 2, "download": True}, "cpu")
    assert built.key == f"{name}_k2_vgg16" and seen[0].download
