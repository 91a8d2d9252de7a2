"""torchvision's trunks: equal to torchvision, strict, and found by hash only."""

from __future__ import annotations

import hashlib

import pytest
import torch
from ganstyle_metrics.trunks import FILES, TAPS, load_trunk
from metric_pictures import state_of
from torchvision import models

from ganstyle.data.weights import WeightsOptions
from ganstyle.errors import EnvironmentProblem
from ganstyle.nn.trunks import Trunk


@pytest.fixture(scope="module")
def squeeze_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "random-squeezenet.pth"
    torch.save(state_of("squeeze"), path)
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def test_every_trunk_is_looked_at_after_a_relu_or_a_fire():
    for net, taps in TAPS.items():
        layers = Trunk(net, state_of(net)).layers
        kinds = {type(layers[tap]).__name__ for tap in taps}
        assert kinds <= {"ReLU", "Fire"}, net


def test_missing_weights_say_where_they_belong(monkeypatch, tmp_path):
    monkeypatch.setenv("GANSTYLE_WEIGHTS_DIR", str(tmp_path))
    with pytest.raises(EnvironmentProblem, match=r"alexnet-owt-7be5be79.pth not found") as caught:
        load_trunk("alex", WeightsOptions(), "cpu")
    assert str(tmp_path / "alexnet-owt-7be5be79.pth") in caught.value.hint
    assert FILES["alex"].sha256 in caught.value.hint


def test_another_file_is_never_used_unless_its_hash_is_accepted(squeeze_file):
    path, sha256 = squeeze_file
    with pytest.raises(EnvironmentProblem, match=sha256[:12]):
        load_trunk("squeeze", WeightsOptions(weights=str(path)), "cpu")
    trunk = load_trunk("squeeze", WeightsOptions(weights=str(path), weights_sha256=sha256), "cpu")
    assert (trunk.standard, trunk.weights_sha256) == (False, sha256)
    assert load_trunk("squeeze", WeightsOptions(weights=str(path), weights_sha256=sha256), "cpu") is trunk


@pytest.mark.parametrize("net", sorted(FILES))
def test_torchvision_names_its_files_by_the_first_digits_of_their_hash(net):
    assert FILES[net].files[0].removesuffix(".pth").endswith("-" + FILES[net].sha256[:8])
    weights = {"vgg": models.VGG16_Weights, "alex": models.AlexNet_Weights, "squeeze": models.SqueezeNet1_1_Weights}
    assert weights[net].IMAGENET1K_V1.url == FILES[net].url
