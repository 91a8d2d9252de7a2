"""Tiles that equal the untiled picture, and what happens when memory runs out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ganstyle.errors import EnvironmentProblem
from ganstyle.style import tiling
from ganstyle.style.base import BaseModel
from ganstyle.style.painters import Code, Pixels
from ganstyle.style.tiling import Tiling, measure, paint, tiles_of


@pytest.fixture(scope="module")
def picture() -> Pixels:
    rough = np.random.default_rng(3).integers(0, 256, (31, 44, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(rough).resize((611, 437), Image.Resampling.BILINEAR))


@pytest.fixture(scope="module")
def code(adastyle: BaseModel) -> Code:
    return 0.3 * np.random.default_rng(4).standard_normal(adastyle.code_length, dtype=np.float32)


def difference(first: Pixels, second: Pixels) -> Any:
    return np.abs(first.astype(int) - second.astype(int))


@pytest.mark.parametrize("side", [136, 200, 256])
def test_tiles_equal_the_untiled_picture(adastyle: BaseModel, picture: Pixels, code: Code, side: int) -> None:
    whole = paint(adastyle, picture, code)
    tiled = paint(adastyle, picture, code, tiling=Tiling(side))
    assert difference(whole, tiled).max() <= 1
    assert difference(whole, picture).mean() > 10  # something was painted


def test_without_a_halo_there_would_be_seams(adastyle: BaseModel, picture: Pixels, code: Code) -> None:
    seams = difference(paint(adastyle, picture, code, tiling=Tiling(128, halo=0)), paint(adastyle, picture, code))
    assert seams.max() > 2


@pytest.mark.parametrize(("height", "width", "side"), [(1, 1, 64), (64, 65, 64), (437, 611, 128), (128, 128, 128)])
def test_tiles_cover_every_pixel_once(height: int, width: int, side: int) -> None:
    seen = np.zeros((height, width, 3), np.uint8)
    for tile in tiles_of(height, width, side=side, halo=168):
        assert tile.origin[0] % 8 == tile.origin[1] % 8 == 0
        tile.write(tile.read(seen) + 1, seen)
    assert (seen == 1).all()


def test_an_odd_halo_is_rounded_up_to_the_grid() -> None:
    assert {tile.halo for tile in tiles_of(300, 300, side=64, halo=161)} == {168}


def test_the_choice_of_tile_bounds_memory() -> None:
    assert Tiling().side(2048, 2048) == 2048
    assert Tiling().side(6000, 4000) == tiling.LARGE_TILE
    assert (tiling.LARGE_TILE + 2 * tiling.HALO) ** 2 <= tiling.WHOLE_PIXELS
    assert Tiling(500).side(6000, 4000) == 504


def test_large_pictures_are_measured_from_a_thumbnail(adastyle: BaseModel, picture: Pixels, code: Code) -> None:
    small = np.asarray(Image.fromarray(picture).resize((305, 218), Image.Resampling.BILINEAR))
    by_limit = measure(adastyle.painter, picture, code, limit=218 * 306)
    directly = measure(adastyle.painter, small, code)
    for one, other in zip(by_limit, directly):
        assert torch.allclose(one[0], other[0], atol=2e-2, rtol=2e-2)


def test_all_tile_sizes_of_a_large_picture_agree(adastyle: BaseModel, picture: Pixels, code: Code, monkeypatch) -> None:
    monkeypatch.setattr(tiling, "WHOLE_PIXELS", 100_000)  # so that this picture is a large one
    first, second = (paint(adastyle, picture, code, tiling=Tiling(side)) for side in (640, 128))
    assert difference(first, second).max() <= 1


class Hungry:
    """A painter that takes no more than so many pixels at once."""

    def __init__(self, painter: Any, limit: int, error: Exception) -> None:
        self.painter, self.limit, self.error, self.seen = painter, limit, error, []

    def paint_tile(self, content: Pixels, code: Code, **kwargs: Any) -> Pixels:
        self.seen.append(content.shape[0] * content.shape[1])
        if self.seen[-1] > self.limit:
            raise self.error
        return self.painter.paint_tile(content, code, **kwargs)

    def measure(self, *args: Any, **kwargs: Any) -> Any:
        return self.painter.measure(*args, **kwargs)

    def release(self) -> None:
        self.painter.release()


OUT_OF_MEMORY = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


@pytest.mark.parametrize("error", [OUT_OF_MEMORY, MemoryError(), Exception("Failed to allocate memory for requested")])
def test_out_of_memory_means_smaller_tiles_and_the_same_result(
    adastyle: BaseModel, picture: Pixels, code: Code, error: Exception
) -> None:
    hungry = Hungry(adastyle.painter, 437 * 500, error)
    painted = paint(replace(adastyle, painter=hungry), picture, code)
    assert difference(painted, paint(adastyle, picture, code)).max() <= 1
    assert hungry.seen[0] == (437 + 2 * tiling.MARGIN) * (611 + 2 * tiling.MARGIN)


def test_without_any_memory_the_error_says_what_to_do(adastyle: BaseModel, picture: Pixels, code: Code) -> None:
    hungry = Hungry(adastyle.painter, 0, OUT_OF_MEMORY)
    with pytest.raises(EnvironmentProblem, match="out of memory") as caught:
        paint(replace(adastyle, painter=hungry), picture, code)
    assert caught.value.code == 6
    assert len(hungry.seen) == 4  # once, and three times smaller


class OnGpu(Hungry):
    """A painter that never has memory, and knows another on the CPU."""

    def on_cpu(self) -> Any:
        return self.painter


def test_only_an_automatic_device_falls_back_to_the_cpu(adastyle: BaseModel, picture: Pixels, code: Code) -> None:
    painter = OnGpu(adastyle.painter, 0, OUT_OF_MEMORY)
    hungry = replace(adastyle, painter=painter, device="cuda", may_fall_back=True)
    assert difference(paint(hungry, picture, code), paint(adastyle, picture, code)).max() <= 1
    with pytest.raises(EnvironmentProblem):
        paint(replace(hungry, may_fall_back=False), picture, code)


class EdgeMarker:
    """A painter that copies, and blackens the outermost pixels of what it sees."""

    def release(self) -> None:
        pass

    def paint_tile(self, content: Pixels, code: Code, **kwargs: Any) -> Pixels:
        marked = np.zeros_like(content)
        marked[4:-4, 4:-4] = content[4:-4, 4:-4]
        return marked


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (40, 3), (64, 80)])
def test_marks_at_the_edge_fall_into_the_margin_that_is_cut_off(adastyle: BaseModel, height: int, width: int) -> None:
    shown = (np.arange(3 * height * width).reshape(height, width, 3) % 251).astype(np.uint8)
    painted = paint(replace(adastyle, painter=EdgeMarker()), shown, np.zeros(4, np.float32))
    assert np.array_equal(painted, shown)


class HungryToMeasure(Hungry):
    """A painter that measures no more than so many pixels either."""

    def __init__(self, painter: Any, limit: int, most_measured: int) -> None:
        super().__init__(painter, limit, OUT_OF_MEMORY)
        self.most_measured, self.measured = most_measured, []

    def measure(self, content: Pixels, code: Code, **kwargs: Any) -> Any:
        self.measured.append(content.shape[0] * content.shape[1])
        if self.measured[-1] > self.most_measured:
            raise self.error
        return self.painter.measure(content, code, **kwargs)


def test_moments_come_from_the_largest_copy_that_fits_and_that_is_told(
    adastyle: BaseModel, picture: Pixels, code: Code, monkeypatch
) -> None:
    monkeypatch.setattr(tiling, "LEAST_MEASURED", 20_000)
    whole = (437 + 2 * tiling.MARGIN) * (611 + 2 * tiling.MARGIN)
    hungry, told = HungryToMeasure(adastyle.painter, 437 * 500, whole // 3), []
    painted = paint(replace(adastyle, painter=hungry), picture, code, told=told.append)
    assert hungry.measured[-2:] == [pytest.approx(whole / parts, rel=0.01) for parts in (1, 4)]
    assert told == ["memory was short: tones follow a copy of 329x242 pixels and differ a little"]
    assert difference(painted, paint(adastyle, picture, code)).mean() < 12


def test_a_picture_that_cannot_be_measured_at_all_is_an_error(adastyle: BaseModel, picture: Pixels, code: Code) -> None:
    hungry = HungryToMeasure(adastyle.painter, 0, 0)
    with pytest.raises(EnvironmentProblem, match="out of memory"):
        paint(replace(adastyle, painter=hungry), picture, code)
