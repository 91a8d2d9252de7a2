"""File names as text: shown safely in messages, and made safe before they are written."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from pathlib import PurePath

_LIMIT_BYTES = 200
_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{digit}" for port in ("com", "lpt") for digit in range(1, 10))}
_FORBIDDEN = set('<>:"|?*/\\')


def shown(name: str | bytes | os.PathLike[str]) -> str:
    r"""Return a name fit for a terminal: control, bidirectional and undecodable characters are escaped.

    >>> shown("a\x1b[2J.png")
    'a\\x1b[2J.png'
    """
    text = os.fsdecode(name)
    return "".join(char if _printable(char) else _escaped(char) for char in text)


def _printable(char: str) -> bool:
    # Cc control, Cf bidirectional overrides, Cs undecodable bytes, Zl and Zp line ends.
    return unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def _escaped(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # os.fsdecode keeps a byte that is no UTF-8 as one of these
        return f"\\x{code - 0xDC00:02x}"
    return char.encode("unicode_escape", "backslashreplace").decode("ascii")


def safe_name(text: str, *, fallback: str = "picture") -> str:
    r"""Return one path component that every file system takes, at most 200 bytes of UTF-8.

    Separators, controls and reserved characters become `_`; Windows device names get a `_` in front; a name that is
    too long is cut and ends in eight hex digits of its hash.

    >>> safe_name("..\\..\\x.png"), safe_name("CON.png")
    ('_.._x.png', '_CON.png')
    """
    normal = unicodedata.normalize("NFC", text)
    cleaned = "".join(char if _printable(char) and char not in _FORBIDDEN else "_" for char in normal)
    cleaned = cleaned.strip(" .") or fallback
    if cleaned.split(".")[0].strip().lower() in _RESERVED:
        cleaned = f"_{cleaned}"
    return _cut(cleaned)


def _cut(name: str) -> str:
    if len(name.encode()) <= _LIMIT_BYTES:
        return name
    suffix = PurePath(name).suffix
    suffix = suffix if len(suffix.encode()) <= 16 else ""
    mark = "-" + hashlib.sha256(name.encode()).hexdigest()[:8]
    room = _LIMIT_BYTES - len((mark + suffix).encode())
    return name.encode()[:room].decode(errors="ignore").rstrip(" .") + mark + suffix
