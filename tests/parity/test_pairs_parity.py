"""LPIPS, DISTS and ArtFID's network beside lpips, torchmetrics and art-fid, with the same seeded trunks."""

from __future__ import annotations

import types

import pytest
import torch
from ganstyle_metrics.artfid import ArtInception
from ganstyle_metrics.perceptual import Dists, Lpips
from metric_pictures import state_of
from torch.nn import functional as F

from ganstyle.nn.trunks import BUILDERS, Trunk

NETS = ["alex", "vgg", "squeeze"]


def damaged(picture, strength=25):
    noise = torch.randn(picture.shape, generator=torch.Generator().manual_seed(0)) * strength
    return (picture + noise).round().clamp(0, 255).to(torch.uint8)


@pytest.fixture(params=[64, 256, "mixed", "grey"])
def pairs(request, real_pictures):
    return [(damaged(picture)[None], picture[None]) for picture in real_pictures(request.param, 2)]


def give_trunk(network, state):
    """Load a trunk's weights into a peer's, whose slices keep torchvision's numbers: slice2.3.bias, slices.1.3.bias."""
    renamed = {}
    for name in network.state_dict():
        place = name.split(".", 2 if name.startswith("slices") else 1)[-1]
        renamed[name] = state[f"features.{place}"]
    network.load_state_dict(renamed, strict=True)


def lpips_of(net, state):
    return Lpips(Trunk(net, state), key=f"lpips_{net}", protocol="", device="cpu")


@pytest.mark.parametrize("net", NETS)
def test_lpips_equals_lpips(net, pairs):
    peer, state = pytest.importorskip("lpips"), state_of(net)
    theirs = peer.LPIPS(net=net, pnet_rand=True, verbose=False).eval()
    give_trunk(theirs.net, state)
    with torch.no_grad():
        for image, reference in pairs:
            expected = theirs(image / 127.5 - 1, reference / 127.5 - 1).item()
            assert lpips_of(net, state).measure(image, reference).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("net", NETS)
def test_lpips_equals_torchmetrics(net, pairs):
    peer, state = pytest.importorskip("torchmetrics.functional.image.lpips"), state_of(net)
    theirs = peer._LPIPS(net=net, pnet_rand=True)
    give_trunk(theirs.net, state)
    for image, reference in pairs:
        expected = theirs(image / 127.5 - 1, reference / 127.5 - 1).item()
        assert lpips_of(net, state).measure(image, reference).item() == pytest.approx(expected, rel=1e-4)


def test_dists_equals_torchmetrics_at_256(real_pictures, monkeypatch):
    peer, state = pytest.importorskip("torchmetrics.functional.image.dists"), state_of("vgg")
    features = BUILDERS["vgg"](weights=None).features
    features.load_state_dict({k.removeprefix("features."): v for k, v in state.items() if k.startswith("features")})
    monkeypatch.setattr(peer, "vgg16", lambda weights: types.SimpleNamespace(features=features))
    theirs = peer.DISTSNetwork()
    mine = Dists(Trunk("vgg", state), key="dists_vgg16", protocol="", device="cpu")
    for kind in (256, "mixed"):  # torchmetrics never resizes; the paper's code and ganstyle reduce to 256
        for picture in real_pictures(kind, 2):
            picture = F.interpolate(picture[None].float(), (256, 272), mode="bilinear", antialias=True)
            picture = picture.round().clamp(0, 255).to(torch.uint8)
            expected = theirs(damaged(picture) / 255, picture / 255).item()
            assert mine.measure(damaged(picture), picture).item() == pytest.approx(expected, abs=1e-5)


def test_artfid_s_network_equals_art_fid(real_pictures):
    peer = pytest.importorskip("art_fid.inception")
    torch.manual_seed(0)
    theirs = peer.Inception3().eval()
    mine = ArtInception(theirs.state_dict(), weights_sha256="")
    for picture in real_pictures("mixed", 2):
        if min(picture.shape[1:]) < 75:
            continue
        with torch.no_grad():
            expected = theirs(picture[None] / 255, return_features=True)
        assert torch.allclose(mine(picture[None]), expected, rtol=1e-5, atol=1e-6)
