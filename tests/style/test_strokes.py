"""Stroke size: how wide strokes are, how crisp edges stay, and that strips make no difference."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from PIL import Image
from tiny_painter import gradient

from ganstyle.errors import InputError, UsageError
from ganstyle.style import strokes
from ganstyle.style.strokes import automatic_size, check_stroke_size, edge_slopes, enlarged, kuwahara, paint_at

PERIOD = 8


def hatching(picture: np.ndarray) -> np.ndarray:
    """Paint stripes of 8 pixels, whatever the size of the picture: a brush of fixed width."""
    wave = 128 + 100 * np.sin(2 * np.pi * np.arange(picture.shape[1]) / PERIOD)
    return np.broadcast_to(wave[None, :, None], picture.shape).round().astype(np.uint8)


def same(picture: np.ndarray) -> np.ndarray:
    return picture


def period(painted: np.ndarray) -> float:
    """Return the width of a wave, by the strongest frequency of the middle row."""
    row = painted[len(painted) // 2, :, 0].astype(float)
    spectrum = np.abs(np.fft.rfft(row - row.mean()))
    return len(row) / int(spectrum.argmax())


def step(width: int = 240, height: int = 120) -> np.ndarray:
    picture = np.full((height, width, 3), 40, np.uint8)
    picture[:, width // 2 :] = 210
    return picture


def rise(painted: np.ndarray) -> int:
    """Return over how many pixels the middle row climbs from 10 % to 90 %."""
    row = painted[len(painted) // 2, :, 1].astype(float)
    low, high = row.min(), row.max()
    return int(((row > low + 0.1 * (high - low)) & (row < low + 0.9 * (high - low))).sum())


@pytest.mark.parametrize("size", [0.5, 1, 2, 3, 4])
def test_strokes_are_as_many_times_wider(size: float) -> None:
    painted = paint_at(hatching, np.zeros((96, 480, 3), np.uint8), stroke_size=size)
    assert painted.shape == (96, 480, 3)
    assert period(painted) == pytest.approx(PERIOD * size, rel=0.07)


def test_size_one_is_the_painting_itself() -> None:
    picture = np.asarray(gradient())
    assert np.array_equal(paint_at(hatching, picture, stroke_size=1), hatching(picture))


@pytest.mark.parametrize("size", [2, 4])
def test_edges_of_the_photograph_stay_as_crisp_as_they_were(size: float) -> None:
    small = step(round(240 / size), round(120 / size))
    blurred = np.asarray(Image.fromarray(small).resize((240, 120), Image.Resampling.BICUBIC))
    painted = paint_at(same, step(), stroke_size=size)
    assert rise(painted) <= 1
    if size > 2:
        assert rise(blurred) >= 3  # what enlarging alone does


def test_strokes_get_crisp_borders_where_the_photograph_has_no_edge() -> None:
    blank = np.full((120, 240, 3), 128, np.uint8)

    def blob(picture: np.ndarray) -> np.ndarray:
        return step(picture.shape[1], picture.shape[0])

    plain = np.asarray(Image.fromarray(step(60, 30)).resize((240, 120), Image.Resampling.BICUBIC))
    assert rise(paint_at(blob, blank, stroke_size=4)) <= 2 < rise(plain)


def test_a_little_more_size_changes_a_little() -> None:
    picture = np.asarray(gradient(200, 120))
    steps = [paint_at(same, picture, stroke_size=size).astype(float) for size in (1.0, 1.02, 1.5, 1.52, 3.0, 3.02)]
    for first, second in zip(steps[::2], steps[1::2], strict=True):
        assert np.abs(first - second).mean() < 1


def test_a_flat_painting_stays_flat() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    painted = paint_at(lambda small: np.full_like(small, 77), picture, stroke_size=3)
    assert np.abs(painted.astype(int) - 77).max() <= 1


@pytest.mark.parametrize("size", [1.3, 2.0, 4.0])
def test_strips_make_no_difference(size: float, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(3)
    picture = np.asarray(Image.fromarray(generator.integers(0, 256, (20, 24, 3), np.uint8)).resize((181, 143)))
    small = np.asarray(Image.fromarray(picture).resize((round(181 / size), round(143 / size))))
    painted = 255 - small[:, ::-1]
    whole = enlarged(painted, small, picture=picture, stroke_size=size)
    monkeypatch.setattr(strokes, "STRIP_PIXELS", 181 * 10)
    strips = enlarged(painted, small, picture=picture, stroke_size=size)
    assert np.abs(strips.astype(int) - whole).max() <= 2


def test_memory_grows_with_the_strip_not_with_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strokes, "STRIP_PIXELS", 1 << 14)
    peaks = []
    for height in (400, 1600):
        picture, small = np.zeros((height, 400, 3), np.uint8), np.zeros((height // 2, 200, 3), np.uint8)
        tracemalloc.start()
        enlarged(small, small, picture=picture, stroke_size=2)
        peaks.append(tracemalloc.get_traced_memory()[1] - picture.nbytes)
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (40, 2)])
@pytest.mark.parametrize("stroke_size", [0.5, 4])
def test_any_size_of_picture_comes_back(size: tuple[int, int], stroke_size: float) -> None:
    picture = np.full((*size, 3), 90, np.uint8)
    assert np.array_equal(paint_at(same, picture, stroke_size=stroke_size), picture)


def test_slopes_say_how_channels_follow_the_photograph() -> None:
    luma = np.tile(np.linspace(0, 255, 64, dtype=np.float32), (40, 1))
    painted = np.stack([2 * luma, 50 - luma, np.full_like(luma, 9)])
    inner = edge_slopes(painted, luma)[:, 10:-10, 12:-12].mean((1, 2))
    # A ramp of 4 levels a pixel varies less than an edge: the regression's slope is damped towards 0.
    assert inner[0] == pytest.approx(-2 * inner[1], rel=1e-3)
    assert 0.1 < inner[0] < 2
    assert abs(inner[2]) < 1e-6
    steep = edge_slopes(np.stack([-0.5 * step()[..., 0].astype(np.float32)] * 3), step()[..., 0].astype(np.float32))
    assert -0.5 < steep[0, 60, 120] < -0.35  # of an edge nearly all comes back


def test_the_filter_without_radius_and_on_a_flat_picture_changes_nothing() -> None:
    planes = np.random.default_rng(0).uniform(0, 255, (3, 20, 20)).astype(np.float32)
    assert kuwahara(planes, 0) is planes
    flat = np.full((3, 20, 20), 33, np.float32)
    assert np.allclose(kuwahara(flat, 2.4), flat, atol=1e-3)


def test_the_filter_keeps_a_step_and_smooths_noise() -> None:
    noisy = step().transpose(2, 0, 1) + np.random.default_rng(0).normal(0, 8, (3, 120, 240))
    smooth = kuwahara(noisy.astype(np.float32), 2.7)
    assert smooth[:, :, :110].std() < 5
    assert rise(smooth.transpose(1, 2, 0)) <= 3


@pytest.mark.parametrize("size", [0.4, 4.1, float("nan"), -1])
def test_sizes_out_of_range_are_refused(size: float) -> None:
    with pytest.raises(UsageError, match="stroke size"):
        check_stroke_size(size)


def test_strokes_too_fine_for_memory_are_refused_before_painting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strokes, "MAX_PIXELS", 1000)
    with pytest.raises(InputError, match="120x80"):
        paint_at(pytest.fail, np.zeros((40, 60, 3), np.uint8), stroke_size=0.5)


@pytest.mark.parametrize(
    ("size", "expected"), [((640, 480), 1), ((1024, 700), 1), ((1000, 2048), 2), ((6000, 4000), 4)]
)
def test_the_automatic_size_keeps_the_look_of_a_style(size: tuple[int, int], expected: float) -> None:
    assert automatic_size(*size) == expected
