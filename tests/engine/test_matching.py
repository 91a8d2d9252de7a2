"""A checkpoint fills networks completely or changes nothing, and one message names every difference."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ganstyle.engine.matching import differences, load_networks
from ganstyle.errors import ModelError


def tensors_of(prefix, network):
    return {prefix + key: value.clone() + 1 for key, value in network.state_dict().items()}


def test_matching_tensors_are_loaded_under_their_prefixes():
    one, two = nn.Linear(2, 3), nn.Linear(2, 3)
    stored = tensors_of("g/", one) | tensors_of("ema/g/", two)
    load_networks({"g/": one, "ema/g/": two}, stored, guards={})
    assert torch.equal(one.weight, stored["g/weight"]) and torch.equal(two.bias, stored["ema/g/bias"])


def test_one_message_names_all_missing_unexpected_and_reshaped_tensors_of_all_networks():
    generator, discriminator = nn.Linear(2, 3), nn.Linear(4, 1)
    stored = tensors_of("g/", nn.Linear(2, 5)) | {"d/weight": torch.zeros(1, 4), "d/scale": torch.zeros(())}
    before = generator.weight.clone()
    with pytest.raises(ModelError) as caught:
        load_networks({"g/": generator, "d/": discriminator}, stored, guards={"d": None, "g": torch.zeros(3)})
    told = caught.value.message
    assert "missing: d/bias;" in told and "unexpected: d/scale;" in told and "no optimizer state of phase d" in told
    assert "g/bias (5, here 3), g/weight (5x2, here 3x2)" in told
    assert torch.equal(generator.weight, before) and caught.value.code == 5


def test_equal_sets_have_no_differences():
    assert differences({"a": torch.zeros(2)}, {"a": torch.ones(2)}) == []
    assert differences({"a": torch.zeros(())}, {"a": torch.ones(2)}) == [
        "1 tensors of another shape: a (2, here scalar)"
    ]
