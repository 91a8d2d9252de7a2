"""What all metrics of pairs share."""

from __future__ import annotations

import pytest
import torch
from ganstyle_metrics.paired import PairEvaluator, check_pair, check_side, mean_interval

from ganstyle.errors import InputError, NoInputError


class Brightness(PairEvaluator):
    """The mean difference of brightness."""

    def measure(self, images, reference, **styles):
        return (images.double() - reference.double()).abs().mean((1, 2, 3))


def pictures(*levels):
    return torch.stack([torch.full((3, 32, 32), level, dtype=torch.uint8) for level in levels])


@pytest.fixture
def metric():
    return Brightness(key="brightness", protocol="", device="cpu")


def test_values_stay_in_the_order_of_pairs_and_the_mean_does_not_depend_on_it(metric):
    metric.update(pictures(30, 10), pictures(0, 0))
    metric.update(pictures(20), pictures(0))
    assert metric.pair_values().tolist() == [30, 10, 20]
    assert metric.values().tolist() == [10, 20, 30]
    assert metric.compute() == {"brightness": 20}


def test_the_interval_is_student_s_of_the_mean(metric):
    metric.update(pictures(10, 20), pictures(0, 0))
    low, high = metric.intervals()["brightness"]
    # Deviation of 10 and 20 is 5 sqrt(2), over sqrt(2) pairs: 5; with one degree of freedom 97.5 % lie below 12.706.
    assert (low, high) == pytest.approx((15 - 12.706 * 5, 15 + 12.706 * 5), rel=1e-4)


def test_one_pair_has_a_value_and_no_interval(metric):
    metric.update(pictures(10), pictures(0))
    assert metric.intervals() == {}
    assert mean_interval(torch.tensor([1.0, torch.inf])) is None


def test_nothing_is_no_value_and_reset_forgets(metric):
    metric.update(pictures(10), pictures(0))
    metric.reset()
    with pytest.raises(NoInputError, match="no pairs"):
        metric.compute()


def test_unequal_sizes_are_named():
    with pytest.raises(InputError, match="40 x 32 and 32 x 32"):
        check_pair(torch.zeros(1, 3, 32, 40), torch.zeros(1, 3, 32, 32))


def test_small_pictures_are_named():
    with pytest.raises(InputError, match=r"31 x 50 is too small.* 32 pixels"):
        check_side([torch.zeros(3, 64, 64), torch.zeros(3, 50, 31)])
