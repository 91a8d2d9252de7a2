"""Adapters: what changed kernels give, in a batch of one or of many, and through the whole painter."""

from __future__ import annotations

import pytest
import torch
from ganstyle_styles.adapter import SIDE, adapter_numbers, changed_convolution, parted
from ganstyle_styles.layers import conv


@pytest.fixture
def layer():
    torch.manual_seed(3)
    return conv(3, 3, SIDE, groups=3).requires_grad_(False)


def test_an_adapter_has_a_number_for_every_place_of_every_kernel(still_stylizer):
    assert adapter_numbers(96, 6) == 6 * 96 * 49
    kernels = [block.depthwise.weight.numel() for block in still_stylizer.painter.blocks]
    assert still_stylizer.adapter_length == sum(kernels)


def test_a_code_alone_has_no_changes_and_a_longer_one_the_changes_of_each_block():
    numbers = torch.arange(14.0).view(2, 7)
    code, changes = parted(numbers, 7, blocks=2)
    assert torch.equal(code, numbers) and list(changes) == [None, None]
    code, changes = parted(numbers, 3, blocks=2)
    assert code.tolist() == [[0, 1, 2], [7, 8, 9]]
    assert [change.tolist() for change in changes] == [[[3, 4], [10, 11]], [[5, 6], [12, 13]]]


def test_no_change_is_the_layer_itself(layer):
    features = torch.randn(2, 3, 9, 11)
    same = changed_convolution(layer, features, torch.zeros(1, 3 * SIDE**2))
    assert torch.allclose(same, layer(features), atol=1e-6)


def test_one_more_in_the_middle_of_a_kernel_adds_the_features_themselves(layer):
    features, change = torch.randn(1, 3, 9, 11), torch.zeros(3, SIDE, SIDE)
    change[1, SIDE // 2, SIDE // 2] = 2.0
    found = changed_convolution(layer, features, change.view(1, -1)) - layer(features)
    assert torch.allclose(found[:, 1], 2 * features[:, 1], atol=1e-5)
    assert torch.allclose(found[:, [0, 2]], torch.zeros(1, 2, 9, 11), atol=1e-5)


def test_beyond_the_edge_stands_the_edge(layer):
    features, change = torch.randn(1, 3, 8, 8), torch.zeros(3, SIDE, SIDE)
    change[:, SIDE // 2, 0] = 1.0  # three columns to the left
    found = (changed_convolution(layer, features, change.view(1, -1)) - layer(features))[0]
    expected = features[0][:, :, [0, 0, 0, 0, 1, 2, 3, 4]]
    assert torch.allclose(found, expected, atol=1e-5)


def test_every_picture_of_a_batch_has_its_own_kernels(layer):
    features, changes = torch.randn(3, 3, 9, 7), 0.2 * torch.randn(3, 3 * SIDE**2)
    together = changed_convolution(layer, features, changes)
    alone = [changed_convolution(layer, features[i : i + 1], changes[i : i + 1]) for i in range(3)]
    assert torch.allclose(together, torch.cat(alone), atol=1e-5)


def test_a_painter_with_an_adapter_paints_otherwise_and_with_one_of_zeros_the_same(still_stylizer, pictures):
    content, code = pictures(1, 40, 48), 0.3 * torch.randn(1, still_stylizer.code_length)
    plain = still_stylizer.stylize(content, code)
    zeros = torch.zeros(1, still_stylizer.adapter_length)
    assert torch.allclose(still_stylizer.stylize(content, torch.cat([code, zeros], 1)), plain, atol=1e-5)
    changed = still_stylizer.stylize(content, torch.cat([code, zeros + 0.1 * torch.randn(zeros.shape)], 1))
    assert (changed - plain).abs().mean() > 1e-3


def test_a_batch_of_styles_with_adapters_is_painted_as_one_by_one(still_stylizer, pictures):
    content = pictures(2, 32, 40)
    numbers = 0.1 * torch.randn(2, still_stylizer.code_length + still_stylizer.adapter_length)
    together = still_stylizer.stylize(content, numbers)
    alone = [still_stylizer.stylize(content[i : i + 1], numbers[i : i + 1]) for i in range(2)]
    assert torch.allclose(together, torch.cat(alone), atol=1e-4)


def test_a_tile_with_the_moments_of_the_whole_fits_into_it(still_stylizer, pictures):
    content = pictures(1, 32, 400)
    numbers = 0.1 * torch.randn(1, still_stylizer.code_length + still_stylizer.adapter_length)
    whole = still_stylizer.stylize(content, numbers)
    moments = still_stylizer.measure(content, numbers)
    tile = still_stylizer.stylize(content[..., 64:], numbers, statistics=moments, offset=(0, 64))
    assert torch.allclose(tile[..., 192:], whole[..., 256:], atol=1e-3)
