"""What is held back never appears in what is learned from, and keeps its scale."""

from __future__ import annotations

import pytest
import torch
from ganstyle_styles.parts import Part, random_crops, split_photos, split_works


def numbered(count, height=60, width=90):
    return [torch.full((3, height, width), index, dtype=torch.uint8) for index in range(count)]


def test_of_many_works_whole_ones_are_held_back():
    learned, held = split_works(numbered(12))
    values = [{int(part.pixels[0, 0, 0]) for part in side} for side in (learned, held)]
    assert values == [{1, 2, 3, 5, 6, 7, 9, 10, 11}, {0, 4, 8}]


@pytest.mark.parametrize(("height", "width"), [(60, 100), (100, 60)])
def test_of_few_works_a_strip_of_each_is_held_back(height, width):
    work = torch.arange(100, dtype=torch.uint8).expand(3, 60, 100)
    work = work if width == 100 else work.mT
    (learned,), (held,) = split_works([work])
    assert not set(learned.pixels.unique().tolist()) & set(held.pixels.unique().tolist())
    assert sorted(learned.pixels.shape[1:]) == [60, 65]
    assert sorted(held.pixels.shape[1:]) == [35, 60]
    assert (learned.share, held.share) == (1.0, pytest.approx(35 / 60))


def test_a_work_too_small_to_cut_stands_on_both_sides():
    (learned,), (held,) = split_works(numbered(1, 40, 40))
    assert learned.pixels is held.pixels


def test_photos_are_split_and_one_alone_is_shared():
    learned, held = split_photos(numbered(5))
    assert [int(part.pixels[0, 0, 0]) for part in (*learned, *held)] == [1, 2, 3, 0, 4]
    (one,), (same,) = split_photos(numbered(1))
    assert one.pixels is same.pixels


def test_a_strip_is_cropped_at_the_scale_of_the_whole():
    # A ramp of 1 level per pixel: neighbours in a crop differ by the number of original pixels that they cover.
    whole = torch.arange(240, dtype=torch.uint8).expand(3, 160, 240)
    for part in (Part(whole), Part(whole[:, :, :80], 80 / 160)):
        crop = random_crops([part], (80.0, 80.0), count=1, size=32, generator=torch.Generator().manual_seed(0))
        steps = crop[0, 0, 16].int().diff().abs().float()
        assert float(steps[2:-2].mean()) == pytest.approx(2.0, abs=0.1)


def test_crops_are_squares_of_the_parts():
    crops = random_crops(
        [Part(picture) for picture in numbered(3)],
        (40.0, 80.0),
        count=20,
        size=24,
        generator=torch.Generator().manual_seed(1),
    )
    assert crops.shape == (20, 3, 24, 24)
    assert set(crops.unique().tolist()) == {0, 1, 2}
