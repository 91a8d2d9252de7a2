"""Events are told and kept; what can't be written is told all the same."""

from __future__ import annotations

from tiny_runs import Told

from ganstyle.engine.events import Events, read_events


def test_an_event_is_told_and_kept_with_its_facts(tmp_path):
    told = Told()
    Events(tmp_path, told).tell("rollback", "rolled back to 8 images", images=8, step=2)
    assert told.lines == ["rolled back to 8 images"]
    assert read_events(tmp_path) == [{"kind": "rollback", "message": "rolled back to 8 images", "images": 8, "step": 2}]


def test_events_outlive_a_half_written_line(tmp_path):
    events = Events(tmp_path, Told())
    events.tell("metric", "first", images=1)
    events.path.write_text(events.path.read_text() + '{"kind": "met')
    assert [event["message"] for event in read_events(tmp_path)] == ["first"]


def test_a_folder_that_refuses_loses_only_the_file(tmp_path):
    told = Told()
    Events(tmp_path / "gone", told).tell("warning", "said", images=0)
    assert told.lines == ["said"] and read_events(tmp_path / "gone") == []
