"""torchvision's trunks: equal to torchvision, strict, and found by hash only."""

from __future__ import annotations

import hashlib

import pytest
import torch
from ganstyle_metrics.trunks import FILES, TAPS, Trunk, load_trunk
from ganstyle_metrics.weights_table import WeightsOptions
from metric_pictures import scene, state_of
from torch import nn
from torchvision import models

from ganstyle.errors import EnvironmentProblem, ModelError


@pytest.fixture(scope="module")
def squeeze_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "random-squeezenet.pth"
    torch.save(state_of("squeeze"), path)
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def test_maps_are_those_of_torchvision_on_normalised_pictures():
    state = state_of("squeeze", seed=3)
    network = models.squeezenet1_1(weights=None)
    network.load_state_dict({name: value.clone() for name, value in state.items()})
    image = scene()[None].float() / 255
    mean, deviation = (torch.tensor(x)[:, None, None] for x in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    taps = [str(tap) for tap in TAPS["squeeze"]]
    found = Trunk("squeeze", state)(image * 2 - 1, taps)
    assert list(found) == taps
    features = (image - mean) / deviation
    for index, layer in enumerate(network.features):
        features = layer(features)
        if str(index) in found:
            assert torch.allclose(found[str(index)], features, atol=1e-5)


def test_every_trunk_is_looked_at_after_a_relu_or_a_fire():
    for net, taps in TAPS.items():
        layers = Trunk(net, state_of(net)).layers
        kinds = {type(layers[tap]).__name__ for tap in taps}
        assert kinds <= {"ReLU", "Fire"}, net


def test_pooling_can_be_replaced():
    trunk = Trunk("squeeze", state_of("squeeze"))
    image = torch.zeros(1, 3, 40, 40)
    sizes = [trunk(image, ["4"], pooling=pool)["4"].shape[2] for pool in (None, nn.Identity())]
    assert sizes == [9, 19]  # 40 -> 19 by a convolution of stride 2, -> 9 by pooling


def test_a_state_with_a_name_too_few_or_too_many_is_refused():
    state = state_of("squeeze")
    for wrong in ({**state, "extra": torch.zeros(1)}, {k: v for k, v in state.items() if k != "features.0.bias"}):
        with pytest.raises(ModelError, match="not the weights of the SqueezeNet"):
            Trunk("squeeze", wrong)
    with pytest.raises(ModelError, match="VGG-16"):
        Trunk("vgg", state)


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
