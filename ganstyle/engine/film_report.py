"""Scores of films as one HTML file, with a few frames of each result and its source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from ganstyle.data.films import Film
from ganstyle.data.writing import write_atomic
from ganstyle.engine.content_index import spread
from ganstyle.engine.eval_report import environment_table, failures, score_table, score_warnings
from ganstyle.engine.html_pages import Figures, bullets, escaped, facts_table, grid, page, shown_place
from ganstyle.engine.scores import Score
from ganstyle.errors import GanstyleError

FRAMES = 6  # of each film
FILMS = 8


def write_film_report(
    path: Path,
    scores: Sequence[Score],
    *,
    films: Sequence[tuple[Film, Film]],
    facts: Mapping[str, Any],
    device: str = "cpu",
) -> Path:
    """Write a report; an existing file is never replaced, a free name is taken.

    Args:
        path: of the file.
        scores: of `evaluate_films`.
        films: (result, source).
        facts: of the command's answer: `generated`, `real`, `refused`.
        device: where networks ran.

    Returns:
        The path written.

    Raises:
        EnvironmentProblem: full disk or no permission.
    """
    figures = Figures()
    refused = [f"not scored: {name}: {reason}" for name, reason in facts.get("refused", ())]
    places = [(name, shown_place(facts.get(key))) for name, key in (("films", "generated"), ("sources", "real"))]
    sections = {
        "Summary": facts_table([*places, ("pairs of films", len(films))]) + bullets(refused),
        "Scores": score_table(scores) + failures(scores),
        "What to know": bullets(score_warnings(scores)),
        "Frames": "".join(_strips(pair, figures) for pair in films[:FILMS]),
        "Environment": environment_table(device),
    }
    title = f"Evaluation of {shown_place(facts.get('generated')) or 'films'}"
    return write_atomic(path, page(title, sections).encode("utf-8", "backslashreplace"), overwrite=False)


def _strips(pair: tuple[Film, Film], figures: Figures) -> str:
    parts = []
    for film, what in zip(pair, ("result", "source"), strict=True):
        shown = [figures.figure(frame, f"{what}, frame {number + 1}", side=256) for number, frame in _frames(film)]
        parts.append(grid(shown, side=180))
    return f"<h3>{escaped(pair[0].name)}</h3>" + "".join(parts)


def _frames(film: Film) -> list[tuple[int, Tensor]]:
    """Return a few frames, evenly spaced, with their numbers; of a film that can't be read, those before the damage."""
    found: list[tuple[int, Tensor]] = []
    wanted, step = set(spread(list(range(film.count)), FRAMES)) if film.count else None, 1
    try:
        for number, frame in enumerate(film):
            if number in wanted if wanted is not None else number % step == 0:
                found.append((number, frame))
            if wanted is None and len(found) > 4 * FRAMES:  # a video doesn't know its length: thin out as it goes on
                found, step = found[::2], 2 * step
    except GanstyleError:
        return spread(found, FRAMES)
    return spread(found, FRAMES)
