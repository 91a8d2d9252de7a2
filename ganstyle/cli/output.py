"""What the user reads: talk on stderr, answers on stdout, errors with the remedy.

`--json` puts one object on stdout, errors included, and silences the talk.
"""

from __future__ import annotations

import dataclasses
import errno
import functools
import inspect
import json as jsonlib
import math
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from ganstyle.cli.progress import Progress
from ganstyle.cli.terminal import RED, YELLOW, clean, coloured, is_terminal, write
from ganstyle.errors import (
    EXIT_OK,
    EXIT_SECOND_INTERRUPT,
    EnvironmentProblem,
    GanstyleError,
    UsageError,
    is_out_of_memory,
)

SCHEMA = 1

Table = tuple[Sequence[str], Sequence[Sequence[object]]]
"""Headings and rows."""

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


def _check_device(device: str) -> str:
    if device not in {"auto", "cpu", "cuda", "mps"} and not device.removeprefix("cuda:").isdigit():
        raise UsageError(f"unknown device {device!r}", where="--device", hint="auto, cpu, cuda, cuda:0 or mps")
    return device


JsonFlag = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, errors included.")]
QuietFlag = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no talk; errors only.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Equal seeds give equal pictures.")]
DeviceOption = Annotated[
    str,
    typer.Option("--device", callback=_check_device, help="auto, cpu, cuda or mps; a missing one is an error."),
]


class Output:
    """The two channels of a command.

    Args:
        json: answers as JSON on stdout, no talk.
        quiet: no talk; answers as text.
    """

    def __init__(self, json: bool = False, quiet: bool = False) -> None:
        self.json, self.quiet = json, quiet or json

    def say(self, text: str) -> None:
        """Tell the person something, on stderr; silent with --quiet and --json."""
        if not self.quiet:
            write(clean(text), sys.stderr)

    def warn(self, text: str) -> None:
        """Tell the person what needs attention; silent like `say`."""
        if not self.quiet:
            write(f"{coloured('warning:', YELLOW, sys.stderr)} {clean(text)}", sys.stderr)

    def result(self, data: Mapping[str, Any], *, table: Table | None = None, text: str | None = None) -> None:
        """Give the final answer, on stdout.

        Args:
            data: the answer for machines.
            table: headings and rows for people.
            text: lines for people, before the table; without either, data as `key: value` lines.
        """
        if self.json:
            write(jsonlib.dumps({"schema": SCHEMA, **plain(data)}, ensure_ascii=True), sys.stdout)
            return
        if text is None and table is None:
            text = "\n".join(f"{key}: {value}" for key, value in data.items())
        if text is not None:
            write(clean(text), sys.stdout)
        if table is not None:
            _write_table(*table)

    def progress(self, description: str, total: int | None = None, unit: str = "img") -> Progress:
        """Return a context manager with `advance(n)` and `update(done, **facts)`; rate and ETA on stderr."""
        return Progress(description, total, unit, silent=self.quiet)


