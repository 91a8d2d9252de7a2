"""Style statistics with answers known by construction."""

from __future__ import annotations

import pytest
import torch

from ganstyle.functional.style import (
    EPSILON,
    adain,
    channel_statistics,
    content_distance,
    gram_distance,
    gram_matrix,
    instance_normalised,
    mean_statistics,
    modulate,
    moments_distance,
    moments_of,
    relative_distance,
    style_distance,
    style_statistics,
    total_variation,
    whitened,
)


def features(*shape, seed=0, scale=2.0, shift=3.0):
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) + shift


def test_statistics_of_two_constructed_channels():
    maps = torch.tensor([[[[1.0, 3.0]], [[5.0, 5.0]]]])
    mean, deviation = channel_statistics(maps)
    assert mean.flatten().tolist() == [2.0, 5.0]
    assert torch.allclose(deviation.flatten(), torch.tensor([1.0, 0.0]).add(EPSILON).sqrt())


def test_statistics_agree_with_float64():
    maps = features(2, 3, 7, 5)
    flat = maps.double().flatten(2)
    mean, deviation = channel_statistics(maps)
    assert torch.allclose(mean.flatten(1).double(), flat.mean(2), atol=1e-5)
    assert torch.allclose(deviation.flatten(1).double(), flat.std(2, correction=0), atol=1e-4)


def test_gram_matrix_of_orthogonal_channels_is_diagonal():
    maps = torch.tensor([[[[2.0, 0.0]], [[0.0, 4.0]]]])
    expected = torch.tensor([[[4.0, 0.0], [0.0, 16.0]]]) / 4  # C * H * W = 2 * 1 * 2
    assert torch.equal(gram_matrix(maps), expected)


def test_gram_matrix_agrees_with_a_float64_sum():
    maps = features(2, 4, 3, 5)
    expected = torch.einsum("bchw,bdhw->bcd", maps.double(), maps.double()) / (4 * 3 * 5)
    assert torch.allclose(gram_matrix(maps).double(), expected, rtol=1e-5)


def test_gram_matrix_ignores_the_layout():
    maps = features(1, 3, 4, 4)
    shuffled = maps.flatten(2)[..., torch.randperm(16)].unflatten(2, (4, 4))
    assert torch.allclose(gram_matrix(maps), gram_matrix(shuffled), rtol=1e-5)


def test_adain_reproduces_mean_and_deviation_of_the_style():
    content, style = features(2, 3, 16, 16), features(2, 3, 9, 5, seed=1, scale=0.5, shift=-1.0)
    for found, wanted in zip(channel_statistics(adain(content, style)), channel_statistics(style), strict=True):
        assert torch.allclose(found, wanted, atol=1e-4)


def test_adain_of_a_picture_with_itself_changes_nothing():
    content = features(1, 3, 8, 8)
    assert torch.allclose(adain(content, content), content, atol=1e-5)


def test_modulate_without_gain_and_bias_normalises():
    content, zeros = features(2, 3, 8, 8), torch.zeros(2, 3)
    assert torch.allclose(modulate(content, zeros, zeros), instance_normalised(content), atol=1e-5)


def test_modulate_gives_each_channel_its_gain_and_bias():
    gain, bias = torch.tensor([[0.0, 1.0, -1.0]]), torch.tensor([[3.0, 0.0, -2.0]])
    mean, deviation = channel_statistics(modulate(features(1, 3, 32, 32), gain, bias))
    assert torch.allclose(mean.flatten(), bias[0], atol=1e-4)
    assert torch.allclose(deviation.flatten(), gain[0].exp(), rtol=1e-4)


def test_modulate_with_the_whole_picture_s_moments_agrees_on_a_tile():
    content, gain, bias = features(1, 3, 8, 8), torch.full((1, 3), 0.3), torch.full((1, 3), -0.7)
    whole = modulate(content, gain, bias)
    tile = modulate(content[..., 2:5, 1:6], gain, bias, statistics=channel_statistics(content))
    assert torch.allclose(tile, whole[..., 2:5, 1:6], atol=1e-6)


def test_total_variation_of_a_ramp_is_its_slope():
    ramp = torch.arange(6.0).expand(1, 1, 4, 6)
    assert total_variation(ramp).item() == 1.0
    assert total_variation(ramp.mT).item() == 1.0
    assert total_variation(torch.ones(1, 3, 4, 4)).item() == 0.0


def test_relative_distance_of_nothing_and_of_the_double_is_one():
    target = features(2, 5)
    assert torch.allclose(relative_distance(torch.zeros(2, 5), target), torch.ones(2))
    assert torch.allclose(relative_distance(2 * target, target), torch.ones(2))
    assert relative_distance(target, target).tolist() == [0.0, 0.0]


