"""Distances of feature maps against float64 formulas written out, and against answers known by construction."""

from __future__ import annotations

import pytest
import torch

from ganstyle.functional.perceptual import perceptual_distance, structure_texture_distance, unit_length


def maps(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_every_place_gets_length_one_and_nothing_stays_nothing():
    found = unit_length(torch.cat([maps(1, 3, 2, 2), torch.zeros(1, 3, 2, 2)]))
    assert found[0].norm(dim=0) == pytest.approx(torch.ones(2, 2), abs=1e-6)
    assert (found[1] == 0).all()


def test_brightness_of_features_does_not_count():
    x = {"a": maps(2, 5, 4, 3)}
    assert perceptual_distance(x, {"a": 7 * x["a"]}) == pytest.approx(torch.zeros(2), abs=1e-6)


def test_orthogonal_features_are_two_apart_and_opposite_ones_four():
    x, y = torch.zeros(1, 2, 3, 3), torch.zeros(1, 2, 3, 3)
    x[:, 0], y[:, 1] = 5, 0.1
    assert perceptual_distance({"a": x, "b": x}, {"a": y, "b": -x}).item() == pytest.approx(2 + 4)


def test_the_distance_is_equation_1_in_float64():
    x, y = ({"a": maps(2, 4, 3, 5, seed=s), "b": maps(2, 6, 2, 2, seed=s + 9)} for s in (0, 1))
    weights = {"a": torch.rand(4), "b": torch.rand(6)}
    expected = torch.zeros(2, dtype=torch.float64)
    for tap, w in weights.items():
        a, b = (m[tap].double() / m[tap].double().norm(dim=1, keepdim=True) for m in (x, y))
        height, width = a.shape[2:]
        for row in range(height):
            for column in range(width):
                expected += ((w.double() * (a - b)[:, :, row, column].square()).sum(1)) / (height * width)
    assert perceptual_distance(x, y, weights=weights).double() == pytest.approx(expected, rel=1e-5)


def dists_in_float64(x, y, weights):
    total, norm = 0.0, sum(pair.double().sum() for pair in weights)
    for a, b, (alpha, beta) in zip(x, y, weights, strict=True):
        for channel in range(a.shape[1]):
            p, q = a[0, channel].double().flatten(), b[0, channel].double().flatten()
            covariance = ((p - p.mean()) * (q - q.mean())).mean()
            variance = p.var(correction=0) + q.var(correction=0)
            total += alpha[channel] * (2 * p.mean() * q.mean() + 1e-6) / (p.mean() ** 2 + q.mean() ** 2 + 1e-6)
            total += beta[channel] * (2 * covariance + 1e-6) / (variance + 1e-6)
    return float(1 - total / norm)


def test_structure_and_texture_are_equations_4_to_6_in_float64():
    x, y = ([maps(1, 3, 6, 5, seed=s), maps(1, 4, 3, 3, seed=s + 5)] for s in (0, 1))
    weights = [torch.rand(2, 3), torch.rand(2, 4)]
    found = structure_texture_distance(x, y, weights)
    assert found.item() == pytest.approx(dists_in_float64(x, y, weights), abs=1e-5)


def test_equal_pictures_are_not_apart_and_each_of_a_batch_counts_for_itself():
    x, y = [maps(3, 2, 5, 5) + 2], [maps(3, 2, 5, 5) + 2]
    y[0][1] += 1
    found = structure_texture_distance(x, y, [torch.ones(2, 2)])
    assert found[[0, 2]] == pytest.approx(torch.zeros(2), abs=1e-6)
    assert found[1] > 0.01


def test_another_layout_of_the_same_values_keeps_the_texture_and_loses_the_structure():
    x = maps(1, 2, 32, 32) + 2
    mixed = x.flatten(2)[..., torch.randperm(1024, generator=torch.Generator().manual_seed(1))].view_as(x)
    texture, structure = torch.tensor([[1.0, 1], [0, 0]]), torch.tensor([[0, 0], [1.0, 1]])
    assert structure_texture_distance([x], [mixed], [texture]).item() == pytest.approx(0, abs=1e-5)
    assert structure_texture_distance([x], [mixed], [structure]).item() > 0.8
