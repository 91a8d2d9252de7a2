"""Processes answer in order; a dead, hanging or failing one is noticed where its answer is awaited."""

from __future__ import annotations

import os
import time

import pytest

from ganstyle.data.workers import WorkerLost, WorkerPool
from ganstyle.errors import InputError


def square(number):
    return number * number


def slow_when_even(number):
    time.sleep(0.05 * (number % 2 == 0))
    return number


def fail(number):
    raise InputError(f"{number} is bad", where="here", hint="replace it")


def hang(number):
    time.sleep(60)


def parent(number):
    return os.getppid()


@pytest.fixture
def pool():
    pools = []

    def make(function, workers=2, **options):
        pools.append(WorkerPool(function, workers, **({"start": 0, "step": 1} | options)))
        return pools[-1]

    yield make
    for made in pools:
        made.close()


def test_answers_come_in_order_however_long_each_takes(pool):
    numbers = pool(slow_when_even, workers=3)
    assert [numbers.get() for _ in range(9)] == list(range(9))


def test_numbers_go_on_by_the_step(pool):
    squares = pool(square, start=10, step=5)
    assert [squares.get() for _ in range(3)] == [100, 225, 400]


def test_work_is_done_in_other_processes(pool):
    assert pool(parent, workers=1).get() == os.getpid()


def test_an_error_arrives_whole(pool):
    with pytest.raises(InputError, match="0 is bad") as caught:
        pool(fail).get()
    assert (caught.value.where, caught.value.hint) == ("here", "replace it")
    assert "data worker process, at image 0" in caught.value.__notes__[0]


def test_a_dead_process_is_noticed(pool):
    with pytest.raises(WorkerLost, match="died"):
        pool(os._exit).get()


def test_a_hanging_process_is_noticed_and_ends_at_once(pool):
    hanging = pool(hang, timeout_s=0.2)
    start = time.monotonic()
    with pytest.raises(WorkerLost, match="hangs"):
        hanging.get()
    hanging.close()
    assert time.monotonic() - start < 5
