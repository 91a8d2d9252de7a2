from __future__ import annotations

import errno
import signal

import pytest

from ganstyle.engine.faults import VARIABLE, fault, forget
from ganstyle.errors import UsageError


def visits_until_failure(point, limit=5):
    for visit in range(1, limit + 1):
        try:
            fault(point)
        except (OSError, RuntimeError):
            return visit
    return None


@pytest.mark.parametrize(("text", "visit"), [("here:raise", 1), ("here:raise:3", 3), ("there:raise", None)])
def test_the_nth_visit_of_the_named_point_fails(monkeypatch, text, visit):
    monkeypatch.setenv(VARIABLE, text)
    assert visits_until_failure("here") == visit


def test_a_single_fault_is_over_after_it_struck(monkeypatch):
    monkeypatch.setenv(VARIABLE, "here:raise:2")
    assert visits_until_failure("here") == 2
    assert visits_until_failure("here") is None


def test_a_plus_fails_from_then_on(monkeypatch):
    monkeypatch.setenv(VARIABLE, "here:raise:2+")
    assert [visits_until_failure("here") for _ in range(3)] == [2, 1, 1]


def test_forget_counts_from_zero(monkeypatch):
    monkeypatch.setenv(VARIABLE, "here:raise:2")
    fault("here")
    forget()
    assert visits_until_failure("here") == 2


def test_several_faults_are_separated_by_commas(monkeypatch):
    monkeypatch.setenv(VARIABLE, "here:raise:2, there:raise")
    assert (visits_until_failure("here"), visits_until_failure("there")) == (2, 1)


@pytest.mark.parametrize(("action", "code"), [("enospc", errno.ENOSPC), ("eacces", errno.EACCES)])
def test_disk_faults_carry_the_errno_of_the_real_thing(monkeypatch, action, code):
    monkeypatch.setenv(VARIABLE, f"here:{action}")
    with pytest.raises(OSError) as caught:
        fault("here")
    assert caught.value.errno == code


@pytest.mark.parametrize("text", ["here", "here:1", "here:kill:1"])
def test_kill_is_the_default_and_ends_the_process_unannounced(python, text):
    program = "from ganstyle.engine.faults import fault; fault('here'); print('survived')"
    done = python(program, GANSTYLE_FAULT=text)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "")


@pytest.mark.parametrize("text", ["here:burn", "here:kill:often", "here:kill:1:2"])
def test_an_unreadable_fault_is_a_usage_error(monkeypatch, text):
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(UsageError, match=VARIABLE):
        fault("here")
