"""Both generators: shapes, taps, what a fresh one does."""

from __future__ import annotations

import pytest
import torch
from ganstyle_translation.generators import KEPT, FastGenerator, ResnetGenerator, blurred
from ganstyle_translation.layers import Walk


def generators():
    torch.manual_seed(0)
    return [
        FastGenerator(4, 3),
        FastGenerator(4, 3, coarse=4, ups="linear"),
        ResnetGenerator(4, 3),
        ResnetGenerator(4, 1, downs=1, kind="none"),
    ]


@pytest.mark.parametrize("generator", generators(), ids=["fast", "linear", "resnet", "shallow"])
def test_pictures_keep_their_size_and_range(generator, pictures):
    made = generator(pictures(2, 24, 40), Walk())
    assert made.shape == (2, 3, 24, 40)
    assert made.abs().max() <= 1


@pytest.mark.parametrize("generator", generators(), ids=["fast", "linear", "resnet", "shallow"])
def test_taps_have_the_channels_that_are_announced_and_begin_with_the_pixels(generator, pictures):
    images = pictures(1, 32, 32)
    taps = generator.encode(images, Walk()).taps
    assert [tap.shape[1] for tap in taps] == list(generator.tap_channels[: len(taps)])
    assert taps[0].sum().item() == pytest.approx(images.sum().item(), rel=1e-4)
    assert taps[-1].shape[2] < taps[0].shape[2]


def test_a_fast_generator_whose_last_layer_is_silent_gives_back_the_picture(pictures):
    generator, images = FastGenerator(4, 2), pictures(1)
    torch.nn.init.zeros_(generator.to_rgb.weight)
    torch.nn.init.zeros_(generator.to_rgb.bias)
    assert torch.allclose(generator(images, Walk()), KEPT * images, atol=1e-5)


def test_black_and_white_stay_finite():
    generator = FastGenerator(4, 1)
    for value in (-1.0, 1.0):
        assert torch.isfinite(generator(torch.full((1, 3, 16, 16), value), Walk())).all()


def test_both_halves_make_the_whole(pictures):
    for generator in generators():
        images = pictures(1)
        halves = generator.decode(generator.encode(images, Walk()), Walk())
        assert torch.equal(halves, generator(images, Walk()))


def test_a_coded_generator_obeys_the_code(pictures):
    torch.manual_seed(0)
    for generator in (FastGenerator(4, 2, code_length=5), ResnetGenerator(4, 2, code_length=5)):
        first, second = (generator(pictures(1), Walk(torch.full((1, 5), value))) for value in (-1.0, 1.0))
        assert (first - second).abs().mean() > 1e-3


@pytest.mark.parametrize(
    "make",
    [
        lambda: FastGenerator(2, 1, kind="none"),
        lambda: FastGenerator(2, 2, kind="none"),
        lambda: FastGenerator(2, 2, kind="none", coarse=8),
        lambda: FastGenerator(2, 2, kind="none", coarse=8, ups="linear"),
        lambda: ResnetGenerator(2, 2, kind="none"),
        lambda: ResnetGenerator(2, 1, downs=3, kind="none"),
    ],
)
def test_nothing_beyond_the_reach_matters(make):
    """Every pixel of an 8 x 8 block in the middle, so that no place on the grid is left out."""
    torch.manual_seed(0)
    generator = make().double()
    for parameter in generator.parameters():
        parameter.data.abs_().mul_(0.3)  # no rectifier is silent, and nothing is saturated
    side = 2 * (generator.reach + generator.reach % 8) + 48
    side -= side % 8
    images = torch.zeros(1, 3, 8, side, dtype=torch.float64).uniform_(-0.5, 0.5).requires_grad_()
    middle = side // 2 - side // 2 % 8
    farthest = []
    for column in range(middle, middle + 8):
        (slope,) = torch.autograd.grad(generator(images, Walk())[..., column].sum(), images)
        touched = slope.abs().sum((0, 1, 2)).nonzero().flatten()
        farthest.append(max(column - int(touched[0]), int(touched[-1]) - column))
    assert 8 < max(farthest) <= generator.reach


@pytest.mark.parametrize("side", [2, 4, 8])
def test_a_silent_generator_that_is_coarse_gives_back_mean_colours_without_the_grain(side, pictures):
    generator, images = FastGenerator(4, 2, coarse=side), pictures(1)
    torch.nn.init.zeros_(generator.to_rgb.weight)
    torch.nn.init.zeros_(generator.to_rgb.bias)
    made = generator(images, Walk()) / KEPT
    means = images.unflatten(2, (-1, side)).unflatten(4, (-1, side)).mean((3, 5))
    # Four squares meet in four pixels, whose mean is theirs.
    meeting = (means[:, :, :-1, :-1] + means[:, :, 1:, :-1] + means[:, :, :-1, 1:] + means[:, :, 1:, 1:]) / 4
    rows, columns = meeting.shape[2:]
    corners = [made[:, :, side - 1 + y :: side, side - 1 + x :: side] for y in (0, 1) for x in (0, 1)]
    assert torch.allclose(sum(corner[:, :, :rows, :columns] for corner in corners) / 4, meeting, atol=1e-4)
    assert (made - images).abs().mean() > 0.02


def test_nothing_is_blurred_by_squares_of_one_pixel(pictures):
    assert torch.equal(blurred(pictures(1), 1), pictures(1))


def test_a_fresh_generator_draws_no_lattice():
    """Of a picture in one colour, all pixels change alike, but for the edges."""
    torch.manual_seed(0)
    made = FastGenerator(8, 2, kind="none")(torch.full((1, 3, 64, 64), 0.2), Walk())
    assert made.flatten(2).std(2).max() < 1e-6


def test_linear_ups_draw_no_lattice_whatever_they_learn():
    torch.manual_seed(0)
    spread = {}
    for ups in ("shuffle", "linear"):
        generator = FastGenerator(8, 2, kind="none", coarse=4, ups=ups)
        for parameter in generator.parameters():
            parameter.data.add_(0.1 * torch.randn_like(parameter))
        spread[ups] = generator(torch.full((1, 3, 32, 32), 0.2), Walk()).flatten(2).std(2).max()
    assert spread["linear"] < 1e-5 < 1e-2 < spread["shuffle"]
