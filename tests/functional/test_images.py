"""Range, brightness and sizes of pictures."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ganstyle.functional import images as I


def test_bytes_survive_the_round_trip():
    every = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(I.to_bytes(I.to_signed(every)), every)


def test_range_ends_and_middle_are_exact():
    assert I.to_signed(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [-1.0, 1.0]
    assert I.to_bytes(torch.tensor([-3.0, -1.0, 0.0, 1.0, 9.0])).tolist() == [0, 0, 128, 255, 255]


def test_non_finite_values_become_black_or_the_nearest_end():
    assert I.to_bytes(torch.tensor([float("nan"), float("inf"), -float("inf")])).tolist() == [0, 255, 0]


def test_luma_of_grays_is_the_gray_and_of_primaries_the_weight():
    gray = torch.full((1, 3, 1, 1), 0.3)
    assert I.luma(gray).item() == pytest.approx(0.3)
    primaries = torch.eye(3).view(3, 3, 1, 1)
    assert I.luma(primaries).flatten().tolist() == pytest.approx([0.2126, 0.7152, 0.0722])


def test_shrink_takes_the_mean_of_each_square():
    x = torch.arange(16.0).view(1, 1, 4, 4)
    assert I.shrink(x, 2).flatten().tolist() == [2.5, 4.5, 10.5, 12.5]


def test_enlarge_repeats_pixels():
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).view(1, 1, 2, 2)
    assert I.enlarge(x, 2)[0, 0].tolist() == [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]


@given(factor=st.sampled_from([1, 2, 4, 8]), seed=st.integers(0, 99))
def test_shrinking_undoes_enlarging(factor, seed):
    x = torch.randn(2, 3, 3, 5, generator=torch.Generator().manual_seed(seed))
    assert torch.allclose(I.shrink(I.enlarge(x, factor), factor), x, atol=1e-6)


def test_resize_keeps_constants_and_sizes():
    x = torch.full((1, 3, 7, 9), 0.25)
    assert torch.allclose(I.resize(x, 4, 20), torch.full((1, 3, 4, 20), 0.25))


def test_resize_averages_fine_detail_away():
    stripes = (torch.arange(64) % 2 * 2.0 - 1.0).expand(1, 1, 64, 64)
    assert I.resize(stripes, 8, 8)[..., 1:-1].abs().max() < 0.02  # without antialiasing it would be 1
