"""Ranks are started with their place, end together, and leave one error; the ranks here are programs without torch."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from ganstyle.engine import launching
from ganstyle.engine.launching import launch
from ganstyle.engine.run import Run
from ganstyle.errors import GanstyleError, Stopped, UsageError

REPORT = """
import json, os, signal, sys, time
rank = int(os.environ["RANK"])
def report(message, code, after=0.0, secondary=False):
    error = {"code": code, "kind": "test", "message": message, "where": "", "hint": "", "secondary": secondary}
    path = os.path.join(os.environ["GANSTYLE_RANK_REPORTS"], f"error-{rank}.json")
    open(path, "w").write(json.dumps(error | {"time": time.time()}))
    sys.exit(code)
"""


@pytest.fixture
def ranks(monkeypatch, tmp_path):
    """Run a program as ranks; each writes what it wants into the test's folder."""
    monkeypatch.chdir(tmp_path)

    def begin(program):
        def start(wanted):
            environment = {**os.environ, **wanted.environment}
            words = [sys.executable, "-S", "-c", REPORT + program, *wanted.arguments]
            output = subprocess.DEVNULL if wanted.output is None else wanted.output.open("w")
            return subprocess.Popen(words, env=environment, pass_fds=wanted.keep, stdout=output, stderr=output)

        return start

    return lambda program, number=2, words=(): launch(words, number, start=begin(program))


def test_each_rank_learns_its_place_its_arguments_and_its_share_of_the_threads(ranks, tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 9)
    assert ranks("open(f'{rank}.json', 'w').write(json.dumps([dict(os.environ), sys.argv[1:]]))", 3, ["a", "b"]) == 0
    found = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(3)]
    assert [place["LOCAL_RANK"] for place, _ in found] == ["0", "1", "2"]
    assert {(place["WORLD_SIZE"], place["OMP_NUM_THREADS"], place["MASTER_ADDR"]) for place, _ in found} == {
        ("3", "3", "127.0.0.1")
    }
    assert len({place["MASTER_PORT"] for place, _ in found}) == 1
    assert all(words == ["a", "b"] for _, words in found)


def test_rank_0_gets_the_bound_port_itself(ranks, tmp_path):
    program = """
if rank == 0:
    import socket
    own = socket.socket(fileno=int(os.environ["GANSTYLE_LISTEN"]))
    open("port", "w").write(json.dumps([own.getsockname()[1], int(os.environ["MASTER_PORT"])]))
"""
    assert ranks(program) == 0
    bound, told = json.loads((tmp_path / "port").read_text())
    assert bound == told


def test_the_first_primary_error_is_raised_with_its_code(ranks):
    program = """
if rank == 2:
    report("lost the others", 6, secondary=True)
time.sleep(0.2 if rank == 1 else 0.5)
report(f"failure of {rank}", 4 + rank)
"""
    with pytest.raises(GanstyleError, match="failure of 1") as caught:
        ranks(program, 3)
    assert (caught.value.code, caught.value.where) == (5, "rank 1")


def test_after_a_failure_the_others_end_in_seconds_even_if_they_ignore_signals(ranks, monkeypatch):
    monkeypatch.setattr(launching, "STOP_AFTER_S", 0.1)
    monkeypatch.setattr(launching, "KILL_AFTER_S", 0.5)
    began = time.monotonic()
    with pytest.raises(GanstyleError, match=r"^broken$"):
        ranks("report('broken', 3) if rank else (signal.signal(signal.SIGTERM, signal.SIG_IGN), time.sleep(60))")
    assert time.monotonic() - began < 30


def test_a_rank_that_is_killed_is_named_with_its_signal(ranks):
    with pytest.raises(GanstyleError, match="rank 1 was ended by SIGKILL") as caught:
        ranks("os.kill(os.getpid(), signal.SIGKILL) if rank else report('lost the others', 6, secondary=True)")
    assert caught.value.code == 6 and "memory" in caught.value.hint


