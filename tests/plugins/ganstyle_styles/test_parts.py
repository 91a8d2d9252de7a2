"""What is held back never appears in what is learned from, and crops show all pictures in turn."""

from __future__ import annotations

import torch
from ganstyle_styles.parts import random_crops, split_photos, split_works


def numbered(count, height=60, width=90):
    return [torch.full((3, height, width), index, dtype=torch.uint8) for index in range(count)]


def values(pictures):
    return [int(picture[0, 0, 0]) for picture in pictures]


def test_of_many_works_whole_ones_are_held_back():
    learned, held = split_works(numbered(12))
    assert (values(learned), values(held)) == ([1, 2, 3, 5, 6, 7, 9, 10, 11], [0, 4, 8])


def test_few_works_stand_on_both_sides():
    learned, held = split_works(numbered(7))
    assert values(learned) == values(held) == list(range(7))


def test_photos_are_split_and_one_alone_is_shared():
    learned, held = split_photos(numbered(5))
    assert (values(learned), values(held)) == ([1, 2, 3], [0, 4])
    assert [values(side) for side in split_photos(numbered(1))] == [[0], [0]]


def test_crops_are_squares_at_the_scale_asked_for():
    # A ramp of 1 level per pixel: neighbours in a crop differ by the number of original pixels that they cover.
    ramp = torch.arange(240, dtype=torch.uint8).expand(3, 160, 240)
    crop = random_crops([ramp], (80.0, 80.0), count=1, size=32, generator=torch.Generator().manual_seed(0))
    assert crop.shape == (1, 3, 32, 32)
    assert abs(float(crop[0, 0, 16].int().diff().abs().float()[2:-2].mean()) - 2.0) < 0.1


def test_pictures_take_turns():
    generator = torch.Generator().manual_seed(1)
    draws = [random_crops(numbered(3), (40.0, 80.0), count=3, size=24, generator=generator) for _ in range(12)]
    assert all(sorted(values(draw)) == [0, 1, 2] for draw in draws)
    assert {values(draw)[0] for draw in draws} == {0, 1, 2}
