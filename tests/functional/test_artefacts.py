"""Measures of paintings against pictures whose answer is known by construction."""

from __future__ import annotations

import pytest
import torch

from ganstyle.functional.artefacts import (
    border_excess,
    edge_agreement,
    flat_texture,
    halo_excess,
    lattice_peak,
    lattice_share,
    palette,
    palette_difference,
    palette_distance,
    recoloured_share,
    seam_peak,
    texture_distance,
)


@pytest.fixture(scope="module")
def noise():
    return torch.rand(2, 3, 72, 80, generator=torch.Generator().manual_seed(3)) * 1.6 - 0.8


@pytest.fixture(scope="module")
def smooth(noise):
    return torch.nn.functional.interpolate(noise[:, :, :6, :6], size=(72, 80), mode="bicubic").clamp(-1, 1)


def test_a_quadratic_map_of_colours_is_a_mere_recolouring(noise):
    mapped = 0.3 * noise.flip(1) + 0.2 * noise.square() - 0.1 * noise.roll(1, 1) * noise + 0.05
    assert recoloured_share(noise, mapped) == pytest.approx([1, 1], abs=1e-6)


def test_the_share_is_the_part_of_the_variance_that_colours_explain(noise):
    own = torch.rand(noise.shape, generator=torch.Generator().manual_seed(4)) * 1.6 - 0.8
    assert (recoloured_share(noise, own) < 0.01).all()
    assert recoloured_share(noise, noise + own) == pytest.approx([0.5, 0.5], abs=0.02)


def test_a_grey_photograph_explains_what_depends_on_its_grey(noise):
    grey = noise[:, :1].expand(-1, 3, -1, -1)
    assert recoloured_share(grey, -grey) == pytest.approx([1, 1], abs=1e-6)


def test_edges_agree_with_themselves_in_other_colours_and_not_with_others(smooth, noise):
    assert edge_agreement(smooth, smooth) == pytest.approx([1, 1], abs=1e-5)
    assert edge_agreement(smooth, 0.1 - 0.5 * smooth) == pytest.approx([1, 1], abs=1e-5)
    assert (edge_agreement(smooth, noise).abs() < 0.1).all()


@pytest.mark.parametrize("period", [2, 4, 8])
def test_dots_on_a_grid_stand_out_of_the_spectrum(noise, period):
    dots = 0.2 * noise
    dots[:, :, ::period, ::period] += 0.4
    plain, dotted = lattice_peak(0.2 * noise), lattice_peak(dots)
    assert (plain < 12).all()
    assert (dotted > plain + 6).all()


def test_dots_of_another_period_are_not_on_the_lattice():
    dots = 0.1 * torch.randn(1, 3, 200, 200, generator=torch.Generator().manual_seed(7))
    on_lattice = dots.clone()
    dots[:, :, ::7, ::7] += 0.8
    on_lattice[:, :, ::8, ::8] += 0.8
    assert float(lattice_peak(dots)) < 12 < float(lattice_peak(on_lattice)) - 6


def test_noise_has_no_share_of_a_lattice_and_a_lattice_has_nothing_else():
    noise = torch.randn(4, 3, 196, 196, generator=torch.Generator().manual_seed(2))
    assert lattice_share(noise, 4).abs().max() < 0.03
    pattern = torch.rand(4, 4, generator=torch.Generator().manual_seed(3)).repeat(49, 49).expand(1, 3, -1, -1)
    assert lattice_share(pattern, 4).tolist() == pytest.approx([1.0], abs=1e-5)


def test_the_lattice_share_is_its_part_of_the_power():
    noise = torch.randn(1, 1, 516, 516, generator=torch.Generator().manual_seed(5))
    pattern = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).repeat(258, 258)  # power 1, all of it finer than 4 pixels
    # A square of 4 x 4 holds its mean back from white noise: 15/16 of the power is fine structure.
    expected = 1 / (1 + 15 / 16)
    assert lattice_share(noise + pattern, 4).tolist() == pytest.approx([expected], abs=0.02)


def test_a_lattice_of_another_period_or_phase_is_told_apart():
    board = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
    whole = board.repeat(60, 60)[None, None]
    broken = whole.clone()
    broken[:, :, :, 60:] *= -1  # the phase changes in the middle: windows, not pictures, repeat
    assert lattice_share(whole, 3).item() < 0.3
    assert lattice_share(broken, 4, cells=3).item() > 0.6


def test_the_lattice_share_can_be_lowered_by_its_gradient():
    images = (torch.randn(1, 3, 68, 68) + torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).repeat(34, 34)).requires_grad_()
    before = lattice_share(images, 4)
    (slope,) = torch.autograd.grad(before.sum(), images)
    assert lattice_share(images - 1000 * slope, 4) < 0.95 * before


def test_a_busier_border_is_counted_by_its_factor(noise):
    # The whole noise is doubled in a frame: gradients there double, but for the one row and column on its rim.
    marked = 0.5 * noise
    marked[:, :, 8:-8, 8:-8] *= 0.5
    assert border_excess(noise, 0.5 * noise) == pytest.approx([1, 1], abs=1e-5)
    assert border_excess(noise, marked) == pytest.approx([2, 2], rel=0.1)


