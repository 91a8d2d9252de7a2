"""Pictures through pipes: stdin as a file, a single result as bytes on stdout."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ganstyle.errors import NoInputError, UsageError

if TYPE_CHECKING:
    from ganstyle.style.batch import Outcome

PIPE = "-"
MAX_STDIN_BYTES = 1 << 30
HINT = "ganstyle transfer - --style monet < photo.jpg > painting.png"


@contextmanager
def received(photos: list[str] | None) -> Iterator[list[str] | None]:
    """Give the photographs as files; what stdin holds lies in a temporary folder until the end of the block.

    Args:
        photos: as typed; `["-"]` is stdin.

    Raises:
        UsageError: stdin among others.
        NoInputError: stdin is empty, too large or no picture.
    """
    if photos is None or PIPE not in photos:
        yield photos
        return
    if photos != [PIPE]:
        raise UsageError("- (stdin) can't be mixed with other pictures", where="PHOTOS", hint=HINT)
    with tempfile.TemporaryDirectory() as folder:
        yield [str(_stored(Path(folder)))]


def _stored(folder: Path) -> Path:
    from ganstyle.data.sniffing import HEAD_BYTES, READABLE, REFUSALS, sniff

    data = sys.stdin.buffer.read(MAX_STDIN_BYTES + 1)
    if len(data) > MAX_STDIN_BYTES:
        raise NoInputError("stdin holds more than 1 GB", where=PIPE, hint=HINT)
    kind = sniff(data[:HEAD_BYTES])
    if kind not in READABLE:
        reason, hint = ("holds nothing", HINT) if not data else (REFUSALS[kind].reason, REFUSALS[kind].hint)
        raise NoInputError(f"stdin {reason}", where=PIPE, hint=hint)
    path = folder / f"stdin.{'jpg' if kind == 'JPEG' else kind.lower()}"
    path.write_bytes(data)
    return path


def check_single(photos: int, results: int, *, json: bool, dry_run: bool) -> None:
    """Refuse what can't be written to stdout.

    Args:
        photos: how many there are.
        results: how many each makes.
        json: an answer for machines is asked for, which goes to stdout as well.
        dry_run: nothing shall be written.

    Raises:
        UsageError: not exactly one picture comes out, or something else wants stdout.
    """
    if photos * results != 1:
        counts = f"{photos} pictures" if photos != 1 else f"{results} results"
        raise UsageError(
            f"a pipe to stdout takes one picture and one style, not {counts}", where="--out -", hint="--out FOLDER"
        )
    if json or dry_run:
        option = "--json" if json else "--dry-run"
        raise UsageError(f"the picture goes to stdout, so does {option}", where=option, hint="--out FOLDER")


def send(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Write the picture of the only outcome to stdout; return the outcome.

    Raises:
        NoInputError: it failed.
    """
    made = list(outcomes)
    if made[0].path is None:
        raise NoInputError(made[0].message, where=made[0].photo.name, hint=made[0].hint)
    sys.stdout.buffer.write(made[0].path.read_bytes())
    sys.stdout.buffer.flush()
    return made
