"""DiffAugment on pictures where the result is known."""

from __future__ import annotations

import pytest
import torch
from ganstyle_gans.augment import augment, color, cutout, translation


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def test_nothing_is_changed_without_names():
    x = torch.randn(2, 3, 8, 8)
    assert augment(x, ()) is x


def test_translation_moves_whole_pixels_by_at_most_an_eighth():
    x = torch.zeros(64, 1, 16, 24)
    x[:, :, 8, 12] = 1.0
    places = translation(x).flatten(1).argmax(1)
    rows, columns = places // 24, places % 24
    assert (rows.min(), rows.max()) == (6, 10) and (columns.min(), columns.max()) == (9, 15)
    assert translation(x).sum() == 64


def test_translation_fills_with_zeros():
    moved = translation(torch.ones(64, 3, 8, 8))
    assert set(moved.unique().tolist()) == {0.0, 1.0} and moved.mean((1, 2, 3)).min() >= (7 / 8) ** 2 - 1e-6


def test_cutout_blanks_a_half_by_half_rectangle_clipped_at_the_border():
    holes = (cutout(torch.ones(200, 1, 16, 16)) == 0).sum((1, 2, 3))
    assert holes.max() == 9 * 9 and holes.min() >= 5 * 5


def test_color_changes_all_pixels_of_a_gray_picture_alike():
    out = color(torch.zeros(8, 3, 4, 4))
    assert torch.allclose(out, out[:, :1, :1, :1].expand_as(out)) and out.abs().max() <= 0.5
    assert len({round(value, 6) for value in out[:, 0, 0, 0].tolist()}) == 8


def test_color_keeps_the_order_of_pixels_of_one_hue():
    ramp = torch.linspace(-1, 1, 16).expand(4, 3, 1, 16)
    assert (color(ramp).diff(dim=-1) > 0).all()


def test_gradients_pass_through_all_of_them():
    x = torch.randn(4, 3, 16, 16, requires_grad=True)
    augment(x, ("color", "translation", "cutout")).square().sum().backward()
    assert torch.isfinite(x.grad).all() and x.grad.flatten(1).any(1).all()
