"""Signals become flags that the training loop reads between steps."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from ganstyle.errors import EXIT_SECOND_INTERRUPT


class StopRequest:
    """Holds SIGTERM, SIGINT and SIGUSR1 while it is entered; the old handlers come back afterwards.

    SIGTERM and the first SIGINT set `requested`; a second SIGINT ends the process at once with exit code 130.
    SIGUSR1 asks for a save. A closed terminal (SIGHUP) is ignored: the run goes on. Outside the main thread python
    can't take signals; then nothing is installed.

    Attributes:
        requested: a stop was asked for.
        reason: name of the signal that asked, e.g. `SIGTERM`; empty before.
    """

    def __init__(self) -> None:
        self.requested, self.reason = False, ""
        self._save = False
        self._interrupts = 0
        self._owner = os.getpid()
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            handlers: dict[str, Any] = {"SIGTERM": self._on_stop, "SIGINT": self._on_stop, "SIGUSR1": self._on_save}
            for name, handler in {**handlers, "SIGHUP": signal.SIG_IGN}.items():
                number = getattr(signal, name, None)  # Windows has two of the four
                if number is not None:
                    self._previous[number] = signal.signal(number, handler)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous.clear()

    @property
    def number(self) -> int:
        """Return the number of the signal that asked for a stop; 0 for none."""
        return int(signal.Signals[self.reason]) if self.reason else 0

    def ask(self, number: int) -> None:
        """Ask for a stop in the name of a signal, e.g. one that another rank got."""
        self.requested, self.reason = True, signal.Signals(number).name

    def take_save_request(self) -> bool:
        """Return whether a save was asked for since the last call."""
        asked, self._save = self._save, False
        return asked

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._owner:
            return self._in_child(number)
        if number == signal.SIGINT:
            self._interrupts += 1
            if self._interrupts > 1:
                # No unwinding: a half-written checkpoint is a temporary folder, which the next start sweeps.
                os._exit(EXIT_SECOND_INTERRUPT)
        self.ask(number)
        return None

    def _on_save(self, number: int, frame: FrameType | None) -> None:
        self._save = self._save or os.getpid() == self._owner

    def _in_child(self, number: int) -> None:
        # Forked workers inherit these handlers. Ctrl-C reaches them too and is the parent's business; SIGTERM is how
        # multiprocessing ends them.
        if number == signal.SIGTERM:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
