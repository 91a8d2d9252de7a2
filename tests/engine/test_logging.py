"""One line a step, complete after any crash, cut back on resume."""

from __future__ import annotations

from ganstyle.engine.logging import FILE_NAME, ScalarLog, read_scalars


def test_lines_come_back_as_they_were_written(tmp_path):
    log = ScalarLog(tmp_path)
    log.write({"images": 32, "loss": 0.5})
    log.write({"images": 64, "loss": 0.25})
    assert read_scalars(tmp_path) == [{"images": 32, "loss": 0.5}, {"images": 64, "loss": 0.25}]


def test_resuming_drops_what_came_after_the_resumed_point(tmp_path):
    log = ScalarLog(tmp_path)
    for images in (32, 64, 96):
        log.write({"images": images})
    ScalarLog(tmp_path, images=64).write({"images": 96, "again": True})
    assert [line["images"] for line in read_scalars(tmp_path)] == [32, 64, 96]
    assert read_scalars(tmp_path)[-1]["again"] is True


def test_a_half_written_last_line_is_left_out(tmp_path):
    (tmp_path / FILE_NAME).write_text('{"images": 1}\n{"images": 2, "lo')
    assert read_scalars(tmp_path) == [{"images": 1}]


def test_a_run_without_a_log_has_no_scalars(tmp_path):
    assert read_scalars(tmp_path) == []
