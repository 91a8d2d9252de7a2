"""The faster layout is found by timing, and the run that follows can't tell that there was a measurement."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from ganstyle.config import resolve
from ganstyle.engine import layout
from ganstyle.registry import default_registry

TINY = ("train.resolution=16", "train.batch=2", "arch.base_channels=4", "train.device=cpu")


def config_of(*sets):
    return resolve(default_registry(), sets=[*TINY, *sets])


def timed_by(monkeypatch, seconds):
    """Let each step of a layout take the next of the given seconds."""
    left = {name: iter(values) for name, values in seconds.items()}
    monkeypatch.setattr(layout, "seconds_of", lambda session, batch: next(left[session.config.train.memory_format]))


@pytest.mark.parametrize(("other", "faster"), [(0.9, "channels_last"), (1.1, "contiguous")])
def test_the_layout_with_the_smaller_median_is_chosen(monkeypatch, other, faster):
    timed_by(monkeypatch, {"contiguous": [9, 1, 1, 9], "channels_last": [0, other, other, 0]})
    assert layout.choose_layout(config_of(), default_registry()) == (
        faster,
        {"contiguous": 1, "channels_last": other},
    )


def test_a_measurement_moves_no_random_state():
    torch.manual_seed(3)
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    chosen, times = layout.choose_layout(config_of(), default_registry())
    assert chosen == min(times, key=times.get) and set(times) == set(layout.LAYOUTS)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before[1:]


def test_a_run_of_few_steps_is_not_measured(monkeypatch):
    monkeypatch.setattr(layout, "open_session", lambda *_: pytest.fail("opened"))
    assert layout.choose_layout(config_of("train.images=398"), default_registry()) == ("contiguous", {})


def test_a_slow_machine_is_asked_for_one_round_only(monkeypatch):
    monkeypatch.setattr(layout, "LIMIT_S", -1.0)
    timed_by(monkeypatch, {"contiguous": [0, 2], "channels_last": [0, 3]})
    assert layout.choose_layout(config_of(), default_registry())[1] == {"contiguous": 2, "channels_last": 3}
