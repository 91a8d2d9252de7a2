"""Crops: which part, at which scale."""

from __future__ import annotations

import pytest
import torch
from ganstyle_styles.crops import as_input, log_uniform, random_crop, resized


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def ramp(height, width):
    """A picture whose red is the column."""
    columns = torch.arange(width, dtype=torch.uint8).expand(height, width)
    return torch.stack([columns, torch.zeros_like(columns), torch.zeros_like(columns)])


def test_a_crop_at_the_picture_s_own_scale_is_a_piece_of_it():
    crop = random_crop(ramp(100, 200), 32, short_side=100, generator=seeded())
    steps = crop[0, 0].int().diff().unique().tolist()
    assert steps in ([1], [-1])  # mirrored or not


def test_half_the_short_side_shows_twice_as_much():
    crop = random_crop(ramp(100, 200), 32, short_side=50, generator=seeded())
    assert abs(int(crop[0, 0, -1]) - int(crop[0, 0, 0])) == pytest.approx(62, abs=2)


def test_a_crop_is_never_larger_than_the_picture():
    crop = random_crop(ramp(20, 40), 32, short_side=8, generator=seeded())
    assert crop.shape == (3, 32, 32)


def test_every_part_of_a_picture_is_reached():
    lefts = {int(random_crop(ramp(40, 60), 40, short_side=40, generator=seeded(i))[0].min()) for i in range(200)}
    assert lefts == set(range(21))


def test_resizing_keeps_the_aspect_and_a_plain_colour():
    result = resized(torch.full((3, 30, 60), 77, dtype=torch.uint8), 10)
    assert result.shape == (3, 10, 20)
    assert result.unique().tolist() == [77]


def test_a_log_uniform_draw_has_the_geometric_mean_as_its_median():
    generator = seeded()
    draws = sorted(log_uniform((1.0, 4.0), generator) for _ in range(2000))
    assert 1 <= draws[0] <= draws[-1] <= 4
    assert draws[1000] == pytest.approx(2.0, rel=0.05)


def test_bytes_become_the_range_of_the_networks():
    values = as_input(torch.tensor([0, 255], dtype=torch.uint8).view(1, 1, 1, 2))
    assert values.flatten().tolist() == [-1.0, 1.0]
