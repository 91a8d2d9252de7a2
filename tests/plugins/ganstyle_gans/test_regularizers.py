"""Penalties on discriminators whose gradient is known."""

from __future__ import annotations

import pytest
import torch
from ganstyle_gans import regularizers as R
from torch import nn


@pytest.fixture
def linear():
    """Return a discriminator D(x) = 2 x_0, whose gradient has length 2 everywhere."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 1, bias=False))
    nn.init.zeros_(network[1].weight)
    network[1].weight.data[0, 0] = 2.0
    return network


REAL, FAKE = torch.full((2, 3, 2, 2), 0.5), torch.full((2, 3, 2, 2), -0.25)


@pytest.mark.parametrize(
    ("penalty", "expected"),
    [
        (R.R1(R.ZeroCentredOptions(gamma=3.0)), 0.5 * 3.0 * 4.0),
        (R.R2(R.ZeroCentredOptions(gamma=3.0)), 0.5 * 3.0 * 4.0),
        (R.GradientPenalty(R.GradientPenaltyOptions()), 10.0 * (2.0 - 1.0) ** 2),
        (R.GradientPenalty(R.GradientPenaltyOptions(target=2.0)), 0.0),
    ],
)
def test_penalty_of_a_linear_discriminator(linear, penalty, expected):
    assert penalty(linear, REAL, FAKE).item() == pytest.approx(expected, abs=1e-9)


def test_r1_looks_at_real_and_r2_at_generated_pictures():
    square = nn.Module()
    square.forward = lambda x: x.square().flatten(1).sum(1)  # |gradient|^2 = 4 |x|^2
    options = R.ZeroCentredOptions()
    assert R.R1(options)(square, REAL, FAKE).item() == pytest.approx(0.5 * 4 * 12 * 0.25)
    assert R.R2(options)(square, REAL, FAKE).item() == pytest.approx(0.5 * 4 * 12 * 0.0625)


def test_gradient_penalties_say_that_they_are_per_picture():
    assert R.R1.per_picture and R.R2.per_picture and R.GradientPenalty.per_picture
    assert not getattr(R.Drift, "per_picture", False) and not getattr(R.Lecam, "per_picture", False)
