"""Write files at once or not at all, never over somebody's work."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from ganstyle.data.names import shown
from ganstyle.errors import EnvironmentProblem


def write_atomic(path: str | os.PathLike[str], data: bytes, *, overwrite: bool = True) -> Path:
    """Write a file so that a reader, or a crash, sees the old or the new contents and nothing between.

    The temporary file lies in the same folder: a rename across disks would be a copy.

    Args:
        path: target; its folder is made.
        data: whole contents.
        overwrite: replace an existing file; otherwise a free name is taken.

    Returns:
        The path written.

    Raises:
        EnvironmentProblem: full disk, no permission; an old file is intact.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=".tmp-")
    except OSError as error:
        raise _problem(error, target) from None
    try:
        _fill(descriptor, data, target)
        return _move(temporary, target, overwrite)
    except OSError as error:
        raise _problem(error, target) from None
    finally:
        Path(temporary).unlink(missing_ok=True)


def _fill(descriptor: int, data: bytes, target: Path) -> None:
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
        if hasattr(os, "fchmod"):  # mkstemp makes private files; a picture is as readable as its neighbours
            os.fchmod(stream.fileno(), 0o666 & ~_umask())


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _move(temporary: str, target: Path, overwrite: bool) -> Path:
    if overwrite:
        os.replace(temporary, target)
    else:
        target = _link_to_free_path(temporary, target)
    _sync_folder(target.parent)
    return target


def _link_to_free_path(temporary: str, target: Path) -> Path:
    """Take a free name; `link` fails where two writers want the same one, `rename` would destroy."""
    while True:
        free = free_path(target)
        try:
            os.link(temporary, free)
        except FileExistsError:
            continue
        except OSError:  # a file system without links
            os.replace(temporary, free)
        return free


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # a folder can't be opened there
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:  # some network file systems refuse; the file itself is safe
        pass
    finally:
        os.close(descriptor)


def free_path(path: str | os.PathLike[str]) -> Path:
    """Return the path, or `name-2.png`, `name-3.png` ... if it is taken."""
    path = Path(path)
    number, candidate = 2, path
    while os.path.lexists(candidate):
        candidate = path.with_name(f"{path.stem}-{number}{path.suffix}")
        number += 1
    return candidate


def write_json(path: str | os.PathLike[str], value: Any) -> Path:
    """Write indented JSON, replacing the file at once; NaN and infinity are refused with ValueError."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    return write_atomic(path, (text + "\n").encode("utf-8", "backslashreplace"))


def _problem(error: OSError, target: Path) -> EnvironmentProblem:
    name = shown(target)
    return EnvironmentProblem(
        f"{name} can't be written: {error.strerror or 'the disk refuses'}",
        where=name,
        hint="free some space, or choose another folder",
    )
