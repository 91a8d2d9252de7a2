"""A time becomes a count of images, by real steps of a session that leaves no trace."""

from __future__ import annotations

import pytest
import torch

from ganstyle.config import resolve
from ganstyle.engine import budget
from ganstyle.engine.budget import USABLE, Measured, images_within, measure, with_time
from ganstyle.errors import UsageError
from ganstyle.registry import default_registry

TINY = ("arch.base_channels=4", "arch.z_dim=8", "train.resolution=16", "train.batch=4")


def config(*sets):
    return resolve(default_registry(), sets=[*TINY, *sets])


@pytest.fixture
def clock(monkeypatch):
    """A clock that a step of a batch moves by an eighth of a second; other work takes no time."""
    now = [100.0]
    advance = budget.advance

    def step(session, batch):
        now[0] += 0.125
        return advance(session, batch)

    monkeypatch.setattr(budget, "advance", step)
    monkeypatch.setattr(budget.time, "perf_counter", lambda: now[0])
    return now


def test_the_speed_is_that_of_the_steps(clock):
    found = measure(config(), default_registry(), seconds=1.0)
    assert found.images_per_second == pytest.approx(32)
    assert found.steps == 8 and found.seconds == pytest.approx(1.25)  # and two that warm up


def test_the_number_of_steps_is_bounded_and_at_least_one(clock, monkeypatch):
    monkeypatch.setattr(budget, "MOST_STEPS", 5)
    assert measure(config(), default_registry(), seconds=1e9).steps == 5
    assert measure(config(), default_registry(), seconds=0.0).steps == 1


def test_a_network_that_grows_is_measured_at_several_moments(clock, monkeypatch):
    seen = []
    monkeypatch.setattr(
        budget,
        "_pace",
        lambda session, batches, seconds, most: seen.append(session.fraction) or (1 / (1 + len(seen)), 2),
    )
    found = measure(config("arch=progan", "train.images=1000"), default_registry())
    assert seen == pytest.approx(list(budget.MOMENTS))
    assert found.images_per_second == pytest.approx(5 / sum(1 / n for n in range(2, 7))) and found.steps == 10


def test_nothing_of_the_measuring_is_left(clock):
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    measure(config(), default_registry(), seconds=0.1)
    assert torch.equal(torch.rand(2), expected)


def test_a_checkpoint_is_as_large_as_its_tensors_and_memory_grows_with_the_batch(clock):
    small, large = (measure(config(f"train.batch={batch}"), default_registry(), seconds=0.0) for batch in (4, 16))
    assert small.checkpoint_bytes == large.checkpoint_bytes > 10_000
    assert small.memory_bytes > small.checkpoint_bytes and large.memory_bytes > 1.5 * small.memory_bytes


def test_images_are_whole_batches_of_the_time_that_is_left():
    measured = Measured(40.0, 10, 10.0, 0, 0)
    assert images_within(measured, 110.0, batch=32) == int(100 * USABLE * 40) // 32 * 32
    assert images_within(measured, 10.0, batch=32) == 32
    assert measured.seconds_for(4000) == pytest.approx(100 / USABLE)


def test_the_budget_is_stored_as_images_and_told(clock):
    settled, line = with_time(config(), default_registry(), 100.0)
    spent = 3.0 + 0.25  # a share of the time, and two steps that warm up
    assert settled.train.images == pytest.approx((100 - spent) * USABLE * 32, abs=8)
    assert line == f"budget: {settled.train.images:,} images (32 images/s over 24 steps)"


def test_a_time_that_is_over_before_the_first_step_is_refused(clock):
    with pytest.raises(UsageError, match="before the speed is known"):
        with_time(config(), default_registry(), 0.1)
