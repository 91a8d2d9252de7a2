"""Answers that `ganstyle eval` gave before and need not work out again."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganstyle.errors import GanstyleError

if TYPE_CHECKING:
    from ganstyle.cli.eval_options import Request
    from ganstyle.config import Selection
    from ganstyle.engine.remembered import Answer
    from ganstyle.engine.scores import Score


def key_of(
    request: Request,
    metrics: Sequence[Selection],
    words: Sequence[str],
    *,
    styles: Sequence[str] = (),
    runs: Path | None,
    mode: str = "eval",
) -> str:
    """Return what the answer to a request is kept under; empty if it must be worked out.

    Args:
        request: what was asked for.
        metrics: chosen so far.
        words: places of pictures.
        styles: words that name styles.
        runs: where the newest run is looked for; None for pairs.
        mode: of the command.
    """
    from ganstyle.engine.remembered import answer_key

    written = request.html is not None or request.reference is not None
    if not request.cache or written or request.download or request.weights:
        return ""
    named = [*words] or _newest(runs)
    places = [(word, request.count) for word in [*named, *([request.real] if request.real else [])]]
    chosen = [(one.name, dict(one.options)) for one in metrics]
    files = [str(value) for one in metrics for value in one.options.values() if Path(str(value)).is_file()]
    files += [style for style in styles if Path(style).exists()]
    asked = {
        "mode": mode,
        "words": named,
        "real": request.real,
        "metrics": chosen,
        "asked": request.metric,
        "count": request.count,
        "compat": request.compat,
        "seed": request.seed,
        "device": request.device,
        "pairs": runs is None,
        "styles": list(styles),
        "folder": os.getcwd(),
    }
    return answer_key(asked, [*places, *((file, None) for file in files)]) if places else ""


def _newest(runs: Path | None) -> list[str]:
    from ganstyle.engine.run import newest_run

    try:
        return [str(newest_run(runs).folder)] if runs is not None else []
    except GanstyleError:  # said in full later
        return []


def keep(key: str, facts: Mapping[str, Any], scores: Sequence[Score]) -> None:
    """Keep an answer for the next time."""
    from ganstyle.cli.output import plain
    from ganstyle.engine.remembered import Answer, remember

    if all(one.value is None or abs(one.value) < float("inf") for one in scores):  # JSON knows no infinity
        written = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
        remember(key, Answer(plain(dict(facts)), list(scores), written))


def find(key: str) -> Answer | None:
    """Return the answer that is kept, if there is one."""
    from ganstyle.engine.remembered import recall

    return recall(key)
