"""Text that is safe to show: control characters escaped, colour only where a person looks."""

from __future__ import annotations

import os
import sys
import unicodedata
from pathlib import Path
from typing import IO

RED, YELLOW, CYAN = "31", "33", "36"
_LAYOUT = "\n\t"


def clean(text: object, *, keep: str = _LAYOUT) -> str:
    r"""Return text whose control characters, direction marks and undecodable bytes are escaped.

    Args:
        text: anything; a path, a user's value, a message.
        keep: control characters that stay.

    >>> clean("a\x1b[2J.jpg")
    'a\\x1b[2J.jpg'
    """
    return "".join(_escaped(char, keep) for char in str(text))


def _escaped(char: str, keep: str) -> str:
    if char in keep or unicodedata.category(char) not in {"Cc", "Cf", "Cs"}:
        return char
    if "\udc80" <= char <= "\udcff":  # an undecodable byte of a file name, see os.fsdecode
        return f"\\x{ord(char) - 0xDC00:02x}"
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")


def shown(path: str | os.PathLike[str]) -> str:
    """Return a path as people read it: on one line, relative to the working directory when below it."""
    path = Path(path)
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    return clean(path, keep="")


def is_terminal(stream: IO[str]) -> bool:
    """Whether a person watches this stream and it understands cursor codes."""
    try:
        return stream.isatty() and os.environ.get("TERM") != "dumb" and "CI" not in os.environ
    except ValueError:  # closed
        return False


def coloured(text: str, colour: str, stream: IO[str]) -> str:
    """Return text in a colour where a terminal shows it and NO_COLOR is unset (no-color.org)."""
    if os.environ.get("NO_COLOR") or not is_terminal(stream):
        return text
    return f"\x1b[{colour}m{text}\x1b[0m"


def write(text: str, stream: IO[str]) -> None:
    """Write a line at once; a talk line that nobody reads any more is dropped."""
    try:
        stream.write(text + "\n")
        stream.flush()
    except (BrokenPipeError, ValueError):
        if stream is not sys.stderr:
            raise
