"""Mixtures and strength, against arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from ganstyle.errors import UsageError
from ganstyle.style.blending import at_strength, blend_codes, check_strength, parse_blend, shine_through


def test_weights_are_read_and_normalised() -> None:
    assert parse_blend("monet:0.6, van_gogh:0.4") == [("monet", 0.6), ("van_gogh", 0.4)]
    assert parse_blend("a:3,b") == [("a", 0.75), ("b", 0.25)]
    assert parse_blend("a:1e308,b:1e308") == [("a", 0.5), ("b", 0.5)]
    assert parse_blend("dir/x.jpg:1e-1,b:0.3") == [("dir/x.jpg", pytest.approx(0.25)), ("b", pytest.approx(0.75))]


@pytest.mark.parametrize(
    ("text", "word"),
    [("a:-1,b:2", "-1"), ("a:nan,b", "nan"), ("a:inf,b", "inf"), ("a:0,b:0", "zero"), ("a:x,b", "'x'"),
     ("a,,b", "name"), (":1,b", "name"), ("a:", "weight")],
)  # fmt: skip
def test_impossible_mixtures_are_refused(text: str, word: str) -> None:
    with pytest.raises(UsageError, match=word):
        parse_blend(text)


def test_blending_is_linear_in_the_codes() -> None:
    a, b, c = np.random.default_rng(0).standard_normal((3, 40))
    mixed = blend_codes([a, b, c], [1, 2, 5])
    assert np.allclose(mixed, (a + 2 * b + 5 * c) / 8)
    half = blend_codes([blend_codes([a, b], [1, 1]), c], [2, 1])
    assert np.allclose(half, (a + b + c) / 3)


def test_a_style_mixed_with_itself_is_itself() -> None:
    code = np.random.default_rng(1).standard_normal(40, dtype=np.float32)
    mixed = blend_codes([code, code], [0.3, 0.7])
    assert np.array_equal(mixed, code) and mixed.dtype == np.float32


def test_a_code_without_an_adapter_counts_as_one_with_zeros() -> None:
    long, short = np.array([1.0, 2.0, 8.0], np.float32), np.array([3.0, 4.0], np.float32)
    assert blend_codes([short, long], [3, 1]).tolist() == [2.5, 3.5, 2.0]
    assert at_strength(short, long, 0.5).tolist() == [2.0, 3.0, 4.0]
    assert at_strength(short, long, 0.0).tolist() == [3.0, 4.0, 0.0]
    assert at_strength(long, short, 1.0).tolist() == [3.0, 4.0, 0.0]


def test_strength_walks_from_the_photo_to_the_style_and_beyond() -> None:
    photo, style = np.zeros(4), np.ones(4)
    assert [float(at_strength(photo, style, t)[0]) for t in (0, 0.25, 1, 1.5)] == [0, 0.25, 1, 1.5]


def test_the_photograph_shines_through_near_zero_only() -> None:
    assert shine_through(0) == 1
    assert shine_through(0.125) == pytest.approx(0.5)
    assert shine_through(0.25) == shine_through(1) == 0


@pytest.mark.parametrize("strength", [-0.01, 1.51, float("nan"), float("inf")])
def test_strength_out_of_range_is_refused(strength: float) -> None:
    with pytest.raises(UsageError, match="strength"):
        check_strength(strength)
