"""The result of a study as one HTML file that needs nothing else."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from pathlib import Path

from ganstyle.data.names import shown
from ganstyle.study.design import Study
from ganstyle.study.results import Divided, RaterSummary, Result
from ganstyle.study.wording import divided_words, interval, measures, percent, score_rows, verdicts

MOST_DIVIDED = 12
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_CHART = (460, 32, 120, 440)  # width, height of a row, left and right end of the axis


def result_page(result: Result, study: Study | None = None) -> bytes:
    """Return the report as UTF-8.

    Args:
        result: of `result_of`.
        study: with its pictures, those that divided people most are shown.
    """
    sections = {
        "Scores": _scores(result),
        "Who won against whom": _matrix(result),
        "How much raters agree": _measures(result),
        "Pictures that divided people most": _pictures(result, study),
        "Raters": _raters(result.raters),
    }
    body = "".join(f"<h2>{title}</h2>{content}" for title, content in sections.items() if content)
    title = _text(result.design.question)
    style = (Path(__file__).parent / "report.css").read_text(encoding="utf-8")
    page = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="color-scheme" content="light dark">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{style}</style></head>'
        f"<body><h1>{title}</h1>{_lead(result)}{_verdicts(result)}{_notes(result)}{body}</body></html>\n"
    )
    return page.encode("utf-8", "backslashreplace")


def _text(value: object) -> str:
    return html.escape(shown(str(value)))


def _lead(result: Result) -> str:
    design = result.design
    counts = (
        f"{len(result.kept)} of {len(result.raters)} raters counted, {result.votes} answers; "
        f"{len(design.methods)} methods on {len(design.items)} pictures; study {result.study}"
    )
    return f'<p class="faint">{_text(counts)}</p>'


def _verdicts(result: Result) -> str:
    items = [
        f'<li class="{"sure" if " is preferred " in sentence else "open"}">{_text(sentence)}</li>'
        for sentence in verdicts(result)
    ]
    return f'<ul class="verdicts">{"".join(items)}</ul>'


def _notes(result: Result) -> str:
    items = "".join(f"<li>{_text(note)}</li>" for note in result.notes)
    return f'<ul class="notes">{items}</ul>' if items else ""


def _scores(result: Result) -> str:
    if result.scores is None:
        return ""
    headings, rows = score_rows(result)
    table = _table(headings, rows, numbers=4)
    why = (
        "Bradley-Terry scores: the natural logarithm of strength, 0 on average. One that is higher by 0.4 is preferred "
        "in 60 of 100 comparisons, by 0.85 in 70, by 1.4 in 80. Intervals speak of other raters like these, with these "
        "pictures."
    )
    return f'{_chart(result)}<div class="scroll">{table}</div><p class="why">{why}</p>'


def _chart(result: Result) -> str:
    """Draw each score as a dot with its interval."""
    if result.scores is None:
        return ""
    width, row, left, right = _CHART
    scores = [float(result.scores.score[index]) for index in result.order]
    spans = [interval(result, index) or (score, score) for index, score in zip(result.order, scores, strict=True)]
    low, high = min(-0.5, *(span[0] for span in spans)), max(0.5, *(span[1] for span in spans))
    height = row * len(scores) + 28

    def place(value: float) -> float:
        return left + (right - left) * (value - low) / (high - low)

    parts = [_tick(value, place(value), height) for value in _ticks(low, high)]
    for number, (index, score, span) in enumerate(zip(result.order, scores, spans, strict=True)):
        y = row * number + row / 2
        name = _cut(result.design.methods[index])
        parts.append(f'<text x="{left - 14}" y="{y + 5:.0f}" text-anchor="end">{_text(name)}</text>')
        parts.append(f'<line class="span" x1="{place(span[0]):.1f}" x2="{place(span[1]):.1f}" y1="{y}" y2="{y}"/>')
        parts.append(f'<circle class="dot" cx="{place(score):.1f}" cy="{y}" r="5"/>')
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="scores with intervals">{"".join(parts)}</svg>'


def _tick(value: float, x: float, height: int) -> str:
    kind = "zero" if abs(value) < 1e-9 else "grid"
    label = f'<text class="tick" x="{x:.1f}" y="{height - 6}" text-anchor="middle">{value:g}</text>'
    return f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height - 24}"/>{label}'


def _ticks(low: float, high: float) -> list[float]:
    step = next(step for step in (0.25, 0.5, 1, 2, 5, 10, 50, 1000) if (high - low) / step <= 8)
    return [
        round(number * step, 6)
        for number in range(int(low / step) - 1, int(high / step) + 2)
        if low <= number * step <= high
    ]


def _cut(name: str, most: int = 15) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"


def _matrix(result: Result) -> str:
    if not result.votes:
        return ""
    order, names = result.order, [_text(name) for name in result.design.methods]
    head = "".join(f"<th>{names[index]}</th>" for index in order)
    rows = "".join(
        f"<tr><th>{names[row]}</th>{''.join(_cell(result, row, column) for column in order)}</tr>" for row in order
    )
    table = f'<table class="matrix"><thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody></table>'
    why = "Share of comparisons in which the row was preferred to the column, with their number; ties are half a win."
    return f'<div class="scroll">{table}</div><p class="why">{why}</p>'


def _cell(result: Result, row: int, column: int) -> str:
    won, games = result.wins[row, column], result.wins[row, column] + result.wins[column, row]
    if row == column or not games:
        return "<td>–</td>"
    strength = round(abs(won / games - 0.5) * 100)
    colour = "var(--accent)" if won / games > 0.5 else "var(--warm)"
    shade = f"background: color-mix(in srgb, {colour} {strength}%, transparent)"
    return f'<td style="{shade}">{percent(float(won / games))}<small>{games:.0f}</small></td>'


def _measures(result: Result) -> str:
    return f'<div class="scroll measures">{_table(("", "", ""), measures(result))}</div>'


def _raters(raters: Sequence[RaterSummary]) -> str:
    rows = "".join(_rater(rater) for rater in raters)
    names = ("rater", "answered", "checks right", "same again", "median time", "")
    head = "".join(f"<th>{name}</th>" for name in names)
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>' if rows else ""
    )


def _rater(rater: RaterSummary) -> str:
    seconds = "–" if rater.median_ms is None else f"{rater.median_ms / 1000:.1f} s"
    state = "not counted" if not rater.kept else "counted, though checks failed" if rater.failed else ""
    cells = (
        rater.label,
        f"{rater.answered} of {rater.planned}",
        f"{rater.checks - rater.wrong} of {rater.checks}",
        f"{rater.same} of {rater.repeats}",
        seconds,
        state,
    )
    kind = "kept" if rater.kept else "out"
    return f'<tr class="{kind}">{"".join(f"<td>{_text(cell)}</td>" for cell in cells)}</tr>'


def _pictures(result: Result, study: Study | None) -> str:
    pairs = [pair for pair in result.divided[:MOST_DIVIDED] if pair.dissent > 0]
    if not pairs:
        return ""
    if study is None:
        rows = [(result.design.items[pair.unit[0]], divided_words(result, pair)) for pair in pairs]
        return _table(("picture", "votes"), rows) + '<p class="why">With --study study.html the pictures are shown.</p>'
    return f'<div class="pairs">{"".join(_pair(result, pair, study) for pair in pairs)}</div>'


def _pair(result: Result, pair: Divided, study: Study) -> str:
    item, one, other = pair.unit
    sides = "".join(
        f'<figure><img alt="{_text(result.design.methods[index])}" '
        f'src="{study.pictures[study.shown[item].candidates[index]]}">'
        f"<figcaption>{_text(result.design.methods[index])}</figcaption></figure>"
        for index in (one, other)
    )
    total = sum(pair.wins)
    shares = (("first", pair.wins[0]), ("equal", pair.wins[2]), ("second", pair.wins[1]))
    bar = "".join(f'<i class="{kind}" style="width: {100 * count / total:.1f}%"></i>' for kind, count in shares)
    words = f"{_text(result.design.items[item])}: {_text(divided_words(result, pair))}"
    below = f'<div class="votes">{bar}</div><div class="faint">{words}</div>'
    return f'<div class="pair"><div class="sides">{sides}</div>{below}</div>'


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: int = 0) -> str:
    """Return a table whose last columns hold numbers."""
    first = len(headings) - numbers
    kinds = [' class="number"' if column >= first else "" for column in range(len(headings))]
    head = "".join(f"<th{kind}>{name}</th>" for kind, name in zip(kinds, headings, strict=True))
    body = "".join(
        f"<tr>{''.join(f'<td{kind}>{_text(cell)}</td>' for kind, cell in zip(kinds, row, strict=True))}</tr>"
        for row in rows
    )
    return f"<table>{f'<thead><tr>{head}</tr></thead>' if any(headings) else ''}<tbody>{body}</tbody></table>"
