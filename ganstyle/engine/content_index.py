"""Hashes of files by content, remembered by size and time, so that 10,000 pictures are read once. Imports no torch."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import platformdirs

from ganstyle.engine.durable import replace_synced

SETTLED_S = 2.0  # a younger file may change again within the same time stamp
HOME_VARIABLE = "GANSTYLE_HOME"


def home_cache() -> Path:
    """Return the user's cache folder, not created: `$GANSTYLE_HOME/cache`, else what the system recommends."""
    home = os.environ.get(HOME_VARIABLE)
    return Path(home) / "cache" if home else platformdirs.user_cache_path("ganstyle", appauthor=False)


class ContentIndex:
    """The hashes of files of one folder; what goes wrong with the index costs time only.

    Args:
        root: files below it are known by their relative name; the index of a folder is found by its place.
        folder: where indexes are kept; None is the user's cache folder.
    """

    def __init__(self, root: Path, *, folder: Path | None = None) -> None:
        self.root = root
        name = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:40]
        self._path = (folder or home_cache() / "contents") / f"{name}.json"
        self._known = self._read()

    def _read(self) -> dict[str, list[object]]:
        with suppress(OSError, ValueError, RecursionError):
            found = json.loads(self._path.read_bytes())
            if isinstance(found, dict):
                return found
        return {}

    def hashes(self, files: Iterable[Path]) -> list[str]:
        """Return the sha256 of each file, in hex; only new or changed files are read.

        Raises:
            OSError: a file is missing or can't be read.
        """
        now, fresh, found = time.time(), dict[str, list[object]](), list[str]()
        for file in files:
            name, stat = self._name(file), file.stat()
            stamp = [stat.st_size, stat.st_mtime_ns]
            known = self._known.get(name)
            if isinstance(known, list) and known[:2] == stamp and len(known) == 3:
                digest = str(known[2])
            else:
                digest = _sha256(file)
                if now - stat.st_mtime > SETTLED_S:
                    fresh[name] = [*stamp, digest]
            found.append(digest)
        if fresh:
            self._known |= fresh
            self._write()
        return found

    def _name(self, file: Path) -> str:
        try:
            return file.relative_to(self.root).as_posix()
        except ValueError:
            return file.resolve().as_posix()

    def _write(self) -> None:
        with suppress(OSError, ValueError):  # a read-only home costs time, not the result
            self._path.parent.mkdir(parents=True, exist_ok=True)
            replace_synced(self._path, json.dumps(self._known).encode())


def _sha256(file: Path) -> str:
    with open(file, "rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def spread(items: list[Any], count: int | None) -> list[Any]:
    """Return at most count items, evenly spaced, so that no label or name is favoured."""
    if count is None or count >= len(items):
        return items
    return [items[index * len(items) // count] for index in range(count)]


def files_identity(files: Iterable[Path], root: Path | None = None) -> str:
    """Return a hash of the names below the root (without one: bare names) and the contents of files.

    Args:
        files: in any order.
        root: of all of them.

    Returns:
        Hex digits; empty if a file can't be read: what can't be read now may be readable next time.
    """
    ordered = sorted(files)
    digest = hashlib.sha256()
    try:
        hashes = ContentIndex(root or Path(os.path.commonpath([file.parent for file in ordered]))).hashes(ordered)
    except (OSError, ValueError):
        return ""
    for file, content in zip(ordered, hashes, strict=True):
        name = file.relative_to(root).as_posix() if root else file.name
        digest.update(f"{name}\0{content}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
