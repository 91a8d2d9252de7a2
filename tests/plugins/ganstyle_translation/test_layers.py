"""Normalisation that can be told its moments."""

from __future__ import annotations

import pytest
import torch
from ganstyle_translation.layers import DepthwiseBlock, Norm, ResidualBlock, Walk, conv


def features(count=2, channels=3, seed=0):
    return torch.randn(count, channels, 6, 5, generator=torch.Generator().manual_seed(seed)) * 3 + 1


def test_a_fresh_norm_gives_every_channel_mean_0_and_deviation_1():
    found = Norm(3)(features(), Walk())
    assert torch.allclose(found.mean((2, 3)), torch.zeros(2, 3), atol=1e-5)
    assert torch.allclose(found.std((2, 3), correction=0), torch.ones(2, 3), atol=1e-3)


def test_given_moments_take_the_place_of_measured_ones():
    norm, whole = Norm(3), features()
    walk = Walk()
    expected = norm(whole, walk)[:, :, :4]
    assert torch.allclose(norm(whole[:, :, :4], Walk(given=walk.noted)), expected, atol=1e-6)
    assert not torch.allclose(norm(whole[:, :, :4], Walk()), expected, atol=1e-2)


def test_a_walk_hands_out_moments_in_the_order_they_were_noted():
    walk, (first, second) = Walk(), (features(seed=1), features(seed=2))
    noted = [walk.moments(first), walk.moments(second)]
    again = Walk(given=walk.noted)
    assert [again.moments(second) is noted[0], again.moments(first) is noted[1]] == [True, True]


def test_the_code_chooses_gain_and_bias():
    norm, code = Norm(2, code_length=3), torch.tensor([[1.0, 0.0, 0.0]])
    with torch.no_grad():
        norm.enter.bias.zero_()
        norm.enter.weight.zero_()
        norm.enter.weight[:, 0] = torch.tensor([0.5, 0.0, 2.0, 7.0])  # log gains, then biases
    found = norm(features(1, 2), Walk(code))
    assert found.mean((2, 3))[0].tolist() == pytest.approx([2.0, 7.0], abs=1e-4)
    gain = float(torch.exp(3 * torch.tanh(torch.tensor(0.5 / 3))))
    assert found.std((2, 3), correction=0)[0].tolist() == pytest.approx([gain, 1.0], rel=1e-3)


def test_without_normalisation_features_pass_unchanged_and_nothing_is_noted():
    walk, given = Walk(), features()
    assert Norm(3, kind="none")(given, walk) is given
    assert walk.noted == []


@pytest.mark.parametrize("make", [DepthwiseBlock, ResidualBlock])
def test_a_block_without_weights_changes_nothing(make):
    block = make(4, kind="instance")
    for parameter in block.parameters():
        parameter.data.zero_()
    given = features(1, 4)
    assert torch.equal(block(given, Walk()), given)


def test_edges_are_repeated_not_dimmed():
    layer = conv(1, 1, 3)
    torch.nn.init.constant_(layer.weight, 1 / 9)
    torch.nn.init.zeros_(layer.bias)
    assert torch.allclose(layer(torch.ones(1, 1, 4, 4)), torch.ones(1, 1, 4, 4))
