"""The metric against pictures whose histograms are known."""

from __future__ import annotations

import pytest
import torch
from ganstyle_example.metrics import ColourDistance, ColourOptions

from ganstyle.errors import NoInputError


def distance(fake: int, real: int, *, bins: int = 32) -> float:
    metric = ColourDistance(ColourOptions(bins=bins), torch.device("cpu"))
    for value, is_real in ((fake, False), (real, True)):
        metric.update(torch.full((2, 3, 4, 4), value, dtype=torch.uint8), real=is_real)
    return metric.compute()[f"example_histogram{bins}"]


def test_equal_pictures_are_at_distance_0_and_black_and_white_at_distance_1() -> None:
    assert (distance(7, 7), distance(0, 255)) == (0.0, 1.0)


def test_a_bin_holds_neighbouring_values() -> None:
    assert (distance(0, 127, bins=2), distance(127, 128, bins=2)) == (0.0, 1.0)


def test_half_the_pixels_in_another_colour_are_at_distance_one_half() -> None:
    metric = ColourDistance(ColourOptions(), torch.device("cpu"))
    halves = torch.cat([torch.zeros(1, 3, 4, 2), torch.full((1, 3, 4, 2), 255.0)], dim=3).to(torch.uint8)
    metric.update(halves, real=False)
    metric.update(torch.zeros(1, 3, 4, 4, dtype=torch.uint8), real=True)
    assert metric.compute()["example_histogram32"] == pytest.approx(0.5)


def test_nothing_has_no_distance() -> None:
    with pytest.raises(NoInputError):
        ColourDistance(ColourOptions(), torch.device("cpu")).compute()
