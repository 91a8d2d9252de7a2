"""Colours kept: against scikit-image and against the moments themselves."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.color import rgb2lab

from ganstyle.errors import UsageError
from ganstyle.style import colour
from ganstyle.style.colour import color_moments, color_transform, match_colors, preserve_color


@pytest.fixture
def photo() -> np.ndarray:
    return np.random.default_rng(0).normal((120, 130, 110), (20, 15, 18), (60, 50, 3)).clip(0, 255).astype(np.uint8)


@pytest.fixture
def painted() -> np.ndarray:
    noise = np.random.default_rng(1).normal(size=(60, 50, 3)) @ np.array([[15, 4, 0], [0, 9, 3], [2, 0, 12]])
    return (noise + np.array([140, 100, 90])).clip(0, 255).astype(np.uint8)


def test_moments_agree_with_numpy(photo: np.ndarray) -> None:
    mean, covariance = color_moments(photo)
    flat = photo.reshape(-1, 3).astype(np.float64)
    assert np.allclose(mean, flat.mean(0))
    assert np.allclose(covariance, np.cov(flat.T, bias=True))


def test_the_transform_moves_mean_and_covariance_exactly(painted: np.ndarray, photo: np.ndarray) -> None:
    matrix, shift = color_transform(painted, photo)
    moved = painted.reshape(-1, 3) @ matrix.T + shift
    flat = photo.reshape(-1, 3).astype(np.float64)
    assert np.allclose(moved.mean(0), flat.mean(0))
    assert np.allclose(np.cov(moved.T), np.cov(flat.T))


def test_matched_colors_have_the_moments_of_the_photograph(painted: np.ndarray, photo: np.ndarray) -> None:
    mean, covariance = color_moments(match_colors(painted, photo))
    assert np.allclose(mean, color_moments(photo)[0], atol=0.5)
    assert np.allclose(covariance, color_moments(photo)[1], rtol=0.05, atol=3)


def test_a_grey_painting_gets_the_mean_and_no_noise(photo: np.ndarray) -> None:
    gray = np.full_like(photo, 77)
    assert np.allclose(match_colors(gray, photo), color_moments(photo)[0], atol=1)


def test_luma_takes_lightness_from_the_painting_and_colour_from_the_photograph(painted, photo) -> None:
    kept = rgb2lab(preserve_color(painted, photo, "luma"))
    assert np.abs(kept[..., 0] - rgb2lab(painted)[..., 0]).mean() < 1
    assert np.abs(kept[..., 1:] - rgb2lab(photo)[..., 1:]).mean() < 1


@pytest.mark.parametrize("mode", ["luma", "match"])
def test_a_picture_keeps_its_own_colours(photo: np.ndarray, mode: str) -> None:
    assert np.abs(preserve_color(photo, photo, mode).astype(int) - photo).max() <= 1


def test_strips_make_no_difference(painted, photo, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = [preserve_color(painted, photo, mode) for mode in ("luma", "match")]
    monkeypatch.setattr(colour, "STRIP_PIXELS", 350)  # seven rows
    for before, mode in zip(whole, ("luma", "match")):
        assert np.array_equal(before, preserve_color(painted, photo, mode))


def test_none_leaves_the_painting_and_other_words_are_refused(painted, photo) -> None:
    assert preserve_color(painted, photo, "none") is painted
    with pytest.raises(UsageError, match="did you mean 'match'"):
        preserve_color(painted, photo, "matsch")