def test_grain_is_measured_where_the_photograph_is_flat(noise):
    photo = torch.zeros(1, 3, 72, 80)
    photo[:, :, :, 40:] = noise[:1, :, :, 40:]
    grain = 0.1 * torch.randn(1, 1, 72, 80, generator=torch.Generator().manual_seed(5)).expand(-1, 3, -1, -1)
    painted = torch.where(photo == 0, grain, 5 * grain)
    # The deviation of a range of 1 is half of that in [-1, 1]; 81 pixels of a window lose 1/81 to their mean.
    assert flat_texture(photo, painted) == pytest.approx([0.05 * (80 / 81) ** 0.5], rel=0.03)


def test_no_flat_area_gives_nan(noise):
    assert flat_texture(noise, noise).isnan().all()


def test_the_palette_distance_is_the_mean_projection_of_a_shift(noise):
    shift = torch.tensor([0.3, 0.0, 0.0])[:, None, None]
    found = palette_distance(noise, noise + shift, directions=128)
    # The mean of |cos| over the sphere is a half (a deviation of 0.29 over 128 draws: 5 %); the range of 1 halves it.
    assert found == pytest.approx([0.075, 0.075], rel=0.15)


def test_palettes_do_not_see_places_or_sizes(noise):
    shuffled = noise.flatten(2)[:, :, torch.randperm(72 * 80, generator=torch.Generator().manual_seed(6))]
    assert palette_distance(noise, shuffled.view_as(noise)).max() == 0
    twice = noise.repeat(1, 1, 2, 1)
    assert palette_distance(twice, noise).max() < 1e-3


def test_a_large_picture_is_drawn_from_and_stays_itself():
    large = torch.rand(1, 3, 160, 160, generator=torch.Generator().manual_seed(8)) * 2 - 1
    assert palette_distance(large, large).max() == 0
    assert palette_distance(large, large[:, :, :100]).max() < 0.01


def test_textures_ignore_mean_colours_and_see_strokes(noise, smooth):
    assert texture_distance(noise, noise + 0.1).max() < 1e-4
    assert texture_distance(noise, noise.flip(0)).max() < 0.1
    assert texture_distance(smooth, noise).min() > 0.3


def test_texture_of_half_contrast_is_half_of_its_deviation_away(noise):
    # Every quantile of a response is halved: |q| / 2 over the deviation, (2 / pi)^.5 / 2 for Gaussian responses.
    assert texture_distance(0.5 * noise, noise) == pytest.approx([0.4, 0.4], rel=0.05)


def test_the_mean_palette_of_two_flat_works_is_the_colour_between_them():
    dark, light = (torch.full((1, 3, 8, 8), level) for level in (-0.6, 0.2))
    middle = (palette(dark) + palette(light)) / 2
    assert palette_difference(middle, palette(torch.full((1, 3, 9, 7), -0.2))).item() == pytest.approx(0, abs=1e-6)
    assert palette_difference(middle, palette(dark)).item() > 0.05


def test_a_seam_between_tiles_stands_out_of_texture_and_grows(noise):
    levels = []
    for step in (0.0, 0.1, 0.3):
        tiled = 0.3 * noise
        tiled[:, :, :, 40:] += step
        levels.append(seam_peak(0.3 * noise, tiled).min().item())
    assert levels[0] < 2 and levels[0] < levels[1] - 3 and levels[1] < levels[2] - 3


def test_a_seam_that_changes_its_sign_on_the_way_is_found_in_rows_too(noise):
    tiled = 0.2 * noise
    tiled[:, :, 36:, :40] += 0.3
    tiled[:, :, 36:, 40:] -= 0.3
    assert (seam_peak(0.2 * noise, tiled) > 8).all()


def test_a_line_of_the_photograph_is_no_seam(noise):
    photo = 0.1 * noise
    photo[:, :, 36:] += 0.3
    assert (seam_peak(photo, 3 * photo) < 3).all()


def test_halos_beside_outlines_are_told_from_grain_everywhere():
    photo = torch.full((1, 3, 96, 96), -0.5)
    photo[:, :, 30:60, 30:60] = 0.5
    grain = 0.05 * torch.randn(1, 1, 96, 96, generator=torch.Generator().manual_seed(5)).expand(-1, 3, -1, -1)
    rim = torch.zeros(1, 1, 96, 96)
    rim[:, :, 24:66, 24:66] = 0.6
    rim[:, :, 27:63, 27:63] = 0
    assert halo_excess(photo, photo + grain).item() < 1
    assert halo_excess(photo, photo + grain + rim).item() > 4
    assert halo_excess(photo, photo).item() == 0


def test_without_outlines_nothing_is_said_about_halos(noise):
    assert halo_excess(torch.zeros(1, 3, 64, 64), noise[:1, :, :64, :64]).isnan().all()
