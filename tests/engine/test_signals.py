from __future__ import annotations

import os
import signal
import threading

import pytest

from ganstyle.engine.signals import StopRequest


def send(name):
    os.kill(os.getpid(), getattr(signal, name))


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_stop_signal_becomes_a_flag_with_its_name(name):
    with StopRequest() as stop:
        before = stop.requested
        send(name)
        assert (before, stop.requested, stop.reason) == (False, True, name)


def test_a_save_request_is_taken_once():
    with StopRequest() as stop:
        send("SIGUSR1")
        assert [stop.take_save_request(), stop.take_save_request()] == [True, False]
        assert not stop.requested


def test_a_closed_terminal_changes_nothing():
    with StopRequest() as stop:
        send("SIGHUP")
        assert not stop.requested


def test_the_old_handlers_come_back():
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP)]
    with StopRequest():
        assert signal.getsignal(signal.SIGTERM) != before[0]
    after = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP)]
    assert after == before


def test_another_thread_gets_a_flag_that_stays_down():
    found = []

    def work():
        with StopRequest() as stop:
            found.append((stop.requested, signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [(False, signal.getsignal(signal.SIGTERM))]


SECOND_INTERRUPT = """
    import os, signal
    from ganstyle.engine.signals import StopRequest
    with StopRequest() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        print(stop.requested, flush=True)
        os.kill(os.getpid(), signal.SIGINT)
        print("survived", flush=True)
"""


def test_the_second_interrupt_ends_the_process_at_once_without_traceback(python):
    done = python(SECOND_INTERRUPT)
    assert (done.returncode, done.stdout, done.stderr) == (130, "True\n", "")


WORKER = """
    import os, signal
    from ganstyle.engine.signals import StopRequest
    with StopRequest() as stop:
        child = os.fork()
        if child == 0:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGUSR1)
            if stop.requested or stop.take_save_request():
                os._exit(3)
            os.kill(os.getpid(), signal.SIGTERM)
            os._exit(4)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), stop.requested)
"""


def test_a_forked_worker_leaves_interrupts_to_its_parent_and_dies_of_sigterm(python):
    assert python(WORKER).stdout == f"{-signal.SIGTERM} False\n"


def test_a_stop_that_another_rank_was_asked_for_has_its_signals_name():
    stop = StopRequest()
    assert (stop.number, stop.requested) == (0, False)
    stop.ask(int(signal.SIGTERM))
    assert (stop.number, stop.requested, stop.reason) == (signal.SIGTERM, True, "SIGTERM")
