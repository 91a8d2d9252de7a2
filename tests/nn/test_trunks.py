"""torchvision's networks as feature maps: equal to torchvision, and strict about weights."""

from __future__ import annotations

import pytest
import torch
from metric_pictures import scene, state_of
from torch import nn
from torchvision import models

from ganstyle.errors import ModelError
from ganstyle.nn.trunks import BUILDERS, Trunk


def test_maps_are_those_of_torchvision_on_normalised_pictures():
    state = state_of("squeeze", seed=3)
    network = models.squeezenet1_1(weights=None)
    network.load_state_dict({name: value.clone() for name, value in state.items()})
    image = scene()[None].float() / 255
    mean, deviation = (torch.tensor(x)[:, None, None] for x in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    taps = ["1", "4", "7", "9"]
    found = Trunk("squeeze", state)(image * 2 - 1, taps)
    assert list(found) == taps
    features = (image - mean) / deviation
    for index, layer in enumerate(network.features):
        features = layer(features)
        if str(index) in found:
            assert torch.allclose(found[str(index)], features, atol=1e-5)


def test_pooling_can_be_replaced():
    trunk = Trunk("squeeze", state_of("squeeze"))
    image = torch.zeros(1, 3, 40, 40)
    sizes = [trunk(image, ["4"], pooling=pool)["4"].shape[2] for pool in (None, nn.Identity())]
    assert sizes == [9, 19]  # 40 -> 19 by a convolution of stride 2, -> 9 by pooling


def test_a_state_with_a_name_too_few_or_too_many_is_refused():
    state = state_of("squeeze")
    for wrong in ({**state, "extra": torch.zeros(1)}, {k: v for k, v in state.items() if k != "features.0.bias"}):
        with pytest.raises(ModelError, match="not the weights of torchvision's SqueezeNet"):
            Trunk("squeeze", wrong)
    with pytest.raises(ModelError, match=r"VGG \(vgg\)"):
        Trunk("vgg", state)


def test_the_features_alone_do_as_well_as_the_whole_network():
    state = state_of("squeeze", seed=5)
    features = {name: value for name, value in state.items() if name.startswith("features.")}
    image = torch.linspace(-1, 1, 3 * 40 * 40).view(1, 3, 40, 40)
    whole, part = (Trunk("squeeze", weights)(image, ["12"])["12"] for weights in (state, features))
    assert torch.equal(whole, part)
    with pytest.raises(ModelError, match="not the weights"):
        Trunk("squeeze", dict(list(features.items())[1:]))


def test_nothing_of_a_trunk_is_trained_and_only_what_is_asked_for_runs():
    trunk = Trunk("squeeze", state_of("squeeze"))
    assert not any(parameter.requires_grad for parameter in trunk.parameters())
    assert not trunk.standard and trunk.weights_sha256 == ""
    assert list(trunk(torch.zeros(1, 3, 40, 40), ["4", "1"])) == ["1", "4"]


@pytest.mark.parametrize("net", sorted(BUILDERS))
def test_every_builder_is_torchvisions(net):
    with torch.device("meta"):
        network = BUILDERS[net](weights=None)
    assert type(network).__module__.startswith("torchvision.models")