def test_style_distance_sees_statistics_and_not_layout():
    maps = {"a": features(2, 3, 6, 6)}
    shuffled = {"a": maps["a"].flip(3)}
    assert style_distance(maps, shuffled).max().item() < 1e-6
    assert style_distance(maps, {"a": 2 * maps["a"]}).min().item() > 0.5


def test_style_distance_of_blank_maps_is_known():
    blank, target = {"a": torch.zeros(1, 2, 4, 4)}, {"a": torch.ones(1, 2, 4, 4)}
    # Gram: |0 - G|^2 / |G|^2 = 1; moments: |0 - 1|^2 / |1|^2 = 1, deviations are equal.
    assert style_distance(blank, target, moments=3.0).item() == pytest.approx(4.0, rel=1e-3)


def test_style_distance_compares_sizes_and_batches_that_differ():
    maps, target = {"a": torch.ones(3, 2, 4, 4)}, {"a": torch.ones(1, 2, 7, 5)}
    assert style_distance(maps, target).tolist() == pytest.approx([0.0] * 3, abs=1e-6)


def test_content_distance_ignores_gain_and_shift_of_a_channel():
    maps = {"a": features(2, 3, 8, 8)}
    assert content_distance({"a": 5 * maps["a"] - 2}, maps, ["a"]).max().item() < 1e-6


def test_content_distance_of_an_inverted_and_of_an_unrelated_picture():
    maps, other = {"a": features(1, 3, 64, 64)}, {"a": features(1, 3, 64, 64, seed=1)}
    assert content_distance({"a": -maps["a"]}, maps, ["a"]).item() == pytest.approx(4.0, rel=1e-3)
    assert content_distance(other, maps, ["a"]).item() == pytest.approx(2.0, rel=0.1)


def test_moments_are_read_off_the_gram_matrix():
    features = torch.randn(2, 5, 6, 7, generator=torch.Generator().manual_seed(9)).double()
    mean, deviation = channel_statistics(features)
    found = moments_of(features, gram_matrix(features))
    assert torch.allclose(found, torch.cat([mean, deviation], 1).flatten(1))


def test_the_parts_of_the_style_distance_add_up():
    maps, target = {"a": features(2, 3, 6, 6), "b": features(2, 4, 3, 3)}, {"a": features(1, 3, 5, 5, seed=2)}
    mine, theirs = style_statistics(maps), style_statistics(target)
    whole = gram_distance(mine, theirs) + 2 * moments_distance(mine, theirs)
    assert torch.allclose(style_distance(maps, target, moments=2.0), whole)


def test_gram_and_moments_distances_are_relative_squares_in_float64():
    mine, theirs = (style_statistics({"a": features(1, 3, 6, 6, seed=s)}) for s in (0, 1))
    for index, formula in ((0, gram_distance), (1, moments_distance)):
        a, b = mine["a"][index].double(), theirs["a"][index].double()
        expected = ((a - b) ** 2).sum() / (b**2).sum()
        assert formula(mine, theirs).item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_mean_of_several_works_is_the_mean_of_their_statistics():
    works = [style_statistics({"a": features(1, 2, 4, 4, seed=s)}) for s in (0, 1)]
    found = mean_statistics(works)["a"]
    for index in (0, 1):
        assert torch.allclose(found[index], (works[0]["a"][index] + works[1]["a"][index]) / 2)


def test_whitened_maps_have_uncorrelated_channels_of_deviation_one():
    mixing = torch.tensor([[1.0, 0, 0], [0.9, 0.5, 0], [-2, 1, 3]])
    maps = torch.einsum("ij,bjhw->bihw", mixing, features(2, 3, 40, 40)) + 5
    flat = whitened(maps, ridge=1e-6).flatten(2).double()
    covariance = flat @ flat.mT / flat.shape[2]
    assert torch.allclose(covariance, torch.eye(3).double().expand(2, 3, 3), atol=1e-3)


def test_whitening_takes_out_any_mixing_of_channels_that_keeps_their_order():
    maps = features(1, 4, 30, 30)
    mixing = torch.eye(4) + 0.3 * torch.ones(4, 4)  # symmetric and positive: ZCA takes it out whole
    mixed = torch.einsum("ij,bjhw->bihw", mixing, maps) - 2
    plain = content_distance({"a": mixed}, {"a": maps}, ["a"])
    assert content_distance({"a": mixed}, {"a": maps}, ["a"], normalised=whitened) < 0.05 * plain


def test_a_blank_map_is_whitened_to_nothing():
    assert whitened(torch.full((1, 2, 4, 4), 3.0)).abs().max() == 0


def test_unrelated_layouts_are_two_apart_whitened_or_not():
    maps, other = {"a": features(1, 4, 50, 50)}, {"a": features(1, 4, 50, 50, seed=1)}
    for normalised in (instance_normalised, whitened):
        assert content_distance(maps, other, ["a"], normalised=normalised).item() == pytest.approx(2, abs=0.1)
