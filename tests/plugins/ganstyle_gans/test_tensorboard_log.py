"""The TensorBoard callback writes what is logged, and says what to install where it can't."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType, SimpleNamespace

import pytest
from ganstyle_gans import tensorboard_log

from ganstyle.errors import EnvironmentProblem
from ganstyle.registry import default_registry


class Writer:
    """Stands in for torch's SummaryWriter."""

    def __init__(self, folder):
        self.folder, self.lines, self.closed = folder, [], False

    def add_scalar(self, key, value, step):
        self.lines.append((key, value, step))

    def close(self):
        self.closed = True


@pytest.fixture
def installed(monkeypatch):
    """TensorBoard as far as we use it."""
    module = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Writer
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    monkeypatch.setattr(tensorboard_log.importlib.util, "find_spec", lambda name: object())


def build(**options):
    return default_registry().build("callback", "tensorboard", options)


def test_every_scalar_goes_into_the_runs_folder(installed, tmp_path):
    callback, run = build(folder="board"), SimpleNamespace(folder=tmp_path)
    callback.on_start(run)
    callback.on_step(20, {"generator": 1.5, "discriminator/sign": 0.5})
    callback.on_end(run)
    assert callback.writer.folder == str(tmp_path / "board") and callback.writer.closed
    assert callback.writer.lines == [("generator", 1.5, 20), ("discriminator/sign", 0.5, 20)]


def test_without_tensorboard_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr(tensorboard_log.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EnvironmentProblem, match="not installed") as caught:
        build()
    assert "pip install 'ganstyle[tensorboard]'" in caught.value.hint


@pytest.mark.skipif(importlib.util.find_spec("tensorboard") is None, reason="the extra is not installed")
def test_the_real_one_reads_back_what_was_written(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    callback, run = build(), SimpleNamespace(folder=tmp_path)
    callback.on_start(run)
    callback.on_step(7, {"generator": 1.5})
    callback.on_end(run)
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload().Scalars("generator")
    assert [(event.step, event.value) for event in events] == [(7, 1.5)]
