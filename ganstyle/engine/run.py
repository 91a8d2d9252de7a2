"""A run: a numbered folder with its configuration, environment, status, lock and checkpoints."""

from __future__ import annotations

import re
import shlex
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ganstyle.engine.durable import disk_errors, dump_json, read_json, replace_synced
from ganstyle.engine.environment import describe_environment
from ganstyle.engine.holding import describe_holder, is_gone
from ganstyle.engine.launching import leave_place
from ganstyle.errors import EnvironmentProblem, ModelError, NoInputError

_FOLDER = re.compile(r"(\d{4,})-(.+)")
# Loader workers of a killed run inherit its lock and notice its death within this time.
_ORPHAN_SECONDS = 10.0
_READER_SECONDS = 0.5  # somebody who only asks whether the run is held, holds it for less
_UNFINISHED = ("created", "running")  # states that only a living process leaves behind


@dataclass(frozen=True)
class Run:
    """One run folder.

    Attributes:
        folder: e.g. `runs/0001-dcgan`, spelled as the user spelled its root.
    """

    folder: Path

    @classmethod
    def create(cls, root: Path, config: Mapping[str, Any], name: str) -> Run:
        """Make the next numbered folder below root and write `config.json`, `environment.json`, `status.json`.

        Args:
            root: created when missing.
            config: plain JSON, e.g. of `config_to_dict`.
            name: words for the folder's name, e.g. the architecture.

        Raises:
            EnvironmentProblem: the root can't be written; nothing has been lost.
        """
        with disk_errors("can't make a run folder", where=str(root), hint="choose another place with --runs DIR"):
            root.mkdir(parents=True, exist_ok=True)
            run = cls(_next_folder(root, _slug(name)))
            run.checkpoints.mkdir()
            run._write("environment.json", describe_environment())
            run._write("config.json", config)  # last of the two: a folder with a config is a run
        run.write_status("created", step=0, images=0)
        return run

    @classmethod
    def open(cls, path: Path) -> Run:
        """Return the run in a folder (or of a file or folder inside it), its status file brought up to date.

        Raises:
            NoInputError: there is no run.
        """
        for folder in (path, *path.parents):
            if (folder / "config.json").is_file():
                run = cls(folder)
                run.settle()
                return run
        raise NoInputError(f"{path} is not a run folder", where=str(path), hint="ganstyle train makes one")

    @property
    def checkpoints(self) -> Path:
        """Return the folder of checkpoints."""
        return self.folder / "checkpoints"

    @property
    def number(self) -> int:
        """Return the number in the folder's name; 0 for a folder that was renamed by hand."""
        match = _FOLDER.fullmatch(self.folder.name)
        return int(match[1]) if match else 0

    @property
    def resume_command(self) -> str:
        """Return the command that goes on with this run."""
        return f"ganstyle train --run {shlex.quote(str(self.folder))} --resume auto"

    @property
    def config(self) -> dict[str, Any]:
        """Return the stored configuration (untrusted: validate it).

        Raises:
            ModelError: unreadable.
        """
        return read_json(self.folder / "config.json")

    @property
    def environment(self) -> dict[str, Any]:
        """Return the versions and the machine the run began with."""
        return read_json(self.folder / "environment.json")

    @property
    def status(self) -> dict[str, Any]:
        """Return the newest status, `crashed` if the process that would write it is gone; empty when there is none."""
        status = self._written_status()
        if status.get("state") in _UNFINISHED and self._is_left(holder := self._read_holder()):
            status |= {"state": "crashed", "code": EnvironmentProblem.code, "reason": _silent_end(holder)}
        return status

    def settle(self) -> None:
        """Let `status.json` say `crashed` if the process that would write it is gone; else leave it.

        Where nothing can be written, or somebody takes the run over at this moment, the file stays as it is.
        """
        holder = self._read_holder()
        if self._written_status().get("state") not in _UNFINISHED or not self._is_left(holder):
            return
        lock = FileLock(self._lock, thread_local=False)
        with suppress(OSError, EnvironmentProblem), lock.acquire(timeout=0):
            if self._read_holder() == holder:
                self._write_end(holder)

    def write_status(self, state: str, *, code: int | None = None, reason: str = "", **facts: Any) -> None:
        """Replace `status.json`; facts not given keep their values.

        Args:
            state: `created`, `running`, `paused`, `finished`, `preempted`, `failed`, `diverged` or `crashed`.
            code: exit code; None while the run goes on.
            reason: one sentence.
            facts: `step`, `images`, `rank`, `promise`, ... (plain JSON).

        Raises:
            EnvironmentProblem: the folder can't be written.
        """
        status = {"schema": 1, "rank": 0, **self.status, **facts, "state": state, "code": code, "reason": reason}
        status |= {"resume": self.resume_command, "written": _now()}
        with disk_errors("can't write the run's status", where=str(self.folder), hint=self.resume_command):
            self._write("status.json", status)

    def mark_crashed(self, reason: str, *, code: int) -> None:
        """Write the status of a run whose process is gone; one that has a last word keeps it.

        Args:
            reason: one sentence.
            code: the exit code.

        Raises:
            EnvironmentProblem: the folder can't be written.
        """
        if self.status.get("state") in (*_UNFINISHED, "crashed"):
            self.write_status("crashed", code=code, reason=reason)

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Replace `config.json`, e.g. when a resume raises `train.images`."""
        with disk_errors("can't write the run's configuration", where=str(self.folder)):
            self._write("config.json", config)

    @contextmanager
    def lock(self) -> Iterator[list[str]]:
        """Hold the run for this process; yields notes, e.g. that a dead process was taken over.

        Raises:
            EnvironmentProblem: another process has it (says pid, host, since when), or the folder can't be written.
        """
        lock = FileLock(self._lock, thread_local=False)
        with disk_errors("can't lock the run", where=str(self.folder)):
            notes = self._acquire(lock)
        leave_place(self.folder)
        try:
            yield notes
        finally:
            with suppress(OSError):
                self._holder.unlink(missing_ok=True)
            lock.release()

    def require_space(self, checkpoint_bytes: int, keep: int) -> None:
        """Refuse to begin when the disk can't hold `keep + 1` checkpoints of the measured size.

        Raises:
            EnvironmentProblem: says what is needed, what is free and what helps.
        """
        need, free = (keep + 1) * checkpoint_bytes, shutil.disk_usage(self.folder).free
        if free < need:
            raise EnvironmentProblem(
                f"not enough disk for {keep + 1} checkpoints: needs {megabytes(need)}, {megabytes(free)} free",
                where=str(self.folder),
                hint=f"free {megabytes(need - free)}, then: {self.resume_command}",
            )

    @property
    def _holder(self) -> Path:
        return self.folder / "lock.json"

    @property
    def _lock(self) -> Path:
        return self.folder / ".lock"

    def _is_left(self, holder: Mapping[str, Any]) -> bool:
        return bool(holder) and is_gone(holder, self._lock)

    def _write_end(self, holder: Mapping[str, Any]) -> None:
        # The caller has the lock, so whether it is free may not be asked again.
        if self._written_status().get("state") in _UNFINISHED:
            self.write_status("crashed", code=EnvironmentProblem.code, reason=_silent_end(holder))

    def _acquire(self, lock: FileLock) -> list[str]:
        holder = self._read_holder()
        dead = self._is_left(holder)
        try:
            lock.acquire(timeout=_ORPHAN_SECONDS if dead else _READER_SECONDS)
        except Timeout:
            raise self._in_use() from None
        if dead:
            self._write_end(holder)
        notes = [f"process {holder['pid']} died and left this run; taking over"] if dead else []
        self._write("lock.json", {**describe_holder(), "since": _now()})
        return notes

    def _in_use(self) -> EnvironmentProblem:
        holder = self._read_holder()
        return EnvironmentProblem(
            f"{self.folder} is in use by process {holder.get('pid', '?')} on {holder.get('host', '?')} "
            f"since {holder.get('since', '?')}",
            where=str(self.folder),
            hint="wait for it, stop it, or begin another run without --run",
        )

    def _read_holder(self) -> dict[str, Any]:
        return _read_or_empty(self._holder)

    def _written_status(self) -> dict[str, Any]:
        return _read_or_empty(self.folder / "status.json")

    def _write(self, name: str, value: Mapping[str, Any]) -> None:
        replace_synced(self.folder / name, dump_json(value))


def newest_run(root: Path) -> Run:
    """Return the run with the highest number that has a configuration.

    Raises:
        NoInputError: there is none.
    """
    found = list_runs(root)
    if not found:
        raise NoInputError(f"there is no run in {root}", where=str(root), hint="make one: ganstyle train")
    return found[-1]


def list_runs(root: Path) -> list[Run]:
    """Return all runs below root, oldest first, their status files brought up to date."""
    folders = [path for path in _entries(root) if _FOLDER.fullmatch(path.name) and (path / "config.json").is_file()]
    found = sorted((Run(folder) for folder in folders), key=lambda run: (run.number, run.folder.name))
    for run in found:
        run.settle()
    return found


def megabytes(count: int) -> str:
    """Return a size for people: `812 MB`."""
    return f"{count / 1e6:.0f} MB" if count >= 1e7 else f"{count / 1e6:.1f} MB"


def _next_folder(root: Path, slug: str) -> Path:
    # mkdir alone would let two processes take 0007-cats and 0007-dogs at once: the lock covers the listing too.
    with FileLock(root / ".lock"):
        numbers = [int(match[1]) for path in _entries(root) if (match := _FOLDER.fullmatch(path.name))]
        folder = root / f"{max(numbers, default=0) + 1:04d}-{slug}"
        folder.mkdir()
    return folder


def _entries(root: Path) -> list[Path]:
    try:
        return list(root.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "run"


def _read_or_empty(path: Path) -> dict[str, Any]:
    with suppress(ModelError):
        return read_json(path)
    return {}


def _silent_end(holder: Mapping[str, Any]) -> str:
    return f"process {holder['pid']} ended without a message"


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
