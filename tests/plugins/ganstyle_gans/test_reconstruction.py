"""What rebuilt pictures are compared by."""

from __future__ import annotations

import pytest
import torch
from ganstyle_gans.reconstruction import Decoder, Gated, PictureDistance
from torch.nn import functional as F


@pytest.fixture(scope="module")
def perceptual():
    return PictureDistance(perceptual=True)


def pictures(count=2, seed=0):
    coarse = torch.randn(count, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
    return torch.tanh(F.interpolate(coarse, size=(32, 32), mode="bicubic"))


def test_gates_are_the_sigmoids_of_the_second_half():
    x = torch.tensor([2.0, -1.0, 0.0, torch.inf]).view(1, 4, 1, 1)
    assert torch.equal(Gated()(x).flatten(), torch.tensor([1.0, -1.0]))


@pytest.mark.parametrize("doublings", [0, 1, 3])
def test_a_decoder_doubles_as_often_as_told(doublings):
    picture = Decoder(8, 3, doublings=doublings)(torch.randn(2, 8, 4, 6))
    assert picture.shape == (2, 3, 4 << doublings, 6 << doublings) and picture.abs().max() <= 1


def test_pixels_are_compared_at_two_scales():
    x, y = torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4)
    y[:, :, ::2, :] = 1.0  # half of the pixels differ by 1; the means of 2x2 by one half
    assert PictureDistance(perceptual=False)(x, y).item() == pytest.approx(1.0)
    y[:, :, 1::2, :] = -1.0  # all differ by 1; the means agree
    assert PictureDistance(perceptual=False)(x, y).item() == pytest.approx(1.0)


@pytest.mark.parametrize("perceptually", [False, True])
def test_equal_pictures_are_at_distance_zero(perceptually, perceptual):
    distance = perceptual if perceptually else PictureDistance(perceptual=False)
    assert distance(pictures(), pictures()).item() == 0.0


def test_perceptual_distance_is_pixels_and_four_angles(perceptual):
    x, y = pictures(), pictures(seed=1)
    taps = ("b0.output", "b2.output", "b4.output", "b8.output")
    a, b = perceptual.encoder(x, taps), perceptual.encoder(y, taps)
    angles = [2 - 2 * F.cosine_similarity(a[tap].double(), b[tap].double()).mean() for tap in taps]
    expected = (x - y).abs().double().mean() + sum(angles) / 4
    assert perceptual(x, y).item() == pytest.approx(expected.item(), rel=1e-4)


def test_a_lighter_shade_is_nearer_than_other_content_at_the_same_pixel_distance(perceptual):
    x, other = pictures(), pictures(seed=1)
    shade = x + (x - other).abs().mean()
    assert perceptual(shade, x) < perceptual(other, x)


def test_gradients_reach_the_rebuilt_picture_only(perceptual):
    x, y = pictures().requires_grad_(), pictures(seed=1).requires_grad_()
    perceptual(x, y).backward()
    assert x.grad is not None and x.grad.any() and y.grad is None


def test_the_encoder_is_neither_trained_nor_saved(perceptual):
    assert perceptual.state_dict() == {} and list(perceptual.parameters()) == []


def test_grey_pictures_are_compared_too(perceptual):
    x, y = pictures()[:, :1], pictures(seed=1)[:, :1]
    assert torch.allclose(perceptual(x, y), perceptual(x.expand(-1, 3, -1, -1), y.expand(-1, 3, -1, -1)), atol=1e-6)
