"""Light and dark areas, and the parts that a frozen backbone gives."""

from __future__ import annotations

import pytest
import torch
from ganstyle_styles.backbones import named_backbone
from ganstyle_styles.perceptual import (
    COLOUR_AXES,
    colour_distance,
    light_distance,
    perceptual_parts,
    unrest_distance,
)
from ganstyle_styles.windows import matched_windows

from ganstyle.functional.style import style_distance, total_variation


def grey(*areas):
    """Return a picture (1, 3, 32, 32) of four even areas."""
    rows = torch.tensor(areas).view(2, 2).repeat_interleave(16, 0).repeat_interleave(16, 1)
    return rows.expand(1, 3, 32, 32).clone()


PHOTO = grey(-0.4, 0.0, 0.0, 0.4)


def test_the_light_of_a_painting_is_the_photos_with_the_contrast_of_the_work():
    work = grey(-0.2, 0.0, 0.2, 0.0)  # half of the photo's deviation
    halved = 0.02**0.5 / (0.08**0.5 + 0.02) * PHOTO  # the deviations of work and photo; 0.02 is added
    assert light_distance(halved + 0.3, PHOTO, work).item() == pytest.approx(0, abs=1e-3)
    # Undone, half of the areas are some 0.2 from where they should be.
    assert light_distance(PHOTO, PHOTO, work).item() == pytest.approx((0.4 - halved.amax().item()) / 2, abs=1e-3)


def test_an_even_photo_stays_even_whatever_the_work_does():
    even, work = grey(0.1, 0.1, 0.1, 0.1), grey(-0.9, 0.9, 0.9, -0.9)
    assert light_distance(grey(0.5, 0.5, 0.5, 0.5), even, work).item() == pytest.approx(0, abs=1e-6)
    assert light_distance(grey(0.3, 0.7, 0.7, 0.3), even, work).item() == pytest.approx(0.2, abs=1e-6)


def test_contrasts_are_at_most_doubled():
    work = grey(-1.0, 1.0, -1.0, 1.0)
    assert light_distance(2 * PHOTO, PHOTO, work).item() == pytest.approx(0, abs=1e-6)


def test_strokes_within_an_area_cost_nothing():
    stripes = 0.4 * torch.tensor([1.0, -1.0]).repeat(16)
    assert light_distance(PHOTO + stripes, PHOTO, PHOTO).item() == pytest.approx(
        light_distance(PHOTO, PHOTO, PHOTO).item(), abs=1e-6
    )


def test_the_sum_is_over_luma_not_over_single_colours():
    red = torch.tensor([0.3, 0.0, 0.0]).view(1, 3, 1, 1)
    lighter = grey(0.0, 0.0, 0.0, 1.0) * red
    even = torch.zeros(1, 3, 32, 32)
    mean = 0.299 * 0.3 / 4
    expected = (3 * mean + 0.299 * 0.3 - mean) / 4
    assert light_distance(lighter, even, even).item() == pytest.approx(expected, rel=1e-5)


EVEN_PHOTO = torch.zeros(1, 3, 32, 32)


def test_blotches_of_equal_light_count_where_the_photo_is_even():
    blotches = grey(0.0, 0.3, 0.3, 0.0) * torch.tensor([1.0, -0.299 / 0.587, 0.0]).view(1, 3, 1, 1)
    assert light_distance(blotches, EVEN_PHOTO, EVEN_PHOTO).item() == pytest.approx(0, abs=1e-6)
    step = 0.3 * (1 + 0.299 / 0.587) / 3  # mean over three channels, of all four pairs of neighbours
    assert unrest_distance(blotches, EVEN_PHOTO, EVEN_PHOTO).item() == pytest.approx(step, rel=1e-4)
    assert unrest_distance(EVEN_PHOTO, EVEN_PHOTO, blotches).item() == 0.0


def test_where_the_photo_changes_the_painting_may():
    photo = grey(0.0, 0.0, 0.0, 1.0)  # two of four pairs are even
    painted = grey(0.0, 0.0, 0.0, 0.5)
    assert unrest_distance(painted, photo, EVEN_PHOTO).item() == pytest.approx(0, abs=1e-6)


def test_a_painting_may_be_as_restless_as_the_calm_parts_of_the_work():
    painted = grey(0.0, 0.2, 0.2, 0.0)
    assert unrest_distance(painted, EVEN_PHOTO, grey(0.0, 0.2, 0.2, 0.0)).item() == pytest.approx(0, abs=1e-6)
    assert unrest_distance(painted, EVEN_PHOTO, grey(0.0, 0.1, 0.1, 0.0)).item() == pytest.approx(0.1, rel=1e-4)


def test_strokes_within_a_square_are_no_unrest():
    stripes = (0.4 * torch.tensor([1.0, -1.0]).repeat(16)).expand(1, 3, 32, 32)
    assert unrest_distance(stripes, EVEN_PHOTO, EVEN_PHOTO).item() == pytest.approx(0, abs=1e-6)


def test_the_parts_are_distances_of_maps_and_windows_replace_whole_pictures(still_stylizer, pictures):
    backbone = named_backbone("efficientnet_lite0")
    painted, photos, works = (pictures(2, seed=seed) for seed in range(3))
    content, style = backbone(photos, backbone.content_taps), backbone(works, backbone.style_taps)
    maps = backbone(painted, backbone.style_taps)
    plain = perceptual_parts(backbone, painted, content_maps=content, style_maps=style, moments=2.0)
    assert plain["style"].item() == pytest.approx(style_distance(maps, style, moments=2.0).mean().item(), rel=1e-5)
    assert plain["variation"].item() == pytest.approx(total_variation(painted).item() / 2, rel=1e-6)
    cut = perceptual_parts(
        backbone, painted, content_maps=content, style_maps=style, matching=matched_windows(photos, works, 2)
    )
    assert cut["content"].item() == pytest.approx(plain["content"].item(), rel=1e-6)
    assert cut["style"].item() != pytest.approx(plain["style"].item(), rel=1e-3)


def test_colours_are_compared_as_sets():
    dark, light = torch.full((1, 3, 8, 8), -0.5), torch.full((1, 3, 8, 8), 0.5)
    works = torch.cat([dark, light])
    assert float(colour_distance(works.flip(0), works)) == pytest.approx(0.0, abs=1e-6)
    assert float(colour_distance(torch.zeros_like(works), works)) > 0.3  # their mean is grey, and far from both
    red = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    axes = torch.tensor(COLOUR_AXES, dtype=torch.float64)
    shift = float((axes[:, 0] / axes.norm(dim=1)).abs().mean())
    assert float(colour_distance(red + dark, dark)) == pytest.approx(shift, rel=1e-5)
