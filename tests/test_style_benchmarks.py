"""What the benchmarks of styles say about their figures."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def ablation():
    """Benchmarks are programs that import one another by their bare names."""
    sys.path.insert(0, str(BENCHMARKS))
    import style_ablation

    yield style_ablation
    sys.path.remove(str(BENCHMARKS))


def rows(ablation, **values):
    """Return four pairs; a number is taken for all of them, and a measure not named is its place in the table."""
    standing = {name: float(index) for index, name in enumerate(ablation.SHOWN)}
    columns = standing | values
    return [{name: float(np.broadcast_to(value, 4)[pair]) for name, value in columns.items()} for pair in range(4)]


def test_the_first_run_is_told_by_its_means(ablation):
    text = ablation.table({"all": rows(ablation, style=[0.1, 0.2, 0.3, 0.4])})
    header, _, line = text.splitlines()
    assert header.startswith("| | style | style, half size | content |")
    assert line.startswith("| all | 0.25 | 1 | 2 |")


def test_a_difference_that_every_pair_shows_is_in_bold(ablation):
    base = rows(ablation, style=[0.1, 0.9, 0.5, 0.3], content=1.0)
    worse = rows(ablation, style=[0.2, 1.0, 0.6, 0.4], content=[0.9, 1.1, 0.8, 1.2])
    line = ablation.table({"all": base, "no windows": worse}).splitlines()[-1]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[0] == "no windows"
    assert cells[1] == "**+0.1 (+0.1 to +0.1)**"
    low, high = (float(part) for part in cells[3].partition("(")[2].rstrip(")").split(" to "))
    assert low < 0 < high
    assert not cells[3].startswith("**")


def test_a_sheet_has_a_tile_for_every_picture(ablation):
    red, wide = np.full((30, 40, 3), (255, 0, 0), np.uint8), np.zeros((20, 80, 3), np.uint8)
    image = ablation.tiled([[red, wide], [wide]], 40)
    assert image.size == (2 * 43, 2 * 33)
    assert image.getpixel((5, 5)) == (255, 0, 0)
    assert image.getpixel((43 + 5, 5)) == (0, 0, 0)
    assert image.getpixel((43 + 5, 33 + 5)) == (255, 255, 255)
