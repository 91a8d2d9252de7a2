"""Starts the ranks of a run on one machine and ends them together; no torch is needed for it.

Each rank is a `ganstyle` process with the environment that torchrun would give it. Errors of ranks are not printed by
them but left in a folder; the first of them is raised here, once, when all have ended.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO, Any, Protocol

from ganstyle.errors import EXIT_OK, EXIT_SECOND_INTERRUPT, EnvironmentProblem, GanstyleError, Stopped

REPORTS = "GANSTYLE_RANK_REPORTS"
"""Environment variable of a started rank: the folder for its error."""
LIFELINE = "GANSTYLE_LIFELINE"
"""Environment variable of a started rank: a pipe that closes when the starting process is gone."""
LISTEN = "GANSTYLE_LISTEN"
"""Environment variable of rank 0: the socket at MASTER_PORT, bound and handed over so that nobody else gets it."""

STOP_AFTER_S, KILL_AFTER_S = 5.0, 15.0  # after the first failure: those who still run are asked, then ended
_POLL_S = 0.05
_PLACES = "places.txt"  # in the folder of reports: of the runs that a rank holds
_FORWARDED = ("SIGTERM", "SIGINT", "SIGUSR1")


class Process(Protocol):
    """A started rank; `subprocess.Popen` is one."""

    pid: int

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal; None while it runs."""

    def send_signal(self, number: int) -> None:
        """Send a signal."""


@dataclass
class Start:
    """What a rank is started with.

    Attributes:
        arguments: words after `ganstyle`.
        environment: to be added to this process's.
        keep: file descriptors that it inherits.
        output: None inherits stdout and stderr; else both go into this file.
    """

    arguments: Sequence[str]
    environment: Mapping[str, str]
    keep: tuple[int, ...]
    output: Path | None


@dataclass
class _Rank:
    number: int
    process: Process
    output: Path | None
    code: int | None = None
    ended: float = 0.0
    killed: bool = False  # by us


@dataclass
class _Job:
    ranks: list[_Rank]
    folder: Path
    lifeline: int
    signalled: list[str] = field(default_factory=list)

    @property
    def running(self) -> list[_Rank]:
        return [rank for rank in self.ranks if rank.code is None]

    def send(self, number: int) -> None:
        for rank in self.running:
            with suppress(ProcessLookupError):
                rank.process.send_signal(number)


def launched() -> bool:
    """Return whether this process was started as one of several ranks, by `launch` or by torchrun."""
    return "RANK" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1


def launch(arguments: Sequence[str], ranks: int, *, start: Callable[[Start], Process] | None = None) -> int:
    """Run a command as several ranks on this machine until all have ended.

    SIGTERM, SIGINT and SIGUSR1 are passed on; if this process is killed, the ranks save and stop. Threads are divided
    among the ranks unless OMP_NUM_THREADS says how many.

    Args:
        arguments: words after `ganstyle`.
        ranks: at least 1.
        start: starts a process; None is a new interpreter.

    A run that was left without a last word, because the rank that writes it was killed, is marked as `crashed`.

    Returns:
        0, or 130 after a second interrupt.

    Raises:
        GanstyleError: the error of the rank that failed first, with its exit code; `Stopped` after a signal.
    """
    with tempfile.TemporaryDirectory(prefix="ganstyle-ranks-") as place:
        job = _started(arguments, ranks, Path(place), start or _interpreter)
        try:
            with _forwarding(job):
                _wait(job)
        finally:
            os.close(job.lifeline)
        try:
            return _outcome(job)
        except GanstyleError as error:
            _mark_crashed(job, error)
            raise


def _started(arguments: Sequence[str], ranks: int, folder: Path, start: Callable[[Start], Process]) -> _Job:
    watched, held = os.pipe()  # the write end stays here alone: it closes when this process ends, however it ends
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        job = _Job([], folder, held)
        for number in range(ranks):
            environment = _environment(number, ranks, port) | {REPORTS: str(folder), LIFELINE: str(watched)}
            keep = (watched, listener.fileno()) if number == 0 else (watched,)
            environment |= {LISTEN: str(listener.fileno())} if number == 0 else {}
            output = folder / f"output-{number}.txt" if number else None
            job.ranks.append(_Rank(number, start(Start(arguments, environment, keep, output)), output))
    os.close(watched)
    return job


