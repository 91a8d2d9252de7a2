"""Optimised pixels: what they approach, what they keep, what the strength and the pyramid mean."""

from __future__ import annotations

import pytest
import torch
from ganstyle_styles.backbones import Tapped, named_backbone
from ganstyle_styles.crops import as_input
from ganstyle_styles.gatys import (
    OptimiseOptions,
    cropped,
    optimise_pixels,
    pyramid,
    shares,
    style_target,
)

from ganstyle.functional.style import gram_matrix, style_distance

LITE0 = named_backbone("efficientnet_lite0")


@pytest.fixture(scope="module")
def photo(pictures, as_bytes):
    return as_bytes(pictures(1, 48, 64, seed=1))[0]


@pytest.fixture(scope="module")
def work(pictures, as_bytes):
    return as_bytes(pictures(1, 56, 48, seed=2).flip(1) * 0.5)[0]


@pytest.fixture(scope="module")
def painted(photo, work):
    return optimise_pixels(photo, [work], steps=16, options=OptimiseOptions(variation=0.0))


def statistics_apart(image, work):
    maps = (LITE0(cropped(as_input(picture[None]), (0, 0)), LITE0.style_taps) for picture in (image, work))
    return float(style_distance(*maps))


def test_the_loss_falls_and_the_style_comes_nearer(photo, work, painted):
    assert sum(painted.losses[-3:]) < 0.9 * sum(painted.losses[:3])
    assert statistics_apart(painted.image, work) < 0.8 * statistics_apart(photo, work)


def test_the_painting_has_the_photographs_size(photo, painted):
    assert painted.image.dtype == torch.uint8
    assert painted.image.shape == photo.shape
    assert painted.worked_at == (48, 64)


def test_equal_seeds_give_equal_pictures_and_others_do_not(photo, work):
    first, again, other = (optimise_pixels(photo, [work], steps=3, seed=seed).image for seed in (5, 5, 6))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    "settings",
    [{"strength": 0.0}, {"steps": 0}, {"options": OptimiseOptions(content=float("inf"))}],
    ids=["no strength", "no steps", "infinite content"],
)
def test_nothing_to_change_gives_the_photograph(photo, work, settings):
    assert torch.equal(optimise_pixels(photo, [work], **({"steps": 5} | settings)).image, photo)


def test_more_content_weight_stays_nearer_to_the_photograph(photo, work):
    def moved(content):
        options = OptimiseOptions(content=content, variation=0.0)
        return float((optimise_pixels(photo, [work], steps=8, options=options).image.float() - photo).abs().mean())

    assert moved(300.0) < 0.8 * moved(0.0)


def test_the_photograph_as_its_own_style_stays(photo):
    same = optimise_pixels(photo, [photo], steps=4, options=OptimiseOptions(variation=0.0, lr=0.01))
    other = optimise_pixels(photo, [photo.flip(0) // 2], steps=4, options=OptimiseOptions(variation=0.0, lr=0.01))
    assert max(same.losses) < 0.5 * min(other.losses)


def test_strength_moves_the_target_between_photograph_and_work(photo, work):
    backbone, image = LITE0, as_input(photo[None])
    own, half, full = (style_target(backbone, image, [work], strength=s).grams["b3.depthwise"] for s in (0.0, 0.5, 1.0))
    assert torch.allclose(
        own, gram_matrix(backbone(cropped(image, (0, 0)), ["b3.depthwise"])["b3.depthwise"]), rtol=1e-4
    )
    assert torch.allclose(half, (own + full) / 2, rtol=1e-4, atol=1e-7)


def test_works_count_alike(photo, work):
    backbone, image = LITE0, as_input(photo[None])
    both, one, other = (style_target(backbone, image, works) for works in ([work, photo], [work], [photo]))
    for tap in LITE0.style_taps:
        assert torch.allclose(both.moments[tap], (one.moments[tap] + other.moments[tap]) / 2, rtol=1e-4, atol=1e-6)


def test_a_large_photograph_is_optimised_small_and_keeps_its_size(pictures, as_bytes, work):
    photo = as_bytes(pictures(1, 60, 90, seed=3))[0]
    found = optimise_pixels(photo, [work], steps=3, options=OptimiseOptions(limit=64))
    assert found.worked_at == (43, 64)
    assert found.image.shape == photo.shape
    assert not torch.equal(found.image, photo)


def test_the_pyramid_doubles_up_to_the_limit():
    assert pyramid((512, 768), 1024) == [(128, 192), (256, 384), (512, 768)]
    assert pyramid((3000, 2000), 1024)[-1] == (1024, 683)
    assert pyramid((50, 40), 1024) == [(50, 40)]


def test_small_levels_get_more_of_the_steps():
    assert shares(19, 3) == [9, 6, 4]
    assert sum(shares(100, 3)) == 100
    assert shares(7, 1) == [7]


def test_a_moved_grid_leaves_out_other_rows():
    rows = torch.arange(36.0).view(1, 1, 6, 6)
    assert cropped(rows, (1, 2))[0, 0].tolist() == [[8, 9, 10], [14, 15, 16], [20, 21, 22]]


def test_progress_counts_over_all_levels(pictures, as_bytes, work):
    photo = as_bytes(pictures(1, 64, 300, seed=4))[0]
    seen = []
    optimise_pixels(photo, [work], steps=3, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_the_stylizer_offers_it(still_stylizer, photo, work):
    image = still_stylizer.optimise(photo, [work], steps=2, seed=1, strength=1.0)
    assert torch.equal(image, optimise_pixels(photo, [work], steps=2, seed=1).image)


def test_another_backbone_paints_another_picture(photo, work):
    shallow = Tapped(LITE0.network, style_taps=("b0.depthwise",), content_taps=("b4.output",))
    default, same, other = (
        optimise_pixels(photo, [work], steps=2, backbone=backbone).image for backbone in (None, LITE0, shallow)
    )
    assert torch.equal(default, same)
    assert not torch.equal(default, other)


def test_what_cannot_be_optimised_is_refused(photo, work):
    with pytest.raises(ValueError, match="at least one work"):
        optimise_pixels(photo, [])
    with pytest.raises(ValueError, match=r"at least 32 pixels, got \(20, 64\)"):
        optimise_pixels(photo[:, :20], [work])
    with pytest.raises(ValueError, match="must not be negative, got -1"):
        optimise_pixels(photo, [work], steps=-1)
