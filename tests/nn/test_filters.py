"""The filter [1, 3, 3, 1] against sums written out in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ganstyle.nn.filters import Blur, Halving, doubled

WEIGHTS = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64


def features(height=6, width=8, *, channels=2, seed=0):
    source = torch.Generator().manual_seed(seed)
    return torch.randn(3, channels, height, width, generator=source, dtype=torch.float64)


def filtered(padded, *, stride=1):
    """Sum every 4x4 window, weighted, of a padded array (..., H, W)."""
    height, width = ((side - 4) // stride + 1 for side in padded.shape[-2:])
    rows = [
        [
            (padded[..., y * stride : y * stride + 4, x * stride : x * stride + 4] * WEIGHTS).sum((-2, -1))
            for x in range(width)
        ]
        for y in range(height)
    ]
    return np.moveaxis(np.array(rows), (0, 1), (-2, -1))


def padded(x, amount, *, mode="constant"):
    return np.pad(x.numpy(), [(0, 0), (0, 0), (amount, amount), (amount, amount)], mode=mode)


@pytest.mark.parametrize(("padding", "stride", "gain"), [(1, 1, 4.0), (2, 1, 1.0), (0, 2, 1.0)])
def test_blur_is_the_weighted_sum_of_every_window(padding, stride, gain):
    x = features()
    expected = gain * filtered(padded(x, padding), stride=stride)
    np.testing.assert_allclose(Blur(padding=padding, stride=stride, gain=gain).double()(x), expected, atol=1e-12)


def test_halving_filters_with_the_border_repeated():
    x = features()
    np.testing.assert_allclose(Halving().double()(x), filtered(padded(x, 1, mode="edge"), stride=2), atol=1e-12)


def test_doubling_filters_the_pixels_with_zeros_between():
    x = features()
    apart = np.zeros((3, 2, 12, 16))
    apart[..., 1::2, 1::2] = x.numpy()  # pixel i has its centre between 2 i and 2 i + 1
    inner = 4 * filtered(np.pad(apart, [(0, 0), (0, 0), (1, 2), (1, 2)]))[..., 1:-1, 1:-1]
    np.testing.assert_allclose(doubled(x)[..., 1:-1, 1:-1], inner, atol=1e-12)


def test_a_constant_stays_one_up_to_the_border_both_ways():
    x = torch.full((1, 3, 6, 4), 0.7)
    assert torch.allclose(Halving()(x), torch.full((1, 3, 3, 2), 0.7), atol=1e-6)
    assert torch.allclose(doubled(x), torch.full((1, 3, 12, 8), 0.7), atol=1e-6)


def test_the_pattern_that_would_alias_is_removed():
    rows = torch.arange(8) % 2 * 2.0 - 1.0
    stripes = rows.view(1, 1, 8, 1).expand(1, 1, 8, 8).contiguous()
    assert Halving()(stripes)[..., 1:-1, :].abs().max() < 1e-6
    assert stripes[..., ::2, ::2].std() == 0 and stripes[0, 0, 0, 0] == -1  # taking every other pixel would keep it


@pytest.mark.parametrize("layer", [Blur(padding=2), Halving(), doubled], ids=["blur", "halving", "doubling"])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_gradients_of_first_and_second_order(layer, layout):
    layer = layer.double() if isinstance(layer, torch.nn.Module) else layer
    x = features(4, 4).to(memory_format=layout).requires_grad_(True)
    assert torch.autograd.gradcheck(layer, (x,), fast_mode=True)
    assert torch.autograd.gradgradcheck(layer, (x,), fast_mode=True)
