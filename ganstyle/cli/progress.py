"""Progress with rate and ETA: a live bar where a person looks, a plain line every few seconds elsewhere."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from ganstyle.cli.terminal import clean, is_terminal, write

PLAIN_INTERVAL_SECONDS = 5.0
MANY = 8  # pictures, from which on reading and encoding show progress


class Progress:
    """Counts work done; use as a context manager.

    Args:
        description: what is being done.
        total: units until done; None when unknown.
        unit: shown after the counts, e.g. `img`.
        silent: shows nothing.

    Attributes:
        share: how far the work has come, in [0, 1], where that is no matter of counts; fills the bar.
    """

    def __init__(self, description: str, total: int | None = None, unit: str = "img", *, silent: bool = False) -> None:
        self.description, self.total, self.unit = description, total, unit
        self.done, self.facts = 0, ""
        self.share: float | None = None
        self._silent = silent
        self._start = self._shown_at = time.monotonic()
        self._first: int | None = None
        self._bar: Any = None

    def __enter__(self) -> Progress:
        self._start = self._shown_at = time.monotonic()
        if not self._silent and is_terminal(sys.stderr):
            self._bar = _Bar(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        elif not self._silent and self.done:
            write(self.line(), sys.stderr)

    def advance(self, n: int = 1) -> None:
        """Count n more units."""
        self._first = self._first or 0
        self.update(self.done + n)

    def update(self, done: int, **facts: object) -> None:
        """Set the units done and what else is worth reading, e.g. `loss=0.7`."""
        if self._first is None:
            # A resumed run starts high; its rate counts from there. A first small step counts in full.
            self._first = done if self.total and done > self.total // 10 else 0
        self.done = done
        if facts:
            self.facts = "  ".join(f"{key} {_short(value)}" for key, value in facts.items())
        self._show()

    def rate(self) -> float:
        """Units per second since the start."""
        seconds = time.monotonic() - self._start
        return max(0, self.done - (self._first or 0)) / seconds if seconds > 0 else 0.0

    def line(self) -> str:
        """Return one line: counts, rate, ETA, facts."""
        rate = self.rate()
        counts = f"{self.done}/{self.total}" if self.total and self.done <= self.total else str(self.done)
        parts = [clean(self.description, keep=""), f"{counts} {self.unit}", f"{_short(rate)} {self.unit}/s"]
        if self.total and rate > 0 and self.done < self.total:
            parts.append(f"ETA {duration((self.total - self.done) / rate)}")
        return "  ".join([*parts, clean(self.facts, keep="")]).rstrip()

    def _show(self) -> None:
        if self._bar is not None:
            self._bar.refresh(self)
        elif not self._silent and time.monotonic() - self._shown_at >= PLAIN_INTERVAL_SECONDS:
            self._shown_at = time.monotonic()
            write(self.line(), sys.stderr)


class Counting:
    """Shows progress of work in stages, e.g. reading and encoding, that have many pictures; a context manager.

    Called before each picture, and at the end, with the stage, the pictures done and those there are.

    Args:
        progress: opens the progress of a stage, of its name and pictures, e.g. `Output.progress`.
    """

    def __init__(self, progress: Callable[[str, int], Progress]) -> None:
        self._progress = progress
        self._shown: Progress | None = None

    def __enter__(self) -> Counting:
        return self

    def __exit__(self, *error: object) -> None:
        self._end()

    def __call__(self, stage: str, done: int, total: int) -> None:
        if done == 0:
            self._end()
            self._shown = self._progress(stage, total).__enter__() if total > MANY else None
        if self._shown is not None:
            self._shown.update(done)
        if done == total:
            self._end()

    def _end(self) -> None:
        shown, self._shown = self._shown, None
        if shown is not None:
            shown.__exit__(None, None, None)


class _Bar:
    """The live form; rich is imported only when a terminal shows it."""

    def __init__(self, progress: Progress) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as RichProgress

        console = Console(stderr=True, no_color=bool(os.environ.get("NO_COLOR")))
        columns = (BarColumn(bar_width=24), TextColumn("{task.description}", markup=False))
        self._rich = RichProgress(*columns, console=console, refresh_per_second=4)
        self._task = self._rich.add_task(progress.line(), total=progress.total)
        self._rich.start()

    def refresh(self, progress: Progress) -> None:
        """Show the present state."""
        done, total = (progress.done, progress.total) if progress.share is None else (progress.share, 1.0)
        self._rich.update(self._task, completed=done, total=total, description=progress.line())

    def stop(self) -> None:
        """Leave the last state on the screen."""
        with contextlib.suppress(OSError):
            self._rich.stop()


def duration(seconds: float) -> str:
    """Return hours, minutes and seconds.

    >>> duration(3723.4)
    '1:02:03'
    """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def size(count: float) -> str:
    """Return bytes for people.

    >>> size(812_000_000), size(1_250_000_000)
    ('812 MB', '1.2 GB')
    """
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.3g} MB"


def _short(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


class StepsOfAll:
    """Progress of an optimiser over all pictures, each of which counts from 1; `bar` shows it."""

    def __init__(self) -> None:
        """Show nothing until there is a bar."""
        self.bar: Progress | None = None
        self.finished = 0

    def __call__(self, done: int, total: int) -> None:
        """Take that `done` of the `total` steps of the present picture are done."""
        if self.bar is not None:
            self.bar.update(self.finished + done)
        self.finished += total if done == total else 0
