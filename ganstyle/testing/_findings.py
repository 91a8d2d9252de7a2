"""Collecting what is wrong, so that an author sees all of it at once."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator

from ganstyle.errors import GanstyleError


class ConformanceError(GanstyleError):
    """A component breaks the contract.

    Attributes:
        failures: one line each: what was found, and the remedy.
    """

    kind = "conformance"

    def __init__(self, subject: str, failures: list[str]) -> None:
        lines = "\n".join(f"  - {failure}" for failure in failures)
        super().__init__(f"{subject} breaks the contract:\n{lines}", where=subject, hint="docs: how to write a plugin")
        self.failures = tuple(failures)


class NotCheckable(GanstyleError):
    """A component can't be checked here: its weights, its data or its options are missing."""

    kind = "not_checkable"


class Findings:
    """What is wrong with one subject.

    Args:
        subject: what is checked, e.g. `loss 'bce'`.
    """

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.failures: list[str] = []

    def require(self, condition: bool, found: str, remedy: str) -> bool:
        """Note a failure unless the condition holds; return the condition."""
        if not condition:
            self.failures.append(f"{found}; {remedy}")
        return bool(condition)

    @contextlib.contextmanager
    def watching(self, what: str) -> Iterator[None]:
        """Note whatever the component raises inside, with the place, and go on."""
        try:
            yield
        except (KeyboardInterrupt, NotCheckable):
            raise
        except BaseException as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            text = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            self.failures.append(f"{what} raised {text} (line {frame.lineno} of {frame.filename}); it must not")

    def raise_any(self) -> None:
        """Raise if anything was noted.

        Raises:
            ConformanceError: with every failure.
        """
        if self.failures:
            raise ConformanceError(self.subject, list(dict.fromkeys(self.failures)))
