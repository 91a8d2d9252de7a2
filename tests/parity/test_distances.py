"""Distances of the same features: 10, 500 and 3,000 rows of 2,048."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
import torch

from ganstyle.functional.distances import frechet_distance, inception_score, kernel_distance

COUNTS = [10, 500, 3000]
WIDTH = 2048


def tolerance(count):
    """Below 2,049 rows covariances are singular, and a matrix root loses half of its digits."""
    return {"abs": 5e-4} if count <= WIDTH else {"rel": 1e-6}


@pytest.fixture(scope="module", params=COUNTS)
def sets(request, feature_sets):
    """Two sets of features."""
    return feature_sets(request.param)


@pytest.fixture(scope="module")
def frechet(sets):
    """Our distance, computed once for each count."""
    return frechet_distance(*sets).item()


def statistics(features):
    rows = features.double().numpy()
    return rows.mean(0), np.cov(rows, rowvar=False)


def test_frechet_equals_torch_fidelity(sets, frechet):
    peer = pytest.importorskip("torch_fidelity.metric_fid")
    found = [dict(zip(("mu", "sigma"), statistics(one), strict=True)) for one in sets]
    value = peer.fid_statistics_to_metric(*found, verbose=False)["frechet_inception_distance"]
    assert frechet == pytest.approx(value, **tolerance(len(sets[0])))


def test_frechet_equals_torchmetrics(sets, frechet):
    peer = pytest.importorskip("torchmetrics.image.fid")
    found = [torch.from_numpy(part) for one in sets for part in statistics(one)]
    assert frechet == pytest.approx(peer._compute_fid(*found).item(), **tolerance(len(sets[0])))


@pytest.mark.parametrize("tool", ["pytorch_fid.fid_score", "cleanfid.fid"])
def test_frechet_equals_the_matrix_root_of_scipy(sets, frechet, tool):
    peer = pytest.importorskip(tool)
    distance = getattr(peer, "calculate_frechet_distance", None) or peer.frechet_distance
    with contextlib.redirect_stdout(io.StringIO()):  # "fid calculation produces singular product"
        value = distance(*(part for one in sets for part in statistics(one)))
    # Where the root isn't finite, these tools add 1e-6 to the diagonals: that moves the value by up to 2048 * 1e-3.
    singular = len(sets[0]) <= WIDTH
    assert frechet == pytest.approx(value, **({"rel": 5e-3} if singular else tolerance(len(sets[0]))))


def test_kernel_distance_equals_torch_fidelity(sets):
    peer = pytest.importorskip("torch_fidelity.metric_kid")
    size = min(1000, len(sets[0]) - 1)
    settings = {"kid_subsets": 20, "kid_subset_size": size, "rng_seed": 2020, "verbose": False}
    value = peer.kid_features_to_metric(*(one.double() for one in sets), **settings)
    found = kernel_distance(*sets, subsets=20, subset_size=size)
    assert found.mean().item() == pytest.approx(value["kernel_inception_distance_mean"], rel=1e-6)
    assert found.std(correction=0).item() == pytest.approx(value["kernel_inception_distance_std"], rel=1e-6)


@pytest.mark.parametrize("tool", ["cleanfid", "torchmetrics"])
def test_kernel_distance_of_unseeded_peers_where_chance_has_no_say(sets, tool):
    # One subset of all rows: its estimate doesn't depend on their order.
    if tool == "cleanfid":
        peer = pytest.importorskip("cleanfid.fid")
        value = peer.kernel_distance(*(one.double().numpy() for one in sets), num_subsets=1, max_subset_size=10**6)
    else:
        peer = pytest.importorskip("torchmetrics.image.kid")
        value = peer.poly_mmd(*(one.double() for one in sets)).item()
    found = kernel_distance(*sets, subset_size=len(sets[0])).item()
    assert found == pytest.approx(value, rel=1e-6)


def test_kernel_distance_of_unseeded_subsets_agrees_within_their_spread(feature_sets):
    peer = pytest.importorskip("cleanfid.fid")
    sets = feature_sets(3000)
    found = kernel_distance(*sets, subsets=20)
    np.random.seed(0)
    value = peer.kernel_distance(*(one.double().numpy() for one in sets), num_subsets=20)
    assert abs(found.mean().item() - value) <= 3 * (2 / 20) ** 0.5 * found.std().item()


def test_inception_score_equals_torch_fidelity(sets):
    peer = pytest.importorskip("torch_fidelity.metric_isc")
    logits = sets[0][:, :1008] * 5
    value = peer.isc_features_to_metric(logits.double(), 10)
    found = inception_score(logits)
    assert found.mean().item() == pytest.approx(value["inception_score_mean"], rel=1e-6)
    assert found.std(correction=0).item() == pytest.approx(value["inception_score_std"], abs=1e-6)


def test_inception_score_equals_torchmetrics_on_one_split(sets):
    peer = pytest.importorskip("torchmetrics.image.inception")
    logits = sets[0][:, :1008] * 5
    metric = peer.InceptionScore(feature=torch.nn.Identity(), splits=1).set_dtype(torch.float64)
    metric.update(logits.double())
    # More splits are cut from an unseeded shuffle, and its deviation divides by the splits less one.
    assert inception_score(logits, splits=1).item() == pytest.approx(metric.compute()[0].item(), rel=1e-6)
