"""Path lengths of generators whose answer is known, and of the protocol's parts."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from ganstyle_metrics.path_length import PathLength, PathLengthOptions, build_ppl, slerp

from ganstyle.errors import InputError, NoInputError, UsageError
from ganstyle.testing import check_evaluator


class Squared:
    """A distance that is the mean squared difference in [0, 255]."""

    weights_sha256 = "abc"

    def measure(self, images, reference):
        return (images.double() - reference.double()).square().mean((1, 2, 3))


class Linear:
    """Pictures whose brightness is the first code times a slope, with noise drawn anew in every call."""

    z_dim, labels, device = 3, 0, "cpu"

    def __init__(self, slope, *, styled=True, noise=0.0):
        self.slope, self.styled, self.noise = slope, styled, noise

    def codes(self, z, labels=None):
        return z[:, None]

    def synthesise(self, codes, labels=None):
        plane = (self.slope * codes[:, 0, :1].double())[..., None, None].expand(-1, 3, 40, 40)
        return plane + self.noise * torch.randn(1, 1, 40, 40)


def metric(**options):
    return PathLength(Squared(), PathLengthOptions(**options), net="test")


def trimmed(values):
    low, high = (np.percentile(values, at, method=kind) for at, kind in ((1, "lower"), (99, "higher")))
    return values[(values >= low) & (values <= high)].mean()


@pytest.mark.parametrize("sampling", ["end", "full"])
@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_a_linear_generator_has_the_length_of_its_slope(sampling, noise):
    found = metric(samples=64, sampling=sampling)
    found.measure(Linear(0.02, noise=noise), lambda done: None)
    draws, ends, left = torch.Generator().manual_seed(2020), [], 64
    while left:
        ends.append(torch.randn(16, 3, generator=draws)[:, 0].double().view(2, 8))
        if sampling == "full":
            torch.rand(8, 1, 1, generator=draws)
        left -= 8
    gaps = torch.cat([end[1] - end[0] for end in ends]).numpy()
    expected = trimmed((0.02 * 127.5 * gaps) ** 2)
    assert found.compute() == {f"ppl_w_{sampling}_test": pytest.approx(expected, rel=2e-2)}


def test_twice_the_slope_is_four_times_the_length():
    values = []
    for slope in (0.01, 0.02):
        found = metric(samples=16)
        found.measure(Linear(slope), lambda done: None)
        values.append(found.compute()["ppl_w_end_test"])
    assert values[1] == pytest.approx(4 * values[0], rel=1e-2)


def test_generators_without_codes_are_walked_in_z_under_another_key():
    found = metric(samples=10)
    found.measure(Linear(0.02, styled=False), lambda done: None)
    assert list(found.compute()) == ["ppl_z_end_test"]
    assert "doesn't compare with values in W" in found.warnings()[0] and "10 paths" in found.warnings()[1]
    with pytest.raises(UsageError, match="no W space"):
        metric(space="w").measure(Linear(1, styled=False), lambda done: None)


def test_paths_on_the_sphere_have_equal_steps_and_the_usual_length():
    first, second = torch.randn(2, 5, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    points = [slerp(first, second, torch.full((1, 1), at / 4, dtype=torch.float64)) for at in range(5)]
    assert all(point.norm(dim=1).tolist() == pytest.approx([4.0] * 5) for point in points)
    steps = torch.stack([(b - a).norm(dim=1) for a, b in pairwise(points)])
    assert torch.allclose(steps, steps[:1].expand(4, -1))
    assert torch.allclose(points[4], 4 * second / second.norm(dim=1, keepdim=True))


def test_the_extremes_are_trimmed_and_the_interval_holds_the_value():
    found = metric(samples=200)
    found.measure(Linear(0.02), lambda done: None)
    found._values.append(torch.tensor([1e12], dtype=torch.float64))
    value, (low, high) = found.compute()["ppl_w_end_test"], found.intervals()["ppl_w_end_test"]
    assert low < value < high < 100


def test_large_pictures_are_averaged_down():
    class Large(Linear):
        def synthesise(self, codes, labels=None):
            checks = torch.ones(512, 512)
            checks[::2] = -1  # averages to nothing
            return checks.expand(len(codes), 3, -1, -1) * codes[:, :, :1, None]

    found = metric(samples=2)
    found.measure(Large(1), lambda done: None)
    assert found.compute()["ppl_w_end_test"] == 0


def test_labels_are_the_same_at_both_ends():
    class Labelled(Linear):
        labels = 4

        def synthesise(self, codes, labels=None):
            return super().synthesise(codes) + 100.0 * labels[:, None, None, None]

    found = metric(samples=8)
    found.measure(Labelled(0.02), lambda done: None)
    assert 0 < found.compute()["ppl_w_end_test"] < 1e3


def test_nothing_walked_and_not_finite_are_answered():
    with pytest.raises(NoInputError):
        metric().compute()
    found = metric(samples=2)
    found.measure(Linear(math.nan), lambda done: None)
    with pytest.raises(InputError, match="not finite"):
        found.compute()


def test_the_offline_metric_is_conforming():
    assert check_evaluator(build_ppl, {"samples": 4}) is None
