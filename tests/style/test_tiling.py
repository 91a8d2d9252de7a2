"""Tiles that equal the untiled picture, and what happens when memory runs out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from ganstyle.errors import EnvironmentProblem
from ganstyle.style import tiling
from ganstyle.style.tiling import Tiling, as_bytes, as_input, is_out_of_memory, measure, paint, tiles_of


@pytest.fixture(scope="module")
def picture() -> Tensor:
    rough = torch.rand(1, 3, 31, 44, generator=torch.Generator().manual_seed(3))
    smooth = torch.nn.functional.interpolate(rough, size=(437, 611), mode="bilinear")[0]
    return (smooth * 255).byte()


@pytest.fixture(scope="module")
def code(adastyle: Any) -> Tensor:
    return 0.3 * torch.randn(adastyle.stylizer.code_length, generator=torch.Generator().manual_seed(4))


@pytest.mark.parametrize("side", [136, 200, 256])
def test_tiles_equal_the_untiled_picture(adastyle: Any, picture: Tensor, code: Tensor, side: int) -> None:
    whole = paint(adastyle, picture, code)
    tiled = paint(adastyle, picture, code, tiling=Tiling(side))
    assert (whole.int() - tiled.int()).abs().max() <= 1
    assert (whole.int() - picture.int()).abs().float().mean() > 10  # something was painted


def test_without_a_halo_there_would_be_seams(adastyle: Any, picture: Tensor, code: Tensor) -> None:
    seams = paint(adastyle, picture, code, tiling=Tiling(128, halo=0)).int() - paint(adastyle, picture, code).int()
    assert seams.abs().max() > 2


@pytest.mark.parametrize(("height", "width", "side"), [(1, 1, 64), (64, 65, 64), (437, 611, 128), (128, 128, 128)])
def test_tiles_cover_every_pixel_once(height: int, width: int, side: int) -> None:
    seen = torch.zeros(3, height, width)
    for tile in tiles_of(height, width, side=side, halo=168):
        assert tile.origin[0] % 8 == tile.origin[1] % 8 == 0
        tile.write(tile.read(seen) + 1, seen)
    assert torch.equal(seen, torch.ones(3, height, width))


def test_an_odd_halo_is_rounded_up_to_the_grid() -> None:
    assert {tile.halo for tile in tiles_of(300, 300, side=64, halo=161)} == {168}


def test_the_choice_of_tile_bounds_memory() -> None:
    assert Tiling().side(2048, 2048) == 2048
    assert Tiling().side(6000, 4000) == 1536
    assert Tiling(500).side(6000, 4000) == 504


def test_large_pictures_are_measured_from_a_thumbnail(adastyle: Any, picture: Tensor, code: Tensor) -> None:
    small = torch.nn.functional.interpolate(picture[None], size=(218, 305), mode="bilinear", antialias=True)[0]
    by_limit = measure(adastyle, picture, code[None], limit=218 * 306)
    directly = measure(adastyle, small, code[None])
    for one, other in zip(by_limit, directly):
        assert torch.allclose(one[0], other[0], atol=2e-2, rtol=2e-2)


def test_all_tile_sizes_of_a_large_picture_agree(adastyle: Any, picture: Tensor, code: Tensor, monkeypatch) -> None:
    monkeypatch.setattr(tiling, "WHOLE_PIXELS", 100_000)  # so that this picture is a large one
    first, second = (paint(adastyle, picture, code, tiling=Tiling(side)) for side in (640, 128))
    assert (first.int() - second.int()).abs().max() <= 1


def test_bytes_survive_the_way_to_floats_and_back() -> None:
    levels = torch.arange(256, dtype=torch.uint8).repeat(3).view(3, 16, 16)
    assert torch.equal(as_bytes(as_input(levels, torch.device("cpu"))[0]), levels)


class Hungry:
    """A stylizer that takes no more than so many pixels at once."""

    def __init__(self, stylizer: Any, limit: int) -> None:
        self.stylizer, self.limit, self.seen = stylizer, limit, []

    def stylize(self, content: Tensor, code: Tensor, **kwargs: Any) -> Tensor:
        self.seen.append(content.shape[2] * content.shape[3])
        if self.seen[-1] > self.limit:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return self.stylizer.stylize(content, code, **kwargs)

    def measure(self, *args: Any, **kwargs: Any) -> Any:
        return self.stylizer.measure(*args, **kwargs)


def test_out_of_memory_means_smaller_tiles_and_the_same_result(adastyle: Any, picture: Tensor, code: Tensor) -> None:
    hungry = Hungry(adastyle.stylizer, 437 * 500)
    painted = paint(replace(adastyle, stylizer=hungry), picture, code)
    assert (painted.int() - paint(adastyle, picture, code).int()).abs().max() <= 1
    assert hungry.seen[0] == (437 + 2 * tiling.MARGIN) * (611 + 2 * tiling.MARGIN)


def test_without_any_memory_the_error_says_what_to_do(adastyle: Any, picture: Tensor, code: Tensor) -> None:
    hungry = Hungry(adastyle.stylizer, 0)
    with pytest.raises(EnvironmentProblem, match="out of memory") as caught:
        paint(replace(adastyle, stylizer=hungry), picture, code)
    assert caught.value.code == 6
    assert len(hungry.seen) == 4  # once, and three times smaller


def test_only_an_automatic_device_falls_back_to_the_cpu(
    adastyle: Any, picture: Tensor, code: Tensor, monkeypatch
) -> None:
    hungry = replace(adastyle, stylizer=Hungry(adastyle.stylizer, 0), device=torch.device("meta"), may_fall_back=True)
    monkeypatch.setattr(tiling, "_paint_once", lambda base, *args, **kwargs: _cpu_only(base))
    monkeypatch.setattr(tiling, "on_cpu", lambda base: replace(adastyle, device=torch.device("cpu")))
    assert (paint(hungry, picture, code) == 7).all()
    with pytest.raises(EnvironmentProblem):
        paint(replace(hungry, may_fall_back=False), picture, code)


def _cpu_only(base: Any) -> Tensor:
    if base.device.type != "cpu":
        raise torch.OutOfMemoryError("out of memory")
    return torch.full((3, 600, 700), 7, dtype=torch.uint8)


class EdgeMarker:
    """A stylizer that copies, and blackens the outermost pixels of what it sees."""

    def stylize(self, content: Tensor, code: Tensor, **kwargs: Any) -> Tensor:
        marked = torch.full_like(content, -1.0)
        marked[:, :, 4:-4, 4:-4] = content[:, :, 4:-4, 4:-4]
        return marked


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (40, 3), (64, 80)])
def test_marks_at_the_edge_fall_into_the_margin_that_is_cut_off(adastyle: Any, height: int, width: int) -> None:
    shown = torch.arange(3 * height * width).reshape(3, height, width).remainder(251).byte()
    painted = paint(replace(adastyle, stylizer=EdgeMarker()), shown, torch.zeros(4))
    assert torch.equal(painted, shown)


def test_other_errors_are_not_taken_for_a_lack_of_memory() -> None:
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried ..."))
    assert not is_out_of_memory(RuntimeError("shape '[3]' is invalid for input of size 4"))
