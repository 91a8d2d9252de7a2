"""Files that a power cut leaves old or new, never half."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ganstyle.errors import EnvironmentProblem, ModelError

MAX_JSON_BYTES = 16 << 20


def write_synced(path: Path, data: bytes) -> None:
    """Write a file and wait until the disk has it.

    Raises:
        OSError: disk full, no permission; the half-written file stays for the caller to drop.
    """
    # An own open file: torch.save(path) hides a full disk behind a RuntimeError and destroys the old file first.
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make the folder's entries (creations, renames) durable."""
    if sys.platform == "win32":  # folders can't be opened there; NTFS journals renames
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_synced(path: Path, data: bytes) -> None:
    """Write a file so that readers see the old or the new content, also after a crash."""
    # The temporary file lies beside the target: TMPDIR may be another disk, where rename is not atomic.
    temporary = path.with_name(f".tmp-{path.name}-{os.getpid()}")
    try:
        write_synced(temporary, data)
        os.replace(temporary, path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def dump_json(value: Mapping[str, Any]) -> bytes:
    """Return canonical JSON, one key per line.

    Raises:
        ValueError: NaN or infinity.
        TypeError: not a JSON type.
    """
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object written by us, trusting nothing.

    Raises:
        ModelError: unreadable, too large, not JSON or not an object.
    """
    try:
        size = path.stat().st_size
        if size > MAX_JSON_BYTES:
            raise ModelError(f"{path.name} has {size} bytes, at most {MAX_JSON_BYTES} are read", where=str(path))
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path.name} can't be read: {_reason(error)}", where=str(path)) from None
    if not isinstance(value, dict):
        raise ModelError(f"{path.name} is not a JSON object", where=str(path))
    return value


@contextmanager
def disk_errors(message: str, *, where: str = "", hint: str = "") -> Iterator[None]:
    """Turn an OSError of the block into an EnvironmentProblem `message: reason`."""
    try:
        yield
    except OSError as error:
        raise EnvironmentProblem(f"{message}: {_reason(error)}", where=where, hint=hint) from error


def _reason(error: BaseException) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return text or type(error).__name__
