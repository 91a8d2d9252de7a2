"""Processes that decode batches ahead of time, in order.

torch's own worker processes are not used: they draw from the global random state, they need shared memory (which
containers keep small), and the death of one is raised by a signal handler in the middle of whatever runs just then.
Here batches come as bytes through pipes, and a dead or hanging process is noticed where its batch is awaited.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

AHEAD = 2
"""Batches that each process works ahead."""


class WorkerLost(Exception):
    """A process died or hangs; the text says which."""


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection


class WorkerPool:
    """Calls `fetch(number)` for number = start, start + step, ... in processes, and hands the results out in order.

    Args:
        fetch: picklable; its results too.
        workers: processes.
        start: first number.
        step: between numbers.
        timeout_s: longest wait for one result.
    """

    def __init__(
        self, fetch: Callable[[int], Any], workers: int, *, start: int, step: int, timeout_s: float = 120.0
    ) -> None:
        self.start, self.step, self.timeout_s = start, step, timeout_s
        self._asked = self._given = 0
        self._workers = [_started(fetch) for _ in range(workers)]

    def get(self) -> Any:
        """Return the next result.

        Raises:
            WorkerLost: its process died or hangs.
            Exception: what `fetch` raised there.
        """
        try:
            while self._asked < self._given + AHEAD * len(self._workers):
                self._workers[self._asked % len(self._workers)].pipe.send(self.start + self._asked * self.step)
                self._asked += 1
            result, error = self._receive(self._workers[self._given % len(self._workers)])
        except (BrokenPipeError, ConnectionResetError, EOFError):
            raise WorkerLost("died") from None
        self._given += 1
        if error is not None:
            raise error
        return result

    def _receive(self, worker: _Worker) -> tuple[Any, Exception | None]:
        ready = wait([worker.pipe, worker.process.sentinel], self.timeout_s)
        if not ready:
            raise WorkerLost(f"hangs for {self.timeout_s:.0f} s")
        return worker.pipe.recv()  # EOFError if only the end of the process made it ready

    def close(self) -> None:
        """End the processes; they hold nothing that could be lost."""
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
            worker.process.close()
            worker.pipe.close()
        self._workers = []

    def __del__(self) -> None:
        with contextlib.suppress(Exception):  # the interpreter may be half gone
            self.close()


def _started(fetch: Callable[[int], Any]) -> _Worker:
    context = multiprocessing.get_context()
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(fetch, ours, theirs), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _work(fetch: Callable[[int], Any], parents: Connection, pipe: Connection) -> None:
    """Answer until the parent closes its end, or is gone."""
    parents.close()  # a forked process holds a copy, which would keep the pipe open for ever
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # not the handler inherited from the parent
    _single_thread()
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            pipe.send(_answer(fetch, pipe.recv()))


def _single_thread() -> None:
    import torch

    torch.set_num_threads(1)


def _answer(fetch: Callable[[int], Any], number: int) -> tuple[Any, Exception | None]:
    try:
        return fetch(number), None
    except Exception as error:
        error.add_note(f"in a data worker process, at image {number}")
        return None, error