def test_a_run_whose_writer_was_killed_is_marked_with_the_first_error(ranks, tmp_path):
    states = {"running": "crashed", "finished": "finished", "diverged": "diverged"}
    runs = {state: Run.create(tmp_path / "runs", {}, state) for state in states}
    for state, run in runs.items():
        run.write_status(state, images=8)
    program = f"""
if rank:
    time.sleep(0.2)
    report("rank 0 ended", 6, secondary=True)
with open(os.path.join(os.environ["GANSTYLE_RANK_REPORTS"], "places.txt"), "w") as places:
    places.writelines(line + chr(10) for line in {[str(run.folder) for run in runs.values()]})
os.kill(os.getpid(), signal.SIGKILL)
"""
    with pytest.raises(GanstyleError, match="rank 0 was ended by SIGKILL"):
        ranks(program)
    assert {state: run.status["state"] for state, run in runs.items()} == states
    crashed = runs["running"].status
    assert (crashed["code"], crashed["images"]) == (6, 8) and "SIGKILL" in crashed["reason"]


def test_who_locks_a_run_tells_the_process_that_started_it(tmp_path, monkeypatch):
    run = Run.create(tmp_path / "runs", {}, "dcgan")
    with run.lock():
        pass
    assert not (tmp_path / "places.txt").exists()
    monkeypatch.setenv(launching.REPORTS, str(tmp_path))
    with run.lock():
        assert (tmp_path / "places.txt").read_text() == f"{run.folder}\n"


def test_what_a_rank_printed_before_it_ended_silently_is_in_the_notes(ranks):
    with pytest.raises(GanstyleError, match="rank 1 ended with exit code 9 and no message") as caught:
        ranks("print('so far so good') if rank else None; sys.exit(9 if rank else 0)")
    assert "so far so good" in caught.value.__notes__[0]


def test_a_stop_is_one_error_that_says_so(ranks):
    with pytest.raises(GanstyleError, match="stopped at 8 images by rank 0") as caught:
        ranks("report(f'stopped at 8 images by rank {rank}', 75)")
    assert caught.value.code == Stopped.code


def test_ranks_that_wait_for_others_to_save_are_not_ended(ranks, monkeypatch):
    monkeypatch.setattr(launching, "STOP_AFTER_S", 0.0)
    monkeypatch.setattr(launching, "KILL_AFTER_S", 0.0)
    assert ranks("time.sleep(0 if rank else 0.5)") == 0


def test_signals_reach_every_rank_once(ranks, tmp_path):
    program = """
def heard(number, frame):
    open(f"heard-{rank}", "a").write("x")
    sys.exit(0)
signal.signal(signal.SIGUSR1, heard)
open(f"ready-{rank}", "w")
if rank == 0:
    while not os.path.exists("ready-1"):
        time.sleep(0.01)
    os.kill(os.getppid(), signal.SIGUSR1)
time.sleep(60)
"""
    assert ranks(program) == 0
    assert [(tmp_path / f"heard-{rank}").read_text() for rank in (0, 1)] == ["x", "x"]


def test_a_report_is_left_only_to_a_process_that_started_this_one(tmp_path, monkeypatch):
    error = UsageError("wrong", where="here").as_dict()
    assert not launching.leave_report(error)
    monkeypatch.setenv(launching.REPORTS, str(tmp_path))
    monkeypatch.setenv("RANK", "3")
    assert launching.leave_report(error, secondary=True)
    left = json.loads((tmp_path / "error-3.json").read_text())
    assert (left["message"], left["code"], left["secondary"]) == ("wrong", 2, True)


@pytest.mark.parametrize(("world", "expected"), [(None, False), ("1", False), ("2", True)])
def test_a_process_is_a_rank_when_it_was_started_as_one_of_several(monkeypatch, world, expected):
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    if world is not None:
        monkeypatch.setenv("RANK", "0")
        monkeypatch.setenv("WORLD_SIZE", world)
    assert launching.launched() is expected


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="this system has no such signal")
def test_started_interpreters_ignore_save_requests_until_they_listen():
    words = [sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGUSR1); print('alive')"]
    done = subprocess.run(words, preexec_fn=launching._ignore_save_requests, capture_output=True, text=True)
    assert done.stdout == "alive\n"
