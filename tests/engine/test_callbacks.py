"""Callbacks see the run; one that raises is named and switched off."""

from __future__ import annotations

from types import SimpleNamespace

from ganstyle.config import Selection
from ganstyle.engine.callbacks import Callbacks


class Recorder:
    def __init__(self):
        self.seen = []

    def on_start(self, run):
        self.seen.append("start")

    def on_step(self, step, scalars):
        self.seen.append((step, scalars))


class Broken:
    def on_step(self, step, scalars):
        raise ZeroDivisionError("oh")


def callbacks_of(**objects):
    registry = SimpleNamespace(build=lambda kind, name, options: objects[name])
    config = SimpleNamespace(callback=tuple(Selection(name, {}) for name in objects))
    lines = []
    return Callbacks(config, registry, SimpleNamespace(say=lines.append)), lines


def test_callbacks_are_told_in_order_and_every_method_is_optional():
    recorder = Recorder()
    callbacks, lines = callbacks_of(recorder=recorder)
    callbacks.start("run")
    callbacks.step(3, {"loss": 1.0})
    callbacks.end("run")
    assert recorder.seen == ["start", (3, {"loss": 1.0})] and lines == []


def test_a_callback_that_raises_is_named_and_disabled_and_the_others_go_on():
    recorder = Recorder()
    callbacks, lines = callbacks_of(broken=Broken(), recorder=recorder)
    for step in (1, 2):
        callbacks.step(step, {})
    assert len(lines) == 1 and "'broken'" in lines[0] and "ZeroDivisionError: oh" in lines[0]
    assert [step for step, _ in recorder.seen] == [1, 2]


def test_a_rank_that_follows_has_no_callbacks(monkeypatch):
    monkeypatch.setattr("ganstyle.engine.callbacks.leads", lambda: False)
    recorder = Recorder()
    callbacks, _ = callbacks_of(recorder=recorder)
    callbacks.start("run")
    assert recorder.seen == [] and callbacks.active == {}
