"""Which process holds a run, and whether it is certainly gone.

A process number means something only among the processes that this one sees: another machine, another container or the
same machine before its last start count anew. There the lock of the run's folder is asked instead, which the kernel
lets go when its holder ends; where neither can tell, the run counts as held.
"""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

_STAT_STATE, _STAT_STARTED = 0, 19  # of /proc/PID/stat, counted after the name in brackets
_ENDED_STATES = ("Z", "X")  # ended, but whoever started it has not asked how


def describe_holder() -> dict[str, Any]:
    """Return what tells this process from all others, as plain JSON: `pid`, `host`, `boot`, `space`, `started`.

    `boot` changes when the machine starts anew, `space` is the set of processes that see one another, `started` tells a
    process from a later one with the same number. All three are empty where the system doesn't tell.
    """
    pid = os.getpid()
    return {"pid": pid, "host": socket.gethostname(), **_whereabouts(), "started": _stat(pid).get("started", "")}


def is_gone(holder: Mapping[str, Any], lock: Path) -> bool:
    """Return whether a holder has certainly ended; False where nobody here can know.

    Args:
        holder: of `describe_holder`, perhaps by an older version or damaged.
        lock: the file it has locked.
    """
    pid, here = holder.get("pid"), _whereabouts()
    if not isinstance(pid, int) or pid <= 0:
        return False
    same_host = holder.get("host") == socket.gethostname()
    if "boot" not in holder:  # written before these facts were
        return same_host and _has_ended(pid, "") and is_free(lock)
    if holder["boot"] == here["boot"] and (here["boot"] or same_host):  # one kernel
        return _has_ended(pid, holder.get("started")) if holder.get("space") == here["space"] else is_free(lock)
    return same_host and is_free(lock) and _is_older_than_boot(lock.parent)


def is_free(lock: Path) -> bool:
    """Return whether nobody holds a lock file; False where the file system can't tell."""
    try:
        import fcntl
    except ImportError:  # Windows
        return False
    try:
        descriptor = os.open(lock, os.O_RDONLY)
    except OSError as error:
        return error.errno == errno.ENOENT
    try:
        # Shared: other readers may ask at the same time.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(descriptor)


def _whereabouts() -> dict[str, str]:
    boot = space = ""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    with suppress(OSError, AttributeError):
        space = os.readlink("/proc/self/ns/pid")
    return {"boot": boot, "space": space}


def _has_ended(pid: int, started: object) -> bool:
    if os.name != "posix":  # there os.kill would send Ctrl-C
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # alive, of another user; or no number of a process
        return False
    found = _stat(pid)
    return found.get("state") in _ENDED_STATES or bool(started and found and found["started"] != started)


def _stat(pid: int) -> dict[str, str]:
    """Return the `state` and the `started` ticks of a process; empty where the system doesn't show them."""
    with suppress(OSError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        return {"state": fields[_STAT_STATE], "started": fields[_STAT_STARTED]}
    return {}


def _is_older_than_boot(folder: Path) -> bool:
    """Return whether nothing was written into a folder since this machine started."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    if clock is None:
        return False
    booted = time.time() - time.clock_gettime(clock)
    try:
        return max(entry.stat().st_mtime for entry in os.scandir(folder)) < booted
    except (OSError, ValueError):
        return False
