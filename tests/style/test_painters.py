"""The two ends of a painter: pixels in, pixels out, and no torch before it is needed."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from ganstyle.style.base import BaseModel
from ganstyle.style.painters import TorchPainter, from_signed, to_signed

MODULES = ("transfer", "tiling", "blending", "bank", "selection", "batch", "sheet", "painters", "base")
SLOW = ("torch", "scipy", "skimage", "onnx", "ganstyle.engine.model")


def test_importing_what_paints_imports_nothing_slow() -> None:
    imports = "; ".join(f"import ganstyle.style.{name}" for name in MODULES)
    program = f"import sys; {imports}; print([name for name in {SLOW!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_bytes_survive_the_way_to_floats_and_back() -> None:
    levels = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    assert np.array_equal(from_signed(to_signed(levels)[0]), levels)


@pytest.mark.parametrize(("value", "level"), [(-1.5, 0), (-1.0, 0), (0.0, 128), (0.5, 191), (1.0, 255), (3.0, 255)])
def test_floats_are_rounded_and_clipped(value: float, level: int) -> None:
    assert (from_signed(torch.full((3, 2, 4), value)) == level).all()


def test_a_picture_keeps_its_axes() -> None:
    picture = np.zeros((2, 5, 3), np.uint8)
    picture[1, 4] = (255, 0, 51)
    images = to_signed(picture)
    assert images.shape == (1, 3, 2, 5)
    assert images[0, :, 1, 4].tolist() == pytest.approx([1.0, -1.0, -0.6])


class Shifting(torch.nn.Module):
    """A stylizer that adds its weight and says what it was called with."""

    def __init__(self) -> None:
        super().__init__()
        self.shift = torch.nn.Parameter(torch.tensor(0.2))
        self.calls: list[dict[str, object]] = []

    def stylize(self, content: torch.Tensor, code: torch.Tensor, **kwargs: object) -> torch.Tensor:
        self.calls.append({"code": code.tolist(), **kwargs})
        return content + self.shift

    def measure(self, content: torch.Tensor, code: torch.Tensor, *, seed: int) -> tuple[float, int]:
        return float(content.mean()), seed


def test_the_torch_painter_hands_everything_to_the_network() -> None:
    network = Shifting()
    painter = TorchPainter(network, "cpu")
    picture, code = np.full((4, 6, 3), 51, np.uint8), np.array([1, 2], np.float32)
    statistics = painter.measure(picture, code, seed=7)
    assert statistics == (pytest.approx(-0.6), 7)
    painted = painter.paint_tile(picture[1:, ::-1], code, statistics=statistics, offset=(8, 16), seed=9)
    assert painted.shape == (3, 6, 3) and (painted == 76).all()  # (-0.6 + 0.2 + 1) * 127.5 = 76.5, to even
    assert network.calls == [{"code": [[1.0, 2.0]], "statistics": statistics, "offset": (8, 16), "seed": 9}]


def test_a_painter_on_the_cpu_is_a_copy() -> None:
    painter = TorchPainter(Shifting(), "meta")
    copied = painter.on_cpu()
    assert (copied.device, painter.device) == ("cpu", "meta")
    assert copied.stylizer is not painter.stylizer


def test_any_code_fits_a_network_that_does_not_say_its_length(adastyle: BaseModel) -> None:
    assert TorchPainter(Shifting(), "cpu").code_length is None
    assert adastyle.code_length == adastyle.stylizer.code_length
