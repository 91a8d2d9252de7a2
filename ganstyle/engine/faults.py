"""Named points where a test can kill the process or make the disk fail: `GANSTYLE_FAULT=manifest:kill:2`."""

from __future__ import annotations

import errno
import os
import signal
from collections import Counter
from typing import NoReturn

from ganstyle.errors import UsageError

VARIABLE = "GANSTYLE_FAULT"
ACTIONS = ("kill", "enospc", "eacces", "raise")
_hits: Counter[str] = Counter()


def fault(point: str) -> None:
    """Do what `GANSTYLE_FAULT` asks at this point; nothing, and at no cost, when it is unset.

    The variable holds `point[:action][:n]`, several separated by commas. Actions: `kill` (SIGKILL, the default),
    `enospc` and `eacces` (the OSError of that name), `raise` (RuntimeError). `n` is the visit that fails, counted
    from 1 (the default); `2+` fails at the second and every later one.

    Raises:
        OSError: injected.
        RuntimeError: injected.
        UsageError: the variable can't be read.
    """
    text = os.environ.get(VARIABLE)
    if text:
        for wanted in text.split(","):
            _visit(wanted, point)


def forget() -> None:
    """Count visits from zero again."""
    _hits.clear()


def _visit(wanted: str, point: str) -> None:
    name, action, first, forever = _parse(wanted)
    if name != point:
        return
    _hits[wanted] += 1
    if _hits[wanted] == first or (forever and _hits[wanted] > first):
        _fail(point, action)


def _parse(wanted: str) -> tuple[str, str, int, bool]:
    name, *rest = wanted.strip().split(":")
    action = rest.pop(0) if rest and not rest[0].rstrip("+").isdigit() else "kill"
    count = rest.pop(0) if rest else "1"
    if rest or action not in ACTIONS or not count.removesuffix("+").isdigit():
        raise UsageError(
            f"{VARIABLE}={wanted!r} is not point[:action][:n]", where=VARIABLE, hint=f"actions: {', '.join(ACTIONS)}"
        )
    return name, action, int(count.removesuffix("+")), count.endswith("+")


def _fail(point: str, action: str) -> NoReturn:
    if action == "kill":
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
    if action == "raise":
        raise RuntimeError(f"injected at {point}")
    code = errno.ENOSPC if action == "enospc" else errno.EACCES
    raise OSError(code, os.strerror(code), point)
