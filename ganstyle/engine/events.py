"""What went wrong in a run and what was done about it: told, and kept in `events.jsonl`. A healthy run has none."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from ganstyle.engine.distributed import leads
from ganstyle.engine.reporting import Reporter

FILE_NAME = "events.jsonl"


class Events:
    """Tells the user and appends to the run's `events.jsonl`; nothing is ever dropped from it.

    Args:
        folder: the run's.
        reporter: told each message.
    """

    def __init__(self, folder: Path, reporter: Reporter) -> None:
        self.path, self.reporter = folder / FILE_NAME, reporter

    def tell(self, kind: str, message: str, **facts: Any) -> None:
        """Report one thing.

        Args:
            kind: `non_finite`, `rollback`, `collapse`, `metric`, `warning` ...
            message: for people.
            facts: plain JSON, `step` and `images` among them.
        """
        self.reporter.say(message)
        if not leads():
            return
        with suppress(OSError):  # the message was told; a full disk must not end the run here
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"kind": kind, "message": message, **facts}) + "\n")


def read_events(folder: Path) -> list[dict[str, Any]]:
    """Return the events of a run, oldest first; a half-written last line is left out."""
    path, found = folder / FILE_NAME, []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        with suppress(ValueError):
            found.append(json.loads(line))
    return found
