"""Scalars of a run, one JSON object a line, always on."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FILE_NAME = "scalars.jsonl"


class ScalarLog:
    """Appends to `scalars.jsonl`; on resume, lines after the resumed point are dropped.

    Args:
        folder: the run's folder.
        images: the count at which the run (re)starts.
    """

    def __init__(self, folder: Path, *, images: int = 0) -> None:
        self.path = folder / FILE_NAME
        kept = [line for line in read_scalars(folder) if line["images"] <= images]
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
        os.replace(temporary, self.path)

    def write(self, scalars: Mapping[str, Any]) -> None:
        """Append one line; opened anew each time, so that a moved or closed file costs one line, not the run."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(dict(scalars)) + "\n")


def read_scalars(folder: Path) -> list[dict[str, Any]]:
    """Return all complete lines of a run's log; a half-written last line is left out."""
    path = folder / FILE_NAME
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [entry for line in lines if (entry := _parsed(line)) is not None]


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and "images" in entry else None
