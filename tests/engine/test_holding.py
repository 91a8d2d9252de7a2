from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import time

import pytest

from ganstyle.engine import holding
from ganstyle.engine.holding import describe_holder, is_free, is_gone


@pytest.fixture
def lock(tmp_path):
    path = tmp_path / ".lock"
    path.touch()
    return path


@pytest.fixture
def held(lock):
    """The lock, held by an open file of its own."""
    with lock.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield lock


@pytest.fixture
def ended():
    """What a process said of itself that has ended and was waited for."""
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    return describe_holder() | {"pid": process.pid, "started": "1"}


def long_ago(lock):
    """Make everything in the lock's folder older than any start of this machine."""
    os.utime(lock, (1, 1))


class TestHere:
    def test_this_process_is_not_gone(self, lock):
        assert not is_gone(describe_holder(), lock)

    def test_a_process_that_ended_is_gone_even_if_its_workers_have_the_lock(self, held, ended):
        assert is_gone(ended, held)

    @pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="the system shows no process table")
    def test_another_process_with_the_same_number_is_not_the_holder(self, lock):
        assert is_gone(describe_holder() | {"started": "1"}, lock)

    @pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="the system shows no process table")
    def test_a_process_that_ended_is_gone_before_anybody_waited_for_it(self, lock):
        process = subprocess.Popen([sys.executable, "-c", "pass"])
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert is_gone(describe_holder() | {"pid": process.pid, "started": ""}, lock)
        process.wait()

    def test_a_process_of_another_user_is_alive(self, lock, monkeypatch):
        monkeypatch.setattr(os, "kill", lambda *_: (_ for _ in ()).throw(PermissionError(1, "not permitted")))
        monkeypatch.setattr(holding, "_stat", lambda pid: {})
        assert not is_gone(describe_holder() | {"pid": 1}, lock)

    @pytest.mark.parametrize("pid", [None, "12", 0, -1, 2**70, True])
    def test_a_damaged_number_says_nothing(self, lock, pid):
        assert not is_gone(describe_holder() | {"pid": pid, "started": ""}, lock)


class TestElsewhere:
    def test_another_machine_is_never_declared_dead(self, lock, ended):
        long_ago(lock)
        assert not is_gone(ended | {"host": "elsewhere", "boot": "another"}, lock)

    def test_another_container_is_judged_by_the_lock_alone(self, lock, ended):
        there = ended | {"host": "box", "space": "pid:[1]"}
        assert is_gone(there, lock) and is_gone(there | {"pid": os.getpid()}, lock)
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            assert not is_gone(there, lock)

    def test_after_a_new_start_of_the_machine_a_quiet_run_is_gone(self, lock):
        before = describe_holder() | {"boot": "before"}
        assert not is_gone(before, lock)  # written a moment ago: a namesake with another lock table
        long_ago(lock)
        assert is_gone(before, lock)

    def test_after_a_new_start_a_held_lock_means_alive(self, held):
        long_ago(held)
        assert not is_gone(describe_holder() | {"boot": "before"}, held)

    def test_without_a_boot_clock_nobody_is_declared_dead(self, lock, monkeypatch):
        long_ago(lock)
        monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)
        assert not is_gone(describe_holder() | {"boot": "before"}, lock)

    def test_what_an_older_version_wrote_needs_number_host_and_lock(self, lock, ended):
        old = {"pid": ended["pid"], "host": socket.gethostname(), "since": "2026-01-01T00:00:00Z"}
        assert is_gone(old, lock)
        assert not is_gone(old | {"host": "elsewhere"}, lock)
        assert not is_gone(old | {"pid": os.getpid()}, lock)
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            assert not is_gone(old, lock)


class TestLock:
    def test_it_is_free_until_somebody_has_it_and_asking_changes_nothing(self, lock):
        assert is_free(lock) and is_free(lock)
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            assert not is_free(lock)
        assert is_free(lock)

    def test_one_that_was_never_made_is_free(self, tmp_path):
        assert is_free(tmp_path / ".lock")

    @pytest.mark.parametrize("where", ["flock", "open"])
    def test_a_file_system_that_cannot_tell_counts_as_held(self, lock, monkeypatch, where):
        monkeypatch.setattr(*((fcntl, "flock") if where == "flock" else (os, "open")), refuse)
        assert not is_free(lock)


def refuse(*_):
    raise OSError(38, "Function not implemented")
