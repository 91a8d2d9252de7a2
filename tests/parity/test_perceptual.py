"""LPIPS and DISTS beside lpips and torchmetrics: seeded trunks, the published linear layers of either package."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from ganstyle_metrics.perceptual import Dists, Lpips
from metric_pictures import noisy, state_of

from ganstyle.nn.trunks import BUILDERS, Trunk

NETS = ["alex", "squeeze", "vgg"]


@pytest.fixture(scope="module", params=NETS)
def trunk_state(request):
    """(name of a network, seeded weights of its convolutions)."""
    return request.param, state_of(request.param)


def ours(kind, net, state):
    return kind(Trunk(net, state), key=net, protocol="", device="cpu")


def theirs(net, state):
    """lpips.LPIPS with our trunk: its slices keep torchvision's numbers of layers."""
    peer = pytest.importorskip("lpips")
    network = peer.LPIPS(net=net, pnet_rand=True, verbose=False)
    named = {name: state["features." + name.split(".", 1)[1]] for name in network.net.state_dict()}
    network.net.load_state_dict(named)
    return network


@pytest.mark.parametrize("kind", [256, "mixed", "grey"])
def test_lpips_equals_the_authors(trunk_state, real_pictures, kind):
    net, state = trunk_state
    own, peer = ours(Lpips, net, state), theirs(net, state)
    for picture in real_pictures(kind, 2):
        image, reference = noisy(picture, 12)[None], picture[None]
        with torch.inference_mode():
            expected = peer(image / 127.5 - 1, reference / 127.5 - 1).item()
        assert own.measure(image, reference).item() == pytest.approx(expected, rel=1e-5)
        assert expected > 1e-3


def test_dists_equals_torchmetrics_up_to_256_pixels(real_pictures, monkeypatch):
    peer = pytest.importorskip("torchmetrics.functional.image.dists")
    state = state_of("vgg")
    seeded = BUILDERS["vgg"](weights=None).features
    seeded.load_state_dict({name[9:]: value for name, value in state.items() if name.startswith("features.")})
    monkeypatch.setattr(peer, "vgg16", lambda **_: SimpleNamespace(features=seeded))
    network, own = peer.DISTSNetwork(), ours(Dists, "vgg", state)
    for picture in real_pictures(256, 2):
        image, reference = noisy(picture, 12)[None], picture[None]
        expected = network(image / 255, reference / 255).item()
        assert own.measure(image, reference).item() == pytest.approx(expected, abs=1e-5)
