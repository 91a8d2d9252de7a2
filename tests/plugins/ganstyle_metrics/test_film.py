"""Films whose motion is known: steady ones score little, flickering and swimming ones much."""

from __future__ import annotations

import weakref
from itertools import pairwise

import pytest
import torch
from ganstyle_metrics.film import FlickerOptions, WarpOptions, build_flicker, build_warp_error
from metric_pictures import noisy, scene

from ganstyle.errors import InputError, NoInputError

STEPS = 4


def panned(picture, speed=2):
    """A camera that moves over a picture, uint8 (3, 64, 80) each."""
    return [picture[:, 8:72, 10 + speed * t : 90 + speed * t] for t in range(STEPS)]


@pytest.fixture(scope="module")
def source():
    return panned(noisy(scene(0, 80, 110), 6))


@pytest.fixture
def steady(source):
    """A recolouring that moves with the source."""
    return [255 - frame // 2 for frame in source]


def swimming(frames):
    """Paint that stays on the screen while the source moves under it."""
    paint = scene(5, 64, 80)
    return [(frame // 2 + paint // 2).to(torch.uint8) for frame in frames]


def flickering(frames, strength=20):
    return [(frame.int() + strength * (t % 2)).clamp(0, 255).to(torch.uint8) for t, frame in enumerate(frames)]


@pytest.mark.parametrize("flow", ["windows", pytest.param("tvl1", marks=pytest.mark.slow)])
def test_paint_that_moves_with_its_source_beats_paint_that_does_not(source, steady, flow):
    values = []
    for film in (steady, flickering(steady), swimming(source)):
        metric = build_warp_error(WarpOptions(flow=flow, side=80), "cpu")
        metric.update_film(film, source)
        values.append(metric.compute()[f"warp_error_{flow}80"])
    assert 10 * values[0] < min(values[1:])


def test_the_error_of_a_lamp_that_is_switched_is_its_square(source):
    still = [source[0]] * STEPS
    lit = [frame.clamp(0, 200) + 25 * (t % 2) for t, frame in enumerate(still)]
    metric = build_warp_error(WarpOptions(), "cpu")
    metric.update_film(lit, still)
    found = metric.compute()
    assert found["warp_error_windows256"] == pytest.approx((25 / 255) ** 2, rel=1e-4)
    assert found["warp_error_windows256_of_source"] == pytest.approx(0, abs=1e-12)


def test_the_source_s_own_error_is_given(source):
    metric = build_warp_error(WarpOptions(side=80), "cpu")
    metric.update_film(source, source)
    found = metric.compute()
    assert found["warp_error_windows80"] == found["warp_error_windows80_of_source"] > 0


def test_motion_found_in_small_frames_serves_the_full_size(source):
    large = [frame.repeat_interleave(2, 1).repeat_interleave(2, 2) for frame in source]
    metric = build_warp_error(WarpOptions(side=80), "cpu")
    metric.update_film(large, large)
    still = torch.stack([(a.float() - b).square().mean() / 255**2 for a, b in pairwise(large)]).mean()
    assert metric.compute()["warp_error_windows80"] < 0.2 * still


def test_flicker_is_the_change_beyond_the_source(source, steady):
    metric = build_flicker(FlickerOptions(), "cpu")
    metric.update_film(steady, source)
    assert metric.compute()["flicker_beyond_source"] == pytest.approx(0, abs=2e-3)  # half of the source's, rounded
    metric.reset()
    still = [source[0].clamp(0, 200)] * STEPS
    metric.update_film(flickering(still, 30), still)
    assert metric.compute()["flicker_beyond_source"] == pytest.approx(30 / 255, rel=1e-5)


def test_films_are_pairs_with_values_in_order_and_an_interval(source):
    metric = build_flicker(FlickerOptions(), "cpu")
    still = [source[0].clamp(0, 200)] * 3
    for strength in (30, 10):
        metric.update_film(flickering(still, strength), still)
    assert metric.pair_values().tolist() == pytest.approx([30 / 255, 10 / 255])
    low, high = metric.intervals()["flicker_beyond_source"]
    assert low < 20 / 255 < high
    metric.reset()
    metric.update_film(still, still)
    assert metric.intervals() == {}


def test_frames_are_read_as_they_come_and_few_are_held():
    made = []

    def frames():
        for t in range(8):
            frame = torch.full((3, 32, 32), t, dtype=torch.uint8)
            made.append(weakref.ref(frame))
            assert sum(one() is not None for one in made) <= 3  # the new one, and the pair that was compared last
            yield frame

    metric = build_flicker(FlickerOptions(), "cpu")
    metric.update_film(frames(), iter([torch.zeros(3, 32, 32, dtype=torch.uint8)] * 8))
    assert len(made) == 8


@pytest.mark.parametrize("build", [build_flicker, build_warp_error], ids=["flicker", "warp_error"])
def test_films_that_do_not_compare_are_refused(build, source):
    metric = build(WarpOptions() if build is build_warp_error else FlickerOptions(), "cpu")
    with pytest.raises(InputError, match="the film ends after 3 frames"):
        metric.update_film(source[:3], source)
    with pytest.raises(InputError, match="the source ends after 1 frames"):
        metric.update_film(source, source[:1])
    with pytest.raises(InputError, match="at least two frames"):
        metric.update_film(source[:1], source[:1])
    with pytest.raises(InputError, match="equal sizes"):
        metric.update_film([frame[:, :40] for frame in source], source)
    with pytest.raises(NoInputError, match="no films"):
        metric.compute()


def test_noise_can_not_be_followed_and_is_said():
    generator = torch.Generator().manual_seed(0)
    film = [torch.randint(0, 256, (3, 64, 64), generator=generator, dtype=torch.uint8) for _ in range(3)]
    metric = build_warp_error(WarpOptions(), "cpu")
    try:
        metric.update_film(film, film)
    except InputError as error:
        assert "can be followed" in error.message
    else:
        assert "can't be followed" in metric.warnings()[0]
