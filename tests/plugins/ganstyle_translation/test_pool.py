"""The image pool, by construction: every picture is a number."""

from __future__ import annotations

import pytest
import torch
from ganstyle_translation.pool import ImagePool


def numbered(*values):
    return torch.tensor(values, dtype=torch.float32)[:, None, None, None].expand(-1, 3, 2, 2).clone()


def read(images):
    return [int(value) for value in images[:, 0, 0, 0]]


def test_until_it_is_full_it_gives_back_what_it_gets():
    pool = ImagePool(3)
    assert read(pool.swapped(numbered(1, 2), 0)) == [1, 2]
    assert read(pool.swapped(numbered(3), 1)) == [3]
    assert [int(image[0, 0, 0]) for image in pool.kept] == [1, 2, 3]


def test_then_a_kept_one_comes_back_half_of_the_time_and_is_replaced():
    pool = ImagePool(5)
    pool.swapped(numbered(*range(5)), 0)
    shown = [read(pool.swapped(numbered(number), number))[0] for number in range(5, 405)]
    old = [value for value, number in zip(shown, range(5, 405)) if value != number]
    assert len(old) / 400 == pytest.approx(0.5, abs=0.1)
    assert len(set(old)) == len(old)  # what was given back is not kept
    assert set(shown) | {int(image[0, 0, 0]) for image in pool.kept} == set(range(405))


def test_without_room_everything_passes():
    images = numbered(1, 2)
    assert ImagePool(0).swapped(images, 3) is images


def test_a_restored_pool_goes_on_alike():
    first, second = ImagePool(4), ImagePool(4)
    for step in range(6):
        first.swapped(numbered(step), step)
    second.load(**first.state(), device=torch.device("cpu"))
    ahead = [[read(pool.swapped(numbered(step), step)) for step in range(6, 30)] for pool in (first, second)]
    assert ahead[0] == ahead[1]


def test_an_empty_pool_can_be_stored_and_restored():
    pool = ImagePool(4)
    pool.load(**ImagePool(4).state(), device=torch.device("cpu"))
    assert pool.kept == []


def test_two_pools_of_one_step_draw_differently():
    first, second = ImagePool(2), ImagePool(2)
    shown = [[], []]
    for step in range(40):
        for salt, pool in enumerate((first, second)):
            shown[salt] += read(pool.swapped(numbered(step), step, salt=salt))
    assert shown[0] != shown[1]
