"""Stroke noise: a function of place and seed alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ganstyle_styles.noise import position_noise


def lowbias32(value: int) -> int:
    """The published finaliser, on Python's unbounded integers."""
    value ^= value >> 16
    value = value * 0x7FEB352D % 2**32
    value ^= value >> 15
    value = value * 0x846CA68B % 2**32
    return value ^ value >> 16


@pytest.mark.parametrize(("seed", "row", "column"), [(0, 0, 0), (8, 3, 5), (2**40 + 7, 2999, 4001)])
def test_a_value_is_the_published_finaliser_of_seed_row_and_column(seed: int, row: int, column: int) -> None:
    mixed = lowbias32((lowbias32((lowbias32(seed % 2**32) + row) % 2**32) + column) % 2**32)
    noise = position_noise((1, 1), offset=(row, column), seed=seed)
    assert noise.dtype == np.float32 and noise.shape == (1, 1, 1, 1)
    assert noise[0, 0, 0, 0] == np.float32((mixed / 2**32 - 0.5) * 12**0.5)


def test_it_equals_the_same_arithmetic_in_torch_bit_for_bit() -> None:
    def mixed(values: torch.Tensor) -> torch.Tensor:
        values = values & 0xFFFFFFFF
        values = ((values ^ (values >> 16)) * 0x7FEB352D) & 0xFFFFFFFF
        values = ((values ^ (values >> 15)) * 0x846CA68B) & 0xFFFFFFFF
        return values ^ (values >> 16)

    rows, columns = torch.arange(70) + 16, torch.arange(90) + 1000
    hashed = mixed(mixed(mixed(torch.tensor(11)) + rows)[:, None] + columns)
    expected = ((hashed.to(torch.float64) / 2**32 - 0.5) * 12**0.5).float()
    assert np.array_equal(position_noise((70, 90), offset=(16, 1000), seed=11)[0, 0], expected.numpy())


def test_noise_depends_on_absolute_position_alone() -> None:
    whole = position_noise((40, 50), seed=7)
    assert np.array_equal(position_noise((10, 20), offset=(25, 30), seed=7), whole[..., 25:35, 30:50])


def test_noise_is_white_with_mean_0_and_deviation_1() -> None:
    noise = position_noise((256, 256))
    assert abs(noise.mean()) < 0.01
    assert abs(noise.std() - 1) < 0.01
    for shifted in (np.roll(noise, 1, 2), np.roll(noise, 1, 3), noise.swapaxes(2, 3)):
        assert abs((noise * shifted).mean()) < 0.02


def test_seeds_give_unrelated_noise() -> None:
    first, second = position_noise((128, 128), seed=1), position_noise((128, 128), seed=2)
    assert abs((first * second).mean()) < 0.03


def test_noise_never_changes_between_versions() -> None:
    # Stored pictures and film frames rely on it.
    values = position_noise((1, 4), seed=8).flatten().tolist()
    assert [round(value, 4) for value in values] == [-0.961, 0.0347, 0.2675, -1.2446]
