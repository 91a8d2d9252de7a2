"""Running statistics that a bad batch poisoned come back; what is finite stays as it is."""

from __future__ import annotations

import pytest
import torch
from tiny_runs import TinyRun

from ganstyle.engine.running_state import RunningState


@pytest.fixture
def session(tmp_path):
    return TinyRun(tmp_path).session


def test_only_what_is_not_finite_is_brought_back(session):
    generator, averaged = session.task.networks["generator"], session.averaged.networks["generator"]
    state = RunningState(session)
    state.keep()
    before = generator.layers[0].running_mean.clone()
    generator.layers[0].running_mean[0] = float("nan")
    averaged.layers[0].running_var[0] = float("inf")
    generator.layers[0].running_var.fill_(3.0)
    assert state.mend()
    assert torch.equal(generator.layers[0].running_mean, before) and bool((generator.layers[0].running_var == 3).all())
    assert bool(torch.isfinite(averaged.layers[0].running_var).all()) and not state.mend()


def test_the_state_of_the_task_is_brought_back_as_a_whole(session):
    values = {"p": torch.tensor(0.3), "mean": torch.tensor(1.0)}
    session.task.state_tensors = lambda: values
    session.task.load_state_tensors = values.update
    state = RunningState(session)
    state.keep()
    values.update(p=torch.tensor(0.4), mean=torch.tensor(float("nan")))
    assert state.mend() and float(values["p"]) == pytest.approx(0.3) and float(values["mean"]) == 1.0


def test_weights_are_none_of_its_business(session):
    state = RunningState(session)
    state.keep()
    session.task.networks["generator"].first.weight.data.fill_(float("nan"))
    assert not state.mend()
