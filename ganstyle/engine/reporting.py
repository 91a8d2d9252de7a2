"""What a run tells while it works, and why telling can't end it."""

from __future__ import annotations

from typing import Any, Protocol


class Reporter(Protocol):
    """What a run tells while it works."""

    def update(self, done: int, **facts: Any) -> None:
        """Report the images done and the newest scalars."""

    def say(self, text: str) -> None:
        """Report one line."""


class Silent:
    """A reporter that tells nothing."""

    def update(self, done: int, **facts: Any) -> None:
        """Ignore progress."""

    def say(self, text: str) -> None:
        """Ignore text."""


class Steady:
    """Passes everything on until the reporter fails once: a closed terminal must not end a run.

    Args:
        reporter: told until it raises an OSError or, as a closed stream does, a ValueError.
    """

    def __init__(self, reporter: Reporter) -> None:
        self.reporter = reporter

    def update(self, done: int, **facts: Any) -> None:
        """Pass progress on."""
        try:
            self.reporter.update(done, **facts)
        except (OSError, ValueError):
            self.reporter = Silent()

    def say(self, text: str) -> None:
        """Pass a line on."""
        try:
            self.reporter.say(text)
        except (OSError, ValueError):
            self.reporter = Silent()
