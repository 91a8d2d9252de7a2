"""Features of the same pictures, weights and resize: ganstyle's extractor beside four others."""

from __future__ import annotations

import pytest
import torch
from ganstyle_metrics.resize import RESIZES

MODULES = {"clean-fid": "cleanfid", "pytorch-fid": "pytorch_fid", "torch-fidelity": "torch_fidelity"}
TOLERANCE = 1e-6


def relative(found, expected):
    return ((found - expected).norm() / expected.norm()).item()


@pytest.fixture(scope="module", params=["torch-fidelity", "pytorch-fid", "clean-fid", "torchmetrics"])
def networks(request, peers, weights):
    """(the peer's network, ours with the same resize)."""
    pytest.importorskip(MODULES.get(request.param, request.param))
    build, resize = peers.PEERS[request.param]
    if resize not in RESIZES:
        pytest.skip(f"ganstyle has no resize {resize}")
    return build(weights), peers.ours(weights, resize=resize)


@pytest.mark.parametrize("kind", [32, 256, "mixed", "grey"])
def test_features_equal_the_peers(networks, real_pictures, kind):
    peer, own = networks
    pictures = [picture[None] for picture in real_pictures(kind, 4)]
    expected, found = (torch.cat([network(picture) for picture in pictures]) for network in (peer, own))
    assert relative(found, expected) <= TOLERANCE
    assert relative(found[0], found[1]) > 100 * TOLERANCE  # the network does tell these pictures apart


def test_torchmetrics_without_antialias_is_the_tf1_resize(peers, weights, real_pictures):
    pytest.importorskip("torchmetrics")
    pictures = torch.stack(real_pictures(256, 2))
    peer = peers.torchmetrics(weights, antialias=False)
    assert relative(peers.ours(weights, resize="tf1")(pictures), peer(pictures)) <= TOLERANCE


def test_resizes_differ_by_more_than_their_tolerance(peers, weights, real_pictures):
    pictures = torch.stack(real_pictures(256, 2))
    tf1, pytorch = (peers.ours(weights, resize=resize)(pictures) for resize in ("tf1", "pytorch"))
    assert relative(pytorch, tf1) > 1000 * TOLERANCE
