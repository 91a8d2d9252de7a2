"""The same folders through whole tools: decoding, resize, network and distance, as a user runs them.

Ten pictures on each side: the distance of few pictures is large and moves with each of them.
"""

from __future__ import annotations

import contextlib
import io

import pytest
import torch

from ganstyle.config import Selection
from ganstyle.data.writing import save_image
from ganstyle.engine.evaluation import evaluate
from ganstyle.registry import default_registry

COUNT = 10
FID = {"abs": 5e-4}  # below 2,049 pictures covariances are singular


@pytest.fixture(scope="module")
def folders(real_pictures, tmp_path_factory):
    """Generated and real pictures of 32 pixels, as PNG files."""
    root, pictures = tmp_path_factory.mktemp("sets"), real_pictures(32, 2 * COUNT)
    for side, part in (("fake", pictures[::2]), ("real", pictures[1::2])):
        (root / side).mkdir()
        for number, one in enumerate(part):
            save_image(one, root / side / f"{number:03d}.png")
    return str(root / "fake"), str(root / "real")


@pytest.fixture(scope="module")
def score(folders, peers, weights):
    """Return a function: metric name and options to our value."""

    def of(name, **options):
        chosen = Selection(name, {**peers.accepted(weights), **options})
        [found] = evaluate([chosen], registry=default_registry(), fake=folders[0], real=folders[1])
        assert not found.error
        return found.value

    return of


def test_torch_fidelity(folders, weights, score):
    peer = pytest.importorskip("torch_fidelity")
    settings = {"feature_extractor_weights_path": str(weights), "samples_find_deep": False, "verbose": False}
    settings |= {"kid_subset_size": COUNT - 1, "kid_subsets": 10, "isc_splits": 2, "cuda": False, "cache": False}
    found = peer.calculate_metrics(input1=folders[0], input2=folders[1], fid=True, kid=True, isc=True, **settings)
    assert score("fid") == pytest.approx(found["frechet_inception_distance"], **FID)
    kid = score("kid", subset_size=COUNT - 1, subsets=10)
    assert kid == pytest.approx(found["kernel_inception_distance_mean"], rel=1e-5)
    assert score("is", splits=2) == pytest.approx(found["inception_score_mean"], rel=1e-6)


def test_pytorch_fid(folders, weights, score, monkeypatch):
    peer = pytest.importorskip("pytorch_fid.fid_score")
    monkeypatch.setattr(torch.hub, "_hub_dir", str(weights.parents[1]))
    with contextlib.redirect_stdout(io.StringIO()):
        value = peer.calculate_fid_given_paths(list(folders), 10, "cpu", 2048, num_workers=0)
    # Its matrix root of a singular product is exact to half of the digits only.
    assert score("fid", resize="pytorch") == pytest.approx(value, rel=2e-3)


def test_clean_fid(folders, peers, weights, score):
    peer = pytest.importorskip("cleanfid.fid")
    network = peers.clean_fid_network(weights)
    settings = {"mode": "clean", "num_workers": 0, "device": "cpu", "verbose": False}
    with contextlib.redirect_stdout(io.StringIO()):
        value = peer.compute_fid(*folders, custom_feat_extractor=network, **settings)
    assert score("fid", resize="clean") == pytest.approx(value, rel=2e-3)


@pytest.mark.parametrize(("antialias", "resize"), [(True, "antialias"), (False, "tf1")])
def test_torchmetrics(folders, weights, score, antialias, resize):
    peer = pytest.importorskip("torchmetrics.image.fid")
    from ganstyle.engine.image_sets import folder_set

    metric = peer.FrechetInceptionDistance(feature_extractor_weights_path=str(weights), antialias=antialias)
    for real, folder in enumerate(folders):
        metric.update(torch.stack(list(folder_set(folder).iterate())), real=bool(real))
    # torchmetrics takes eigenvalues of the product of two singular matrices.
    assert score("fid", resize=resize) == pytest.approx(metric.compute().item(), rel=2e-3)
