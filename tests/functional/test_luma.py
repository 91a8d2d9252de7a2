"""The weights of red, green and blue follow from each standard's primaries and white."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

from ganstyle.functional.luma import REC_601, REC_709

ROOT = Path(__file__).parents[2]
# x and y of red, green, blue and white: BT.709-6 item 1.3, and NTSC of 1953 with illuminant C, where BT.601's come from
REC_709_COLOURS = (0.640, 0.330), (0.300, 0.600), (0.150, 0.060), (0.3127, 0.3290)
NTSC_COLOURS = (0.67, 0.33), (0.21, 0.71), (0.14, 0.08), (0.3101, 0.3162)


@pytest.mark.parametrize(("weights", "colours", "digits"), [(REC_709, REC_709_COLOURS, 4), (REC_601, NTSC_COLOURS, 3)])
def test_the_weights_are_the_brightness_of_the_primaries_that_make_white(weights, colours, digits):
    *primaries, white = (np.array([x / y, 1.0, (1 - x - y) / y]) for x, y in colours)
    shares = np.linalg.solve(np.stack(primaries, 1), white)
    assert np.round(shares, digits).tolist() == list(weights)


@pytest.mark.parametrize("weights", [REC_601, REC_709])
def test_white_is_as_bright_as_its_channels(weights):
    assert sum(weights) == pytest.approx(1.0, abs=1e-12)


def test_they_stand_nowhere_else():
    numbers = {*REC_601, *REC_709}
    found = [
        path.relative_to(ROOT).as_posix()
        for folder in ("ganstyle", "plugins")
        for path in (ROOT / folder).rglob("*.py")
        if any(digits in (text := path.read_text("utf-8")) for digits in map(str, numbers))
        and any(isinstance(node, ast.Constant) and node.value in numbers for node in ast.walk(ast.parse(text)))
    ]
    assert found == ["ganstyle/functional/luma.py"]
