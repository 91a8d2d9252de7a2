"""Words of the command line that mean several numbers: `0-7,12`, `4x6`, `-3..3`."""

from __future__ import annotations

import math
import re

from ganstyle.errors import UsageError

MOST_NUMBERS = 100_000
STRIP = 7  # pictures of a strip whose ends alone are given


def parse_numbers(text: str, *, option: str) -> list[int]:
    """Read whole numbers of at least 0 and ranges of them, ends included, in the order given.

    Raises:
        UsageError: anything else, or more than 100000 numbers.

    >>> parse_numbers("0-3,12", option="--seeds")
    [0, 1, 2, 3, 12]
    """
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,18})\s*(?:-\s*(\d{1,18})\s*)?", part)
        if match is None:
            raise UsageError(f"{part!r} is neither a number nor a range", where=option, hint=f"{option} 0-7,12")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first or last - first + len(found) >= MOST_NUMBERS:
            reason = "runs backwards" if last < first else f"gives more than {MOST_NUMBERS} numbers"
            raise UsageError(f"{part.strip()!r} {reason}", where=option, hint=f"{option} 0-7,12")
        found += range(first, last + 1)
    return found


def parse_table(text: str, *, option: str) -> tuple[int, int]:
    """Read rows and columns, from 1 to 32 each.

    Raises:
        UsageError: anything else.

    >>> parse_table("4x6", option="--mix")
    (4, 6)
    """
    match = re.fullmatch(r"\s*(\d{1,2})\s*[xX×]\s*(\d{1,2})\s*", text)
    sides = (int(match[1]), int(match[2])) if match else (0, 0)
    if not all(1 <= side <= 32 for side in sides):
        raise UsageError(f"{text!r} is no table of 1 to 32 rows and columns", where=option, hint=f"{option} 4x6")
    return sides


def parse_strengths(text: str, *, option: str = "--strength") -> list[float]:
    """Read strengths: numbers with commas, or two ends, between which seven are spread evenly.

    Raises:
        UsageError: no numbers, or some beyond 100.

    >>> parse_strengths("-3..3")
    [-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0]
    """
    hint = f"{option} -3..3, {option} 2 or {option} -2,0,2"
    first, dots, last = text.partition("..")
    try:
        values = [float(first), float(last)] if dots else [float(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"{text!r} are no strengths", where=option, hint=hint) from None
    if not all(math.isfinite(value) and abs(value) <= 100 for value in values):
        raise UsageError(f"{text!r} goes beyond -100 to 100", where=option, hint=hint)
    if not dots:
        return values
    step = (values[1] - values[0]) / (STRIP - 1)
    return [values[0] + step * index for index in range(STRIP)]