def _environment(number: int, ranks: int, port: int) -> dict[str, str]:
    own = {"RANK": number, "LOCAL_RANK": number, "WORLD_SIZE": ranks, "LOCAL_WORLD_SIZE": ranks, "MASTER_PORT": port}
    threads = str(max(1, (os.cpu_count() or 1) // ranks))
    loopback = "lo0" if sys.platform == "darwin" else "lo"  # a host name need not lead back to this machine
    chosen = {"OMP_NUM_THREADS": threads} | ({"GLOO_SOCKET_IFNAME": loopback} if os.name == "posix" else {})
    free = {key: value for key, value in chosen.items() if key not in os.environ}
    return {key: str(value) for key, value in own.items()} | {"MASTER_ADDR": "127.0.0.1"} | free


def _interpreter(wanted: Start) -> Process:
    output: IO[bytes] | None = wanted.output.open("wb") if wanted.output else None
    try:
        return subprocess.Popen(  # noqa: S603 the words this very command was given
            [sys.executable, "-m", "ganstyle", *wanted.arguments],
            env={**os.environ, **wanted.environment},
            pass_fds=wanted.keep,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C comes here alone and is passed on once
            preexec_fn=_ignore_save_requests,
        )
    finally:
        if output is not None:
            output.close()


def _ignore_save_requests() -> None:
    # Until the rank listens to it, SIGUSR1 would end it.
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)


@contextmanager
def _forwarding(job: _Job) -> Any:
    """Pass signals on to the ranks; a closed terminal is ignored."""

    def forward(number: int, frame: FrameType | None) -> None:
        job.signalled.append(signal.Signals(number).name)
        job.send(number)

    previous: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        handlers = dict.fromkeys(_FORWARDED, forward) | {"SIGHUP": signal.SIG_IGN}
        previous = {number: signal.signal(number, handler) for number, handler in _numbered(handlers).items()}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _numbered(handlers: Mapping[str, Any]) -> dict[int, Any]:
    return {getattr(signal, name): handler for name, handler in handlers.items() if hasattr(signal, name)}


def _wait(job: _Job) -> None:
    """Wait for all; after a failure, for those that remain only seconds."""
    failed_at, asked = None, False
    while job.running:
        for rank in job.running:
            rank.code = rank.process.poll()
            rank.ended = time.time()
        if failed_at is None and any(_failed(rank) for rank in job.ranks):
            failed_at = time.monotonic()
        waited = time.monotonic() - failed_at if failed_at is not None else 0.0
        if waited > STOP_AFTER_S and not asked:
            asked = True
            job.send(signal.SIGTERM)
        if waited > KILL_AFTER_S:
            _kill(job)
        time.sleep(_POLL_S)


def _failed(rank: _Rank) -> bool:
    return rank.code not in (None, EXIT_OK, Stopped.code)


def _kill(job: _Job) -> None:
    for rank in job.running:
        rank.killed = True
    job.send(getattr(signal, "SIGKILL", signal.SIGTERM))


def leave_report(error: Mapping[str, Any], *, secondary: bool = False) -> bool:
    """Leave an error to the process that started this rank.

    Args:
        error: of `GanstyleError.as_dict`.
        secondary: a consequence of another rank's end.

    Returns:
        Whether there is such a process; if not, the caller shows the error itself.
    """
    folder, rank = os.environ.get(REPORTS), os.environ.get("RANK", "0")
    if folder is None:
        return False
    path = Path(folder) / f"error-{rank}.json"
    with suppress(OSError):  # the starting process is gone, and with it whoever would read this
        path.write_text(json.dumps({**error, "time": time.time(), "secondary": secondary}), encoding="utf-8")
    return True


def leave_place(folder: Path) -> None:
    """Tell the process that started this rank, if there is one, which run's folder this rank writes."""
    if REPORTS in os.environ:
        with suppress(OSError), (Path(os.environ[REPORTS]) / _PLACES).open("a", encoding="utf-8") as stream:
            stream.write(f"{folder.absolute()}\n")


def _mark_crashed(job: _Job, error: GanstyleError) -> None:
    """Write the status that a killed rank could not write."""
    with suppress(OSError, GanstyleError):  # the disk may be why; the error itself is raised in any case
        places = dict.fromkeys((job.folder / _PLACES).read_text("utf-8").splitlines())
        from ganstyle.engine.run import Run  # which loads torch: only after a failure

        for run in map(Run, map(Path, places)):
            run.mark_crashed(error.message, code=error.code)


def _outcome(job: _Job) -> int:
    """Return the exit code, or raise the first error."""
    codes = [rank.code for rank in job.ranks]
    if not any(codes):
        return EXIT_OK
    reports = {rank.number: found for rank in job.ranks if (found := _report_of(job, rank)) is not None}
    first = min(reports, key=lambda number: (reports[number]["secondary"], reports[number]["time"]), default=None)
    if EXIT_SECOND_INTERRUPT in codes and (first is None or reports[first]["secondary"]):
        return EXIT_SECOND_INTERRUPT
    if first is None:
        raise GanstyleError(f"the ranks ended with the exit codes {codes}")
    if reports[first]["code"] == Stopped.code:
        first = min(number for number, report in reports.items() if report["code"] == Stopped.code)
    raise _error_of(job, first, reports[first])


def _report_of(job: _Job, rank: _Rank) -> dict[str, Any] | None:
    with suppress(OSError, ValueError):
        return json.loads((job.folder / f"error-{rank.number}.json").read_text(encoding="utf-8"))
    if rank.killed or not rank.code or rank.code == EXIT_SECOND_INTERRUPT:
        return None
    return _silent_end(job, rank) | {"time": rank.ended, "secondary": False}


def _silent_end(job: _Job, rank: _Rank) -> dict[str, Any]:
    """Describe the end of a rank that left no error."""
    code = rank.code or 0
    name = signal.Signals(-code).name if code < 0 else ""
    if name in job.signalled:
        return Stopped(f"stopped by {name} before the run began").as_dict()
    how = f"was ended by {name}" if name else f"ended with exit code {code} and no message"
    hint = "was it out of memory? use a smaller batch or fewer ranks" if name == "SIGKILL" else ""
    return EnvironmentProblem(f"rank {rank.number} {how}", where=f"process {rank.process.pid}", hint=hint).as_dict()


def _error_of(job: _Job, number: int, report: Mapping[str, Any]) -> GanstyleError:
    where, output = report["where"], job.ranks[number].output
    if number and f"rank {number}" not in report["message"]:
        where = f"rank {number}, {where}" if where else f"rank {number}"
    error = GanstyleError(report["message"], where=where, hint=report["hint"])
    error.code, error.kind = report["code"], report["kind"]
    with suppress(OSError):
        lines = output.read_text("utf-8", "backslashreplace").strip().splitlines() if output else []
        if lines and error.code != Stopped.code:
            error.add_note("\n".join(lines[-20:]))
    return error
