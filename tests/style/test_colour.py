"""Colours kept: against scikit-image and against the moments themselves."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.color import rgb2lab
from skimage.exposure import match_histograms

from ganstyle.errors import UsageError
from ganstyle.style import colour
from ganstyle.style.colour import MODES, color_moments, color_transform, match_colors, parse_mode, preserve_color


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


@pytest.mark.parametrize("mode", ["luma", "match", "luma:0.3", "histogram"])
def test_a_picture_keeps_its_own_colours(photo: np.ndarray, mode: str) -> None:
    rounding = 2 if mode == "histogram" else 1  # it rounds Lab to 8 bits
    assert np.abs(preserve_color(photo, photo, mode).astype(int) - photo).max() <= rounding


def test_strips_make_no_difference(painted, photo, monkeypatch: pytest.MonkeyPatch) -> None:
    modes = [mode for mode in MODES if mode != "none"] + ["match:0.5"]
    whole = [preserve_color(painted, photo, mode) for mode in modes]
    monkeypatch.setattr(colour, "STRIP_PIXELS", 350)  # seven rows
    for before, mode in zip(whole, modes, strict=True):
        assert np.array_equal(before, preserve_color(painted, photo, mode)), mode


def test_histogram_has_the_distributions_of_the_photograph_on_both_axes(painted, photo) -> None:
    kept, wanted = rgb2lab(preserve_color(painted, photo, "histogram")), rgb2lab(photo)
    assert np.abs(kept[..., 0] - rgb2lab(painted)[..., 0]).mean() < 1
    for channel in (1, 2):
        levels = np.percentile(kept[..., channel], (5, 25, 50, 75, 95))
        assert np.allclose(levels, np.percentile(wanted[..., channel], (5, 25, 50, 75, 95)), atol=2)


def sliced_distance(one: np.ndarray, other: np.ndarray) -> float:
    """Return the mean distance of sorted projections of the colours of two Lab pictures of one size."""
    angles = np.linspace(0, np.pi, 30, endpoint=False)
    axes = np.stack([np.cos(angles), np.sin(angles)])
    projected = [np.sort(lab[..., 1:].reshape(-1, 2) @ axes, axis=0) for lab in (one, other)]
    return float(np.abs(projected[0] - projected[1]).mean())


def test_histogram_matches_pairs_of_colours_where_scikit_image_matches_each_axis(painted) -> None:
    share = np.random.default_rng(2).random((60, 50, 1))
    photo = np.rint((200, 90, 60) + share * (np.array((60, 120, 190)) - (200, 90, 60))).astype(np.uint8)  # red to blue
    lab, wanted = rgb2lab(painted), rgb2lab(photo)
    axis_by_axis = np.dstack([lab[..., 0], match_histograms(lab[..., 1:], wanted[..., 1:], channel_axis=-1)])
    ours = rgb2lab(preserve_color(painted, photo, "histogram"))
    assert sliced_distance(ours, wanted) < 0.25 * sliced_distance(axis_by_axis, wanted)


@pytest.mark.parametrize("level", [0, 200])
def test_histogram_of_a_grey_photograph_is_grey(painted, level: int) -> None:
    grey = preserve_color(painted, np.full_like(painted, level), "histogram").astype(int)
    assert np.ptp(grey, axis=-1).max() <= 2


def hues(picture: np.ndarray) -> np.ndarray:
    lab = rgb2lab(picture)
    return np.arctan2(lab[..., 2], lab[..., 1])


def test_hue_comes_from_the_photograph_and_light_and_vividness_from_the_painting() -> None:
    photo = np.full((4, 4, 3), (190, 60, 60), np.uint8)
    painted = np.full((4, 4, 3), (90, 110, 170), np.uint8)
    kept = preserve_color(painted, photo, "hue")
    assert np.allclose(hues(kept), hues(photo), atol=0.05)
    before, after = rgb2lab(painted)[0, 0], rgb2lab(kept)[0, 0]
    assert after[0] == pytest.approx(before[0], abs=1)
    assert np.linalg.norm(after[1:]) == pytest.approx(np.linalg.norm(before[1:]), rel=0.12)


def test_what_is_grey_in_the_photograph_gets_no_hue_from_noise() -> None:
    generator = np.random.default_rng(0)
    photo = np.clip(128 + generator.integers(-1, 2, (30, 30, 3)), 0, 255).astype(np.uint8)
    painted = np.full((30, 30, 3), (200, 60, 40), np.uint8)
    chroma = np.linalg.norm(rgb2lab(preserve_color(painted, photo, "hue"))[..., 1:], axis=-1)
    assert chroma.mean() < 0.3 * np.linalg.norm(rgb2lab(painted)[0, 0, 1:])


def test_an_amount_goes_that_part_of_the_way(painted, photo) -> None:
    whole = preserve_color(painted, photo, "match").astype(float)
    expected = painted + 0.25 * (whole - painted)
    assert np.abs(preserve_color(painted, photo, "match:0.25") - expected).max() <= 0.51
    assert preserve_color(painted, photo, "luma:0") is painted
    assert np.array_equal(preserve_color(painted, photo, "match:1"), whole)


def test_modes_are_read_with_their_amounts() -> None:
    assert parse_mode("luma") == ("luma", 1.0)
    assert parse_mode("hue:0.5") == ("hue", 0.5)


@pytest.mark.parametrize("amount", ["", "x", "1.1", "-0.5", "nan"])
def test_amounts_out_of_range_are_refused(amount: str) -> None:
    with pytest.raises(UsageError, match="amount between 0 and 1"):
        parse_mode(f"match:{amount}")


def test_none_leaves_the_painting_and_other_words_are_refused(painted, photo) -> None:
    assert preserve_color(painted, photo, "none") is painted
    with pytest.raises(UsageError, match="did you mean 'match'"):
        preserve_color(painted, photo, "matsch")
