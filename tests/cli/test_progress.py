"""Progress: counts, rate and ETA; few plain lines where nobody watches."""

from __future__ import annotations

import pytest

from ganstyle.cli import progress as module
from ganstyle.cli.progress import Counting, Progress, duration


@pytest.fixture
def clock(monkeypatch):
    """A clock that tests set: `clock[0] = seconds`."""
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_a_line_tells_counts_rate_eta_and_facts(clock, capsys):
    with Progress("training", 1000) as progress:
        clock[0] += 10
        progress.update(100, loss=0.6931, device="cpu")
        assert progress.line() == "training  100/1000 img  10 img/s  ETA 1:30  loss 0.693  device cpu"


def test_a_pipe_gets_a_line_every_few_seconds_and_the_last_state(clock, capsys):
    with Progress("work", 100) as progress:
        for _ in range(100):
            clock[0] += 0.125  # a binary fraction: sums are exact
            progress.advance(1)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[1] for line in lines] == ["40/100", "80/100", "100/100"]


def test_a_resumed_count_does_not_inflate_the_rate(clock):
    with Progress("training", 1000) as progress:
        progress.update(500)
        clock[0] += 10
        progress.update(600)
        assert progress.rate() == pytest.approx(10.0)


def test_a_batch_of_one_has_a_rate(clock):
    with Progress("painting", 1, silent=True) as progress:
        clock[0] += 2
        progress.advance(1)
    assert progress.rate() == pytest.approx(0.5)


def test_without_a_total_there_is_no_eta(clock, capsys):
    with Progress("reading", unit="files") as progress:
        clock[0] += 2
        progress.advance(4)
        assert progress.line() == "reading  4 files  2 files/s"


def test_a_clock_that_stands_still_gives_no_rate_and_no_eta(clock):
    progress = Progress("work", 10)
    progress.update(5)
    assert progress.line() == "work  5/10 img  0 img/s"


def test_silent_progress_writes_nothing_and_still_counts(clock, capsys):
    with Progress("work", 10, silent=True) as progress:
        clock[0] += 60
        progress.advance(3)
    assert (progress.done, capsys.readouterr().err) == (3, "")


def test_facts_cannot_move_the_cursor(clock):
    progress = Progress("a\x1b[2J", 10)
    progress.update(1, file="b\n.jpg")
    assert "\x1b" not in progress.line() and "\n" not in progress.line()


def test_a_terminal_gets_a_live_bar(monkeypatch, capsys):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with Progress("training [/]", 4) as progress:
        progress.update(4, loss=0.5)
    assert "training [/]  4/4 img" in capsys.readouterr().err


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.9, "0:59"), (61, "1:01"), (36000, "10:00:00")])
def test_durations_read_like_a_clock(seconds, text):
    assert duration(seconds) == text


def test_a_share_fills_the_bar_where_counts_have_no_end(monkeypatch, capsys):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("NO_COLOR", "1")  # the bar then ends where it is filled
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)

    def filled(share):
        with Progress("refining", None, unit="step") as progress:
            progress.share = share
            progress.update(3)
        lines = [line for line in capsys.readouterr().err.splitlines() if "refining  3 step" in line]
        return lines[-1].count("━")

    assert [filled(0.0), filled(0.5), filled(1.0)] == [0, 12, 24]


def test_stages_with_many_pictures_are_shown_one_after_the_other(capsys):
    with Counting(Progress) as watch:
        for stage, total in (("reading", 9), ("encoding", 10), ("reading", 8)):
            for done in range(total + 1):
                watch(stage, done, total)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[:2] for line in lines] == [["reading", "9/9"], ["encoding", "10/10"]]


def test_a_stage_that_an_error_breaks_off_is_not_shown_as_done(capsys):
    with pytest.raises(OSError), Counting(Progress) as watch:
        watch("reading", 0, 9)
        watch("reading", 4, 9)
        raise OSError
    assert capsys.readouterr().err.split()[:2] == ["reading", "4/9"]
