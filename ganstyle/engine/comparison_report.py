"""A comparison of runs, models or folders as one HTML file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganstyle.data.writing import write_atomic
from ganstyle.engine.comparison import Comparison, svgs
from ganstyle.engine.eval_report import environment_table, score_table
from ganstyle.engine.evaluation import Assessment
from ganstyle.engine.html_pages import Figures, bullets, escaped, facts_table, grid, page, paragraph, shown_place, table
from ganstyle.engine.image_sets import ImageSet, spread
from ganstyle.engine.scores import Score

SAMPLES = 12  # of each thing


def write_comparison(
    path: Path,
    comparison: Comparison,
    *,
    pictures: Mapping[str, tuple[ImageSet, Assessment]],
    facts: Mapping[str, Any],
    device: str = "cpu",
) -> Path:
    """Write a comparison; an existing file is never replaced, a free name is taken.

    Args:
        path: of the file.
        comparison: scores.
        pictures: of each thing, by its name: its pictures and what was learnt of them.
        facts: of the command's answer: `places`, `real`.
        device: where networks ran.

    Returns:
        The path written.

    Raises:
        EnvironmentProblem: full disk or no permission.
    """
    figures = Figures()
    places = {name: shown_place(place) for name, place in facts["places"].items()}
    sections = {
        "Summary": facts_table(
            [*places.items(), ("compared with", shown_place(facts.get("real")) or "each run's own data")]
        ),
        "Scores": _table(comparison),
        "Plots": f'<div class="charts">{"".join(f"<div>{one}</div>" for one in svgs(comparison))}</div>',
        "What to know": bullets(comparison.warnings()),
        **{f"Samples of {name}": _samples(*found, figures=figures) for name, found in pictures.items()},
        **{f"Protocols of {name}": score_table(found.scores) for name, (_, found) in pictures.items()},
        "Environment": environment_table(device),
    }
    title = "Comparison of " + ", ".join(comparison.names)
    return write_atomic(path, page(title, sections).encode("utf-8", "backslashreplace"), overwrite=False)


def _table(comparison: Comparison) -> str:
    rows = []
    for key in comparison.keys:
        best = comparison.best(key)
        found = comparison.values(key)
        cells = [_cell(score, place in best) for place, score in enumerate(found)]
        higher = any(score.higher_is_better for score in found if score)
        rows.append([escaped(key), *cells, "higher" if higher else "lower"])
    headings = ("metric", *comparison.names, "better")
    kinds = ("key", *["number"] * len(comparison.names), "small")
    note = "Bold: the best, and those whose 95 % intervals overlap with the best one's, which may be chance."
    return table(headings, rows, classes=kinds) + paragraph(note)


def _cell(score: Score | None, is_best: bool) -> str:
    if score is None or score.value is None:
        return "-"
    text = f"<b>{score.value:.4g}</b>" if is_best else f"{score.value:.4g}"
    if score.interval is None:
        return text
    low, high = score.interval
    return f'{text}<br><span class="small">{low:.4g} to {high:.4g}</span>'


def _samples(images: ImageSet, found: Assessment, *, figures: Figures) -> str:
    facts = found.sides[False].facts
    chosen = images.pick(spread(list(range(facts.count or images.count or 0)), SAMPLES), unread=facts.unread)
    return grid((figures.figure(image, side=256) for _, image in chosen.values()), side=90)