def plain(value: Any) -> Any:
    """Return the value in JSON types: paths as text, non-finite numbers as null, arrays as lists."""
    if isinstance(value, str | bool | int | None):
        return clean(value) if isinstance(value, str) else value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {clean(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return plain(_unpacked(value))


def _unpacked(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if hasattr(value, "tolist"):  # tensors and arrays of any library
        return value.tolist()
    return str(value)


def _write_table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    if is_terminal(sys.stdout):
        _write_rich_table(headings, rows)
        return
    lines = [[clean(cell, keep="") for cell in row] for row in [headings, *rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    for line in lines:
        write("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip(), sys.stdout)


def _write_rich_table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    table = RichTable(*headings, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        # Text, not str: "[/]" in a file name would be read as markup.
        table.add_row(*(Text(clean(cell, keep="")) for cell in row))
    Console(file=sys.stdout, no_color=bool(os.environ.get("NO_COLOR"))).print(table)


def command(function: FunctionT) -> FunctionT:
    """Turn whatever a command raises into a message and an exit code; the signature stays for typer."""
    names = inspect.signature(function).parameters.values()
    json_name = next((p.name for p in names if p.annotation in ("JsonFlag", JsonFlag)), "json")

    @functools.wraps(function)
    def bounded(*args: Any, **kwargs: Any) -> None:
        try:
            code = function(*args, **kwargs)
        except (Exception, KeyboardInterrupt) as error:
            if is_typer_error(error):
                raise
            code = report(error, json=bool(kwargs.get(json_name)))
        if isinstance(code, int) and code != EXIT_OK:
            raise typer.Exit(code)

    return bounded  # type: ignore[return-value]


def is_typer_error(error: BaseException) -> bool:
    """Whether typer itself raised it; `app.main` gives those our form."""
    click_error = typer.BadParameter.__mro__[2]  # ClickException, wherever this typer keeps it
    return isinstance(error, typer.Exit | typer.Abort | click_error)


def report(error: BaseException, *, json: bool = False) -> int:
    """Show an error and return its exit code.

    Args:
        error: anything; `GanstyleError` says what, where and what to do, others are translated.
        json: as `{"error": {...}}` on stdout.
    """
    if isinstance(error, BrokenPipeError):
        return _reader_left()
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        write("stopped", sys.stderr)
        return EXIT_SECOND_INTERRUPT
    if debugging():
        traceback.print_exception(error)
    known = error if isinstance(error, GanstyleError) else _translated(error)
    if _left_to_launcher(known):
        return known.code
    if json:
        write(jsonlib.dumps({"schema": SCHEMA, "error": plain(known.as_dict())}), sys.stdout)
    else:
        _write_error(known)
    return known.code


def _left_to_launcher(error: GanstyleError) -> bool:
    """As one of several ranks, leave the error to the process that started them: it shows the first one, once."""
    if "RANK" not in os.environ:
        return False
    from ganstyle.engine.launching import leave_report

    return leave_report(error.as_dict(), secondary=getattr(error, "secondary", False))


def debugging() -> bool:
    """Whether tracebacks are wanted: `--debug` or GANSTYLE_DEBUG=1."""
    return os.environ.get("GANSTYLE_DEBUG", "0") not in ("", "0")


def _write_error(error: GanstyleError) -> None:
    lines = [("error:", error.message), ("where:", error.where), ("hint: ", error.hint)]
    for label, text in lines:
        if text:
            write(f"{coloured(label, RED, sys.stderr)} {clean(text)}", sys.stderr)


def _reader_left() -> int:
    # `ganstyle arch list | head -1`: the reader has what it wanted; keep the interpreter from complaining at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return EXIT_OK


_ENVIRONMENT = {
    errno.ENOSPC: ("no space left on the disk", "free some space, then run the command again"),
    errno.EDQUOT: ("the disk quota is used up", "free some space, then run the command again"),
    errno.EACCES: ("permission denied", "choose a folder you may read and write"),
    errno.EPERM: ("operation not permitted", "choose a folder you may read and write"),
    errno.EROFS: ("the file system is read-only", "choose another folder"),
}


def _translated(error: BaseException) -> GanstyleError:
    if isinstance(error, OSError) and error.errno in _ENVIRONMENT:
        message, hint = _ENVIRONMENT[error.errno]
        return EnvironmentProblem(message, where=str(error.filename or ""), hint=hint)
    if is_out_of_memory(error):
        return EnvironmentProblem("out of memory", hint="use smaller pictures or batches, or --device cpu")
    if "torchvision::nms" in str(error):
        return EnvironmentProblem(
            "torchvision doesn't match torch",
            where=str(error).splitlines()[0],
            hint="reinstall both as a pair: pip install -c constraints.txt torch torchvision; then ganstyle doctor",
        )
    if isinstance(error, ModuleNotFoundError) and error.name in {"torch", "torchvision", "numpy", "PIL"}:
        return EnvironmentProblem(f"{error.name} isn't installed", hint="pip install ganstyle; then ganstyle doctor")
    return GanstyleError(
        f"internal error: {type(error).__name__}: {error}",
        where=_place(error),
        hint="this is a bug; run the command again with --debug and report what it prints",
    )


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "ganstyle" in frame.filename]
    return f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else ""
