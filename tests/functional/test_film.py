"""Motion, hidden pixels and flicker of made films whose truth is known."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from ganstyle.functional.film import flicker, optical_flow, scaled_flow, visible, warp, warp_error


def texture(height=96, width=128, seed=0):
    """Smooth noise with detail of several sizes, (1, 3, height, width) in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros(1, 3, height, width)
    for step in (4, 8, 16, 32):
        small = torch.rand(1, 3, -(-height // step) + 1, -(-width // step) + 1, generator=generator)
        total += F.interpolate(small, (height, width), mode="bicubic") / 4
    return total.clamp(0, 1)


def moved(picture, right, down, size=(64, 80)):
    """A window of a picture whose content moved by whole pixels."""
    top, left = 16 - down, 24 - right
    return picture[:, :, top : top + size[0], left : left + size[1]]


@pytest.mark.parametrize(("right", "down"), [(1, 0), (0, -2), (5, 3), (-9, 6)])
def test_whole_pixel_motion_is_found(right, down):
    picture = texture()
    before, after = moved(picture, 0, 0), moved(picture, right, down)
    flow = optical_flow(before, after)
    seen = visible(flow, optical_flow(after, before))
    error = (flow - torch.tensor([right, down]).view(1, 2, 1, 1)).norm(dim=1, keepdim=True)
    assert error[seen].mean() < 0.15
    assert seen.float().mean() > 0.6
    assert warp_error(before, after, flow, seen=seen) < 0.02 * (before - after).square().mean()


def test_half_a_pixel_is_found():
    large = F.interpolate(texture(), scale_factor=2, mode="bicubic")
    before, after = (F.avg_pool2d(large[:, :, 8:136, 8 - x : 168 - x], 2) for x in (0, 1))
    flow = optical_flow(before, after)
    assert flow[:, 0, 8:-8, 8:-8].mean() == pytest.approx(0.5, abs=0.05)
    assert flow[:, 1, 8:-8, 8:-8].mean() == pytest.approx(0, abs=0.05)


def test_without_texture_nothing_moves():
    assert optical_flow(torch.full((1, 3, 32, 40), 0.5), torch.full((1, 3, 32, 40), 0.5)).abs().max() == 0


def test_a_flow_fetches_the_pixels_it_points_at():
    picture = torch.arange(20.0).view(1, 1, 4, 5)
    flow = torch.zeros(1, 2, 4, 5)
    flow[:, 0], flow[:, 1] = 1, 2
    assert torch.allclose(warp(picture, flow)[0, 0, :2, :4], picture[0, 0, 2:, 1:])
    flow[:, 0], flow[:, 1] = 0.5, 0
    assert torch.allclose(warp(picture, flow)[..., :4], picture[..., :4] + 0.5)


def test_a_flow_of_a_smaller_frame_is_in_pixels_of_the_larger_one():
    flow = torch.ones(1, 2, 4, 6)
    found = scaled_flow(flow, 8, 18)
    assert found.shape == (1, 2, 8, 18)
    assert (found[:, 0] == 3).all() and (found[:, 1] == 2).all()


def test_pixels_that_leave_the_frame_or_do_not_return_are_not_seen():
    flow = torch.zeros(1, 2, 20, 20)
    flow[:, 0] = 4
    seen = visible(flow, -flow)
    assert seen[..., :15].all() and not seen[..., 16:].any()
    assert not visible(flow, torch.zeros_like(flow)).any()


def test_a_border_between_motions_is_not_seen():
    flow = torch.zeros(1, 2, 20, 20)
    flow[:, 0, :, 10:] = 3
    seen = visible(flow, torch.zeros_like(flow))
    assert not seen[:, :, :19, 9].any() and seen[:, :, :, :8].all()


def test_the_warp_error_is_the_mean_square_where_seen():
    before, after = torch.zeros(1, 3, 4, 4), torch.full((1, 3, 4, 4), 0.5)
    seen = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    seen[..., :2] = True
    after[..., 3] = 100
    assert warp_error(after, before, torch.zeros(1, 2, 4, 4), seen=seen).item() == pytest.approx(0.25)
    assert math.isnan(warp_error(after, before, torch.zeros(1, 2, 4, 4), seen=seen & False))


def test_flicker_counts_only_what_the_source_does_not_change():
    still = torch.zeros(1, 3, 4, 4)
    lit = still.clone()
    lit[..., :2] = 0.4
    assert flicker(lit, still, still, source_before=still).item() == pytest.approx(0.2)
    assert flicker(lit, still, lit, source_before=still).item() == 0
    assert flicker(still, still, lit, source_before=still).item() == 0
