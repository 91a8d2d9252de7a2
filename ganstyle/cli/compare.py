"""`ganstyle eval compare` and `ganstyle study compare`: several runs, models or folders in one table and one plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganstyle.cli.eval_options import (
    CacheFlag,
    CompatOption,
    CountOption,
    DownloadFlag,
    HtmlOption,
    MetricOption,
    PlotOption,
    RealOption,
    Request,
    SetsOption,
    WeightsOption,
)
from ganstyle.cli.eval_subjects import Subject, default_metrics, set_subject
from ganstyle.cli.output import DeviceOption, JsonFlag, Output, QuietFlag, SeedOption, command
from ganstyle.cli.scoring import exit_code, metrics_of, score, score_notes, weights_at
from ganstyle.errors import GanstyleError, ModelError, NoInputError, UsageError

if TYPE_CHECKING:
    from ganstyle.config import Selection
    from ganstyle.engine.comparison import Comparison
    from ganstyle.engine.evaluation import Assessment
    from ganstyle.engine.scores import Score


@command
def compare(
    places: Annotated[list[str], typer.Argument(help="Two or more runs, models, folders, zips or data sets.")],
    metric: MetricOption = None,
    real: RealOption = None,
    count: CountOption = None,
    compat: CompatOption = None,
    sets: SetsOption = None,
    weights: WeightsOption = None,
    download: DownloadFlag = False,
    html: HtmlOption = None,
    plot: PlotOption = None,
    cache: CacheFlag = True,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> int:
    """Score several runs, models or folders and show them side by side; the best of each metric is marked."""
    options = tuple(sets or ())
    request = Request(
        *(metric, real, count, compat, options, download, html, plot), cache=cache, seed=seed, device=device
    )
    out = Output(json, quiet)
    with weights_at(weights or (), out):
        return compare_places(places, request, out)


def compare_places(places: Sequence[str], request: Request, out: Output) -> int:
    """Compare and answer.

    Args:
        places: two or more.
        request: options.
        out: where to.

    Returns:
        The exit code.

    Raises:
        UsageError: fewer than two places, an unknown metric.
        NoInputError: no place could be scored.
    """
    from ganstyle.engine.comparison import Comparison, plot, short_names
    from ganstyle.registry import default_registry

    if len(places) < 2:
        hint = "ganstyle eval compare runs/0001-dcgan runs/0002-r3gan"
        raise UsageError(f"compare needs two or more places, got {len(places)}", hint=hint)
    metrics = metrics_of(request, default_metrics("sets", default_registry()), default_registry())
    names = short_names(places)
    found: dict[str, _Scored] = {}
    failures: dict[str, GanstyleError] = {}
    for name, place in zip(names, places, strict=True):
        try:
            found[name] = _scored(place, name, metrics, request, out=out)
        except (NoInputError, ModelError) as error:  # one that can't be had stops no other
            failures[name] = error
    if not found:
        raise next(iter(failures.values()))
    comparison = Comparison(tuple(found), tuple(tuple(one.scores) for one in found.values()))
    facts: dict[str, Any] = {"places": dict(zip(names, places, strict=True)), "real": request.real}
    if len({one.real for one in found.values()} - {""}) > 1:
        facts["note"] = "the real pictures differ from one to another: values don't compare, see --real"
    if request.plot is not None and comparison.keys:
        from ganstyle.data.writing import save_image

        facts["plot"] = str(save_image(plot(comparison), _png(request.plot), source_type=None))
    if request.html is not None:
        from ganstyle.engine.comparison_report import write_comparison

        pictures = {name: (one.subject.fake, one.assessment) for name, one in found.items()}
        facts["report"] = str(write_comparison(request.html, comparison, pictures=pictures, facts=facts))
    _answer(comparison, facts, failures, request=request, out=out)
    codes = [exit_code(scores, all_asked=request.wants_all) for scores in comparison.scores]
    return next((code for code in codes if code), next((error.code for error in failures.values()), 0))


def _png(path: Path) -> Path:
    if path.suffix.lower() not in {".png", ".webp"}:
        raise UsageError(f"a plot is a .png or .webp file, not {path.name!r}", where="--plot", hint=f"{path.stem}.png")
    return path


@dataclass(frozen=True)
class _Scored:
    """What was learnt of one place; of an answer that was remembered, the scores and what `real` was."""

    scores: list[Score]
    real: str
    subject: Any = None
    assessment: Any = None


def _scored(place: str, name: str, metrics: Sequence[Selection], request: Request, *, out: Output) -> _Scored:
    from ganstyle.cli.recalling import find, keep, key_of

    key = key_of(request, metrics, [place], runs=Path("runs"), mode="compare")
    if (known := find(key)) is not None:
        return _Scored(known.scores, str(known.facts.get("real_identity", "")))
    subject, assessment = _assessed(place, name, metrics, request, out=out)
    found = _Scored(assessment.scores, assessment.sides[True].identity, subject, assessment)
    keep(key, {"real_identity": found.real}, found.scores)
    return found


def _assessed(
    place: str, name: str, metrics: Sequence[Selection], request: Request, *, out: Output
) -> tuple[Subject, Assessment]:
    from ganstyle.engine.device import choose_device
    from ganstyle.engine.feature_cache import FeatureCache
    from ganstyle.engine.sources import Sampling

    device = choose_device(request.device)
    sampling = Sampling(request.count, request.seed, device)
    subject = set_subject([place], request.real, Path("runs"), sampling=sampling, out=out)
    cache = FeatureCache() if request.cache else None
    return subject, score(metrics, subject, cache=cache, out=out, device=device, what=name)


def _answer(
    comparison: Comparison,
    facts: dict[str, Any],
    failures: dict[str, GanstyleError],
    *,
    request: Request,
    out: Output,
) -> None:
    rows = [[key, *cells(comparison, key), _direction(comparison, key)] for key in comparison.keys]
    scores = {name: [asdict(one) for one in found] for name, found in zip(comparison.names, comparison.scores)}
    best = {key: [comparison.names[place] for place in sorted(comparison.best(key))] for key in comparison.keys}
    errors = {name: error.as_dict() for name, error in failures.items()}
    table = (("metric", *comparison.names, "better"), rows)
    data = {**facts, "scores": scores, "best": best, "failed": errors, "warnings": comparison.warnings()}
    out.result(data, table=table if rows else None, text=None if rows else "no metric gave a value")
    notes = [f"note: {text}" for text in [*([facts["note"]] if "note" in facts else []), *comparison.warnings()]]
    if any(len(places) > 1 for places in best.values()):
        notes.append("note: several marked (*): their intervals overlap, so the difference may be chance")
    notes += _own_notes(comparison, request)
    notes += [f"error: {name}: {error.message}" for name, error in failures.items()]
    notes += [f"{kind}: {facts[kind]}" for kind in ("plot", "report") if facts.get(kind)]
    if notes and not out.json:
        out.result({}, text="\n".join(dict.fromkeys(notes)))


def _own_notes(comparison: Comparison, request: Request) -> list[str]:
    """Return the notes of each thing's scores, each once; those that hold for some only say for which."""
    about: dict[str, list[str]] = {}
    for name, scores in zip(comparison.names, comparison.scores, strict=True):
        for note in score_notes(scores, all_asked=request.wants_all):
            about.setdefault(note, []).append(name)
    every = len(comparison.names)
    return [text if len(names) == every else f"{', '.join(names)}: {text}" for text, names in about.items()]


def cells(comparison: Comparison, key: str) -> list[str]:
    """Return the cells of a key: values with the half width of their interval; the best ones with a `*`."""
    best = comparison.best(key)
    return [_cell(score, place in best) for place, score in enumerate(comparison.values(key))]


def _cell(score: Score | None, is_best: bool) -> str:
    if score is None or score.value is None:
        return "-"
    text = f"{score.value:.4g}"
    if score.interval is not None:
        text += f" ± {(score.interval[1] - score.interval[0]) / 2:.2g}"
    return text + (" *" if is_best else "")


def _direction(comparison: Comparison, key: str) -> str:
    return "higher" if any(one.higher_is_better for one in comparison.values(key) if one) else "lower"
