"""Preprocessing gives exactly the size, by chance that comes from the generator alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ganstyle.data.transforms import Preprocess


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def ramp(height, width):
    """Red grows to the right, green to the bottom: a crop shows where it was taken."""
    x = torch.linspace(0, 255, width).expand(height, width)
    y = torch.linspace(0, 255, height)[:, None].expand(height, width)
    return torch.stack([x, y, torch.zeros(height, width)]).round().byte()


def test_plain_takes_the_largest_centred_crop():
    image = ramp(40, 100)
    result = Preprocess.plain(40).image(image, seeded())
    assert torch.equal(result, image[:, :, 30:70])


def test_no_crop_squeezes_the_whole_picture():
    result = Preprocess({"crop": "none", "flip": False}, 32, 64).image(ramp(100, 100), seeded())
    assert result.shape == (3, 32, 64)
    assert result[0, :, 0].max() < 6 and result[0, :, -1].min() > 249 and result[1, 0].max() < 12


def test_resizing_is_antialiased():
    checks = (torch.arange(256)[:, None] + torch.arange(256)).remainder(2).mul(255).byte().expand(3, -1, -1)
    result = Preprocess.plain(32).image(checks, seeded())
    assert result.float().sub(127.5).abs().max() < 3


def test_resizing_equals_pillow():
    image = torch.randint(0, 256, (3, 50, 50), generator=seeded(), dtype=torch.uint8)
    expected = Image.fromarray(image.permute(1, 2, 0).numpy()).resize((20, 20), Image.Resampling.LANCZOS)
    assert np.array_equal(Preprocess.plain(20).image(image, seeded()).permute(1, 2, 0), np.asarray(expected))


def test_flip_mirrors_half_of_the_pictures():
    image = ramp(16, 16)
    flip = Preprocess({"crop": "center", "flip": True}, 16)
    results = [flip.image(image, seeded(seed)) for seed in range(200)]
    mirrored = sum(torch.equal(result, image.flip(2)) for result in results)
    assert mirrored + sum(torch.equal(result, image) for result in results) == 200
    assert 70 < mirrored < 130


def test_scale_is_the_share_of_the_short_side():
    crop = Preprocess({"crop": "random", "scale": (0.5, 0.5), "flip": False}, 50)
    for seed in range(20):
        red = crop.image(ramp(100, 200), seeded(seed))[0].float()
        # 50 of 200 columns: a quarter of the ramp, minus the half pixel at each end.
        assert float(red[:, -1].mean() - red[:, 0].mean()) == pytest.approx(255 * 49 / 199, abs=2)


def test_random_crops_reach_both_ends():
    crop = Preprocess({"crop": "random", "scale": (1.0, 1.0), "flip": False}, 16)
    lefts = [float(crop.image(ramp(20, 100), seeded(seed))[0, :, 0].float().mean()) for seed in range(100)]
    assert min(lefts) < 15 and 175 < max(lefts) < 206


@pytest.mark.parametrize("angle", [45.0, 180.0])
def test_rotation_never_shows_a_corner_outside(angle):
    white = torch.full((3, 60, 90), 255, dtype=torch.uint8)
    turn = Preprocess({"crop": "random", "scale": (0.8, 1.0), "rotate_degrees": angle}, 32)
    assert min(int(turn.image(white, seeded(seed)).min()) for seed in range(50)) >= 254


def test_rotation_turns_by_the_angle():
    turn = Preprocess({"crop": "center", "rotate_degrees": 90.0, "flip": False}, 32)
    draws = torch.rand(5, generator=seeded(3), dtype=torch.float64)
    radians = float(2 * draws[3] - 1) * np.pi / 2
    red = turn.image(ramp(101, 101), seeded(3))[0].float()
    down, right = (float(d.mean()) for d in torch.gradient(red))
    # Pillow turns counter-clockwise: what grew to the right now grows along (cos, -sin).
    assert np.arctan2(-down, right) == pytest.approx(radians, abs=0.03)


def test_a_rotated_crop_keeps_its_proportions():
    """A quarter turn of a wide crop spans as much of the picture's height as it would of its width."""
    turn = Preprocess({"crop": "center", "rotate_degrees": 90.0, "flip": False}, 16, 64)
    seed = next(
        s for s in range(500) if 88 < 180 * float(torch.rand(5, generator=seeded(s), dtype=torch.float64)[3]) - 90
    )
    green = turn.image(ramp(100, 100), seeded(seed))[1].float()
    assert float(green[:, -1].mean() - green[:, 0].mean()) == pytest.approx(255 * 0.98, abs=6)
    assert green.std(dim=0).max() < 4


@given(
    size=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    target=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    crop=st.sampled_from(["random", "center", "none"]),
    angle=st.sampled_from([0.0, 7.0, 180.0]),
    seed=st.integers(0, 10),
)
@settings(max_examples=100, deadline=None)
def test_any_picture_comes_out_in_exactly_the_size(size, target, crop, angle, seed):
    image = torch.full((3, *size), 200, dtype=torch.uint8)
    preprocess = Preprocess({"crop": crop, "rotate_degrees": angle}, *target)
    result = preprocess.image(image, seeded(seed))
    assert result.shape == (3, *target) and result.dtype == torch.uint8
    assert result.float().mean() == pytest.approx(200, abs=1)


def test_equal_generators_give_equal_pictures_and_others_do_not():
    image = torch.randint(0, 256, (3, 90, 70), generator=seeded(), dtype=torch.uint8)
    preprocess = Preprocess({"rotate_degrees": 20.0}, 32)
    first, again, other = (preprocess.image(image, seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_every_picture_of_an_item_is_changed_and_other_entries_pass():
    item = {"images": ramp(30, 40), "style": ramp(50, 20), "labels": 3, "vector": torch.ones(4)}
    result = Preprocess(None, 8, 12)(item, seeded())
    assert result["images"].shape == result["style"].shape == (3, 8, 12)
    assert result["labels"] == 3 and torch.equal(result["vector"], item["vector"])


def test_options_may_be_an_object():
    class Options:
        crop, scale, rotate_degrees, flip = "center", (1.0, 1.0), 0.0, False

    assert torch.equal(Preprocess(Options(), 16).image(ramp(16, 16), seeded()), ramp(16, 16))
