"""Exceptions that reach a user, each with its exit code; the only place where codes are defined."""

from __future__ import annotations

EXIT_OK = 0
EXIT_SOME_FAILED = 3
EXIT_SECOND_INTERRUPT = 130

_OUT_OF_MEMORY = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "cannot allocate memory",
    "alloc_failed",
    "failed to allocate",
    "bad_alloc",
    "bad allocation",
    "smaller than requested",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of Python, torch or onnxruntime means that memory ran out; neither library has one class."""
    if isinstance(error, MemoryError) or "OutOfMemory" in type(error).__name__:
        return True
    text = str(error).lower()
    return any(words in text for words in _OUT_OF_MEMORY)


class GanstyleError(Exception):
    """An error that says what, where and what to do next.

    Attributes:
        code: process exit code.
        kind: stable word for machines (the key of `--json`).
        message: what went wrong, with the user's own value.
        where: file, key, component or step; may be empty.
        hint: a command or an action that helps; may be empty.
    """

    code = 1
    kind = "internal"

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message, self.where, self.hint = message, where, hint

    def as_dict(self) -> dict[str, str | int]:
        """Return the body of the `--json` error object."""
        return {"code": self.code, "kind": self.kind, "message": self.message, "where": self.where, "hint": self.hint}


class UsageError(GanstyleError):
    """An unknown name, key or value, or options that exclude each other."""

    code, kind = 2, "usage"


class NoInputError(GanstyleError):
    """Nothing usable among the inputs."""

    code, kind = 4, "no_input"


class InputError(NoInputError):
    """One input file can't be used; a batch catches this and goes on."""

    kind = "input"


class ModelError(GanstyleError):
    """A model, style or checkpoint file that is unsafe, damaged or foreign."""

    code, kind = 5, "model"


class EnvironmentProblem(GanstyleError):
    """Disk, device, permission, missing extra or weights, or a lock."""

    code, kind = 6, "environment"


class DivergedError(GanstyleError):
    """Training produced non-finite values again and again."""

    code, kind = 7, "diverged"


class Stopped(GanstyleError):
    """Stopped by a signal after saving; resumable."""

    code, kind = 75, "stopped"
