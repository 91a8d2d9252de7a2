"""Gradient penalties where the gradient is known."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ganstyle.functional.gradients import (
    gradient_penalty,
    path_length_penalty,
    path_lengths,
    squared_gradient_norms,
    zero_centred_penalty,
)


def linear(weight):
    return lambda x: x.flatten(1) @ weight


def pictures(count=3, *, seed=0):
    return torch.randn(count, 3, 2, 2, generator=torch.Generator().manual_seed(seed))


def test_a_linear_discriminator_has_the_same_gradient_everywhere():
    weight = torch.arange(12.0)[:, None]
    assert squared_gradient_norms(linear(weight), pictures()).tolist() == [506.0] * 3  # sum of squares 0..11


def test_zero_centred_penalty_of_a_linear_discriminator():
    weight = torch.full((12, 1), 0.5)
    assert zero_centred_penalty(linear(weight), pictures(), gamma=4.0).item() == pytest.approx(0.5 * 4.0 * 3.0)


def test_patch_logits_of_one_picture_are_summed():
    weight = torch.eye(12)  # twelve logits, each one pixel
    assert squared_gradient_norms(linear(weight), pictures()).tolist() == [12.0] * 3


def test_quadratic_discriminator_has_a_gradient_of_twice_the_picture():
    x = pictures()
    expected = 4 * x.square().flatten(1).sum(1)
    assert torch.allclose(squared_gradient_norms(lambda v: v.square().flatten(1).sum(1), x), expected)


def test_gradient_penalty_vanishes_at_the_target_and_is_known_elsewhere():
    weight = torch.zeros(12, 1)
    weight[3] = 3.0
    real, fake = pictures(), pictures(seed=1)
    assert gradient_penalty(linear(weight), real, fake, target=3.0).item() == pytest.approx(0.0, abs=1e-10)
    assert gradient_penalty(linear(weight), real, fake).item() == pytest.approx(4.0)


def test_gradient_penalty_looks_between_the_two_pictures():
    seen = []
    real, fake = torch.zeros(64, 1, 1, 1), torch.ones(64, 1, 1, 1)
    torch.manual_seed(0)
    gradient_penalty(lambda x: seen.append(x.detach()) or x.flatten(1), real, fake)
    assert 0 <= seen[0].min() < 0.1 and 0.9 < seen[0].max() <= 1 and abs(seen[0].mean() - 0.5) < 0.1


def test_a_flat_discriminator_gives_a_finite_second_gradient():
    layer = nn.Linear(12, 1)
    nn.init.zeros_(layer.weight)
    gradient_penalty(lambda x: layer(x.flatten(1)), pictures(), pictures(seed=1)).backward()
    assert torch.isfinite(layer.weight.grad).all()


def test_penalty_gradient_reaches_the_weights_with_the_closed_form():
    layer = nn.Linear(12, 1)
    zero_centred_penalty(lambda x: layer(x.flatten(1)), pictures(), gamma=3.0).backward()
    assert torch.allclose(layer.weight.grad, 3.0 * layer.weight)  # d/dw of gamma/2 |w|^2


def test_penalty_stays_in_float32_inside_autocast():
    layer = nn.Conv2d(3, 1, 1)
    with torch.autocast("cpu", torch.bfloat16):
        inside = zero_centred_penalty(layer, pictures())
    assert inside.dtype is torch.float32 and torch.equal(inside, zero_centred_penalty(layer, pictures()))


def test_pictures_keep_their_own_graph_untouched():
    x = pictures().requires_grad_()
    zero_centred_penalty(lambda v: v.square().flatten(1).sum(1), x).backward()
    assert x.grad is None


def linear_generator(matrix):
    """Codes (B, L, w) to pictures (B, 1, 2, 2) by one matrix (4, w) per layer, which makes J known."""
    return lambda codes: torch.einsum("lpw,blw->bp", matrix, codes).view(-1, 1, 2, 2)


def generator_case(*, layers=2, dtype=torch.float64):
    source = torch.Generator().manual_seed(0)
    matrix, codes, directions = (
        torch.randn(shape, generator=source, dtype=dtype) for shape in ((layers, 4, 3), (5, layers, 3), (5, 1, 2, 2))
    )
    return matrix, codes.requires_grad_(True), directions


def test_path_lengths_of_a_linear_generator_are_those_of_its_transposed_matrix():
    matrix, codes, y = generator_case()
    expected = torch.stack([(matrix[layer].T @ y.flatten(1).T / 2).square().sum(0) for layer in (0, 1)])
    lengths = path_lengths(linear_generator(matrix)(codes), codes, directions=y)
    assert torch.allclose(lengths, expected.mean(0).sqrt(), rtol=1e-10)


def test_codes_without_layers_have_the_lengths_of_one_layer():
    matrix, codes, y = generator_case(layers=1)
    flat = codes.detach()[:, 0].requires_grad_(True)
    images = linear_generator(matrix)
    layered = path_lengths(images(codes), codes, directions=y)
    assert torch.equal(path_lengths(images(flat[:, None]), flat, directions=y), layered)


def test_path_length_penalty_moves_its_mean_first_and_is_the_variance_about_it():
    matrix, codes, y = generator_case()
    images = linear_generator(matrix)(codes)
    lengths = path_lengths(images, codes, directions=y).detach()
    penalty, mean = path_length_penalty(images, codes, mean=torch.tensor(7.0), decay=0.75, directions=y)
    assert mean.item() == pytest.approx(0.75 * 7.0 + 0.25 * lengths.mean().item())
    assert penalty.item() == pytest.approx((lengths - mean).square().mean().item())
    assert not mean.requires_grad


def test_an_orthogonal_generator_has_no_path_length_penalty():
    """Eq. 4 is least where J is orthogonal up to a scale: then |J^T y| is |y| for every code."""
    codes = torch.randn(6, 4, generator=torch.Generator().manual_seed(0)).requires_grad_(True)
    images = (codes @ torch.linalg.qr(torch.randn(4, 4))[0]).view(6, 1, 2, 2)
    directions = torch.ones(6, 1, 2, 2)  # of length 2, divided by the 2 of sqrt(H W)
    penalty, mean = path_length_penalty(images, codes, mean=torch.ones(()), directions=directions)
    assert mean.item() == pytest.approx(1.0) and penalty.item() == pytest.approx(0.0, abs=1e-10)


def test_path_length_penalty_trains_the_generator():
    matrix, codes, y = generator_case()
    matrix.requires_grad_(True)
    run = lambda weight: path_length_penalty(  # noqa: E731
        linear_generator(weight)(codes), codes, mean=torch.tensor(0.5), decay=1.0, directions=y
    )[0]
    assert torch.autograd.gradcheck(run, (matrix,))


def test_double_precision_pictures_are_judged_in_double_precision():
    x = pictures().double()
    assert squared_gradient_norms(lambda v: v.square().flatten(1).sum(1), x).dtype is torch.float64
    assert gradient_penalty(lambda v: v.square().flatten(1).sum(1), x, x + 1).dtype is torch.float64
    codes = torch.ones(2, 3, dtype=torch.float64, requires_grad=True)
    assert path_lengths(codes.view(2, 3, 1, 1), codes).dtype is torch.float64


def test_half_precision_pictures_are_judged_in_single_precision():
    x = pictures().bfloat16()
    expected = 4 * x.float().square().flatten(1).sum(1)
    assert torch.allclose(squared_gradient_norms(lambda v: v.square().flatten(1).sum(1), x), expected)
