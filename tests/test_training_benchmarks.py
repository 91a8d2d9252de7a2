"""What the training benchmarks compute from their clocks, and that they measure memory at all."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def loaded(name):
    """Return a benchmark as a module; they are programs, not a package."""
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def train_step():
    return loaded("train_step")


@pytest.fixture(scope="module")
def monitors():
    return loaded("monitors")


def turns(train_step, pairs, *, batch=10, steps=2):
    return train_step.Turns(batch=batch, steps=steps, wanted=len(pairs), plain=None, pairs=pairs)


def test_ratios_are_those_of_pairs_and_speeds_of_whole_turns(train_step):
    # (CPU, clock) of ours and of the plain loop: CPU ratios 2, 3 and 1, clock ratios all 2.
    pairs = [((1.0, 2.0), (2.0, 4.0)), ((2.0, 1.0), (6.0, 2.0)), ((4.0, 4.0), (4.0, 8.0))]
    found = train_step.summary(turns(train_step, pairs))
    assert found["cpu"]["ratio_median_min_max"] == [2.0, 1.0, 3.0]
    assert found["clock"]["ratio_median_min_max"] == [2.0, 2.0, 2.0]
    assert (found["cpu"]["ours_images_per_s"], found["cpu"]["plain_images_per_s"]) == (10.0, 5.0)


def test_the_table_has_a_line_for_each_case_and_a_dash_for_memory_that_was_not_measured(train_step):
    found = train_step.summary(turns(train_step, [((1.0, 1.0), (1.5, 1.5))]))
    cases = {"dcgan, 64 px, 1 threads": found | {"peak_mib": {"ours": 53, "plain": 71}}, "r3gan": found}
    head, first, second = train_step.table(cases).splitlines()
    assert head.split() == "case ours img/s plain img/s ratio least-greatest peak MiB ours plain".split()
    assert first.split()[-4:] == ["1.50", "1.50-1.50", "53", "71"] and second.split()[-2:] == ["-", "-"]


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="the peak of this very process is Linux's")
def test_the_peak_keeps_what_is_freed_and_what_is_resident_does_not(train_step):
    before = train_step.resident_kib("VmRSS")
    block = np.ones(256 << 20, dtype=np.uint8)
    held = train_step.resident_kib("VmRSS")
    del block
    assert held - before > 200 << 10 and train_step.resident_kib("VmHWM") >= held - 1024  # the kernel counts roughly
    assert train_step.resident_kib("VmRSS") < held - (200 << 10)


def test_every_architecture_has_a_case_that_resolves(train_step, tmp_path):
    arguments = SimpleNamespace(resolution=32, batch=4, threads=1, device="cpu", set=["train.seed=3"])
    for arch in train_step.CASES:
        config = train_step.config_for(arch, arguments, tmp_path)
        assert (config.arch.name, config.train.batch, config.train.seed) == (arch, 4, 3)


def test_the_cost_of_monitors_is_a_share_of_the_steps_between_two_readings(monitors, monkeypatch):
    clock = iter([0.1] * 3 + [5.0] + [0.5] * 2)  # steps, the first reading, later ones
    monkeypatch.setattr(monitors, "seconds_of", lambda work: next(clock))
    monkeypatch.setattr(monitors, "advance", lambda session, batch: None)
    monkeypatch.setattr(monitors, "Diversity", lambda session: None)
    train = SimpleNamespace(preview_every_images=1000, batch=10, images=5000)
    session = SimpleNamespace(batches=lambda: iter(range(9)), config=SimpleNamespace(train=train))
    found = monitors.measure(session, steps=3, readings=2)
    assert found["reading_percent"] == pytest.approx(100 * 0.5 / (0.1 * 100))
    assert found["run_percent"] == pytest.approx(100 * (5.0 + 4 * 0.5) / (0.1 * 500))


def test_the_pictures_of_a_measurement_have_the_size_asked_for(monitors, tmp_path):
    monitors.make_pictures(tmp_path, 2, 16)
    assert [monitors.Image.open(path).size for path in tmp_path.iterdir()] == [(16, 16)] * 2
