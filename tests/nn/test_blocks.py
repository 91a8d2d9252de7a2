"""Blocks with known outputs."""

from __future__ import annotations

import math

import pytest
import torch

from ganstyle.nn.blocks import EqualizedConv2d, EqualizedLinear, MinibatchStddev, PixelNorm


def test_equalized_weights_are_standard_normal_and_outputs_keep_the_gain():
    torch.manual_seed(0)
    layer = EqualizedConv2d(64, 128, 3, padding=1)
    out = layer(torch.randn(4, 64, 16, 16))[..., 1:-1, 1:-1]
    assert layer.weight.std().item() == pytest.approx(1.0, rel=0.01)
    assert out.std().item() == pytest.approx(math.sqrt(2.0), rel=0.03)


def test_equalized_linear_has_its_gain_and_no_bias_at_first():
    torch.manual_seed(0)
    layer = EqualizedLinear(256, 512, gain=1.0)
    assert layer(torch.randn(64, 256)).std().item() == pytest.approx(1.0, rel=0.03)
    assert not layer.bias.any()


def test_equalized_layer_equals_a_plain_one_with_the_scaled_weight():
    layer = EqualizedConv2d(2, 3, 3, gain=1.0, padding=1)
    x = torch.randn(1, 2, 5, 5)
    plain = torch.nn.functional.conv2d(x, layer.weight / math.sqrt(18), layer.bias, padding=1)
    assert torch.allclose(layer(x), plain, atol=1e-6)


def test_pixel_norm_gives_the_known_vector():
    x = torch.tensor([3.0, 4.0]).view(1, 2, 1, 1)  # mean square 12.5
    expected = [3 / math.sqrt(12.5), 4 / math.sqrt(12.5)]
    assert PixelNorm()(x).flatten().tolist() == pytest.approx(expected)


def test_pixel_norm_of_nothing_is_nothing_and_ignores_scale():
    x = torch.randn(2, 5, 3, 3)
    assert not PixelNorm()(torch.zeros(1, 2, 2, 2)).any()
    assert torch.allclose(PixelNorm()(7 * x), PixelNorm()(x), atol=1e-6)


def test_minibatch_stddev_of_equal_pictures_is_zero():
    x = torch.randn(1, 3, 4, 4).expand(4, -1, -1, -1)
    out = MinibatchStddev()(x)
    assert torch.equal(out[:, :3], x) and out[:, 3].abs().max() < 1.1e-4  # sqrt of the 1e-8 inside


def test_minibatch_stddev_of_a_constructed_batch():
    x = torch.tensor([0.0, 10.0, 2.0, 30.0]).view(4, 1, 1, 1).expand(-1, 2, 2, 2)
    out = MinibatchStddev(group=2)(x)[:, 2, 0, 0]
    assert out.tolist() == pytest.approx([1.0, 10.0, 1.0, 10.0])  # groups (0, 2) and (10, 30)


def test_minibatch_stddev_takes_the_largest_group_that_divides_the_batch():
    x = torch.tensor([0.0, 2.0, 4.0, 0.0, 2.0, 4.0]).view(6, 1, 1, 1)
    # Two groups of three: (0, 4, 2) and (2, 0, 4).
    assert MinibatchStddev(group=4)(x)[:, 1].flatten().tolist() == pytest.approx([math.sqrt(8 / 3)] * 6)
    assert MinibatchStddev()(x[:1])[0, 1].item() == pytest.approx(1e-4)
