"""Words: text to values, and what was meant. Needs no pydantic, as listings use it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from typing import Any


def suggest(word: str, known: Iterable[str]) -> str:
    """Return `did you mean 'x'?`, or the known words when none is close."""
    import difflib  # costs milliseconds, and only mistakes need it

    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=3, cutoff=0.55)
    if close:
        return "did you mean " + " or ".join(repr(name) for name in close) + "?"
    return "known: " + ", ".join(known) if known else "there are none"


def parse_value(text: str) -> Any:
    """Read a TOML literal, else keep the text; `none` means None.

    >>> parse_value("1e-3"), parse_value("true"), parse_value("cats"), parse_value("none")
    (0.001, True, 'cats', None)
    """
    if text == "none":
        return None
    try:
        return tomllib.loads(f"value = {text}")["value"] if "\n" not in text else text
    except (ValueError, RecursionError):  # ValueError: also an integer of more digits than Python reads
        return text
