"""`ganstyle eval`: scores of runs, models, folders, pairs and films."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
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
    ReferenceOption,
    Request,
    SetsOption,
    WeightsOption,
)
from ganstyle.cli.eval_reference import check_reference, write_statistics
from ganstyle.cli.eval_subjects import default_metrics, pair_subject, set_subject
from ganstyle.cli.output import DeviceOption, JsonFlag, Output, QuietFlag, SeedOption, command
from ganstyle.cli.scoring import (
    HEADINGS,
    exit_code,
    file_notes,
    metrics_of,
    pair_notes,
    protocol_notes,
    row,
    score,
    score_notes,
    weights_at,
)
from ganstyle.errors import UsageError

if TYPE_CHECKING:
    from ganstyle.cli.eval_subjects import Subject
    from ganstyle.engine.scores import Score


@command
def evaluate(
    paths: Annotated[
        list[str] | None,
        typer.Argument(help="RUN or MODEL; FAKE REAL; film RESULT SOURCE; compare A B ... Default: the newest run."),
    ] = None,
    metric: MetricOption = None,
    real: RealOption = None,
    pairs: Annotated[bool, typer.Option("--pairs", help="PATHS are OUT CONTENT, matched by file name.")] = False,
    style: Annotated[
        list[str] | None,
        typer.Option(help="With --pairs: picture, folder (of folders) or embedded painter. Repeatable."),
    ] = None,
    count: CountOption = None,
    compat: CompatOption = None,
    sets: SetsOption = None,
    weights: WeightsOption = None,
    download: DownloadFlag = False,
    html: HtmlOption = None,
    plot: PlotOption = None,
    save_reference: ReferenceOption = None,
    cache: CacheFlag = True,
    runs: Annotated[Path, typer.Option(help="Where the newest run is looked for.")] = Path("runs"),
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> int:
    """Score generated pictures. Every value comes with its protocol, its counts and what is wrong with it.

    \b
    ganstyle eval RUN                            or a model, against the run's own data or --real
    ganstyle eval FAKE REAL                      folders, zips, data sets; REAL may be .npz statistics
    ganstyle eval --pairs OUT CONTENT --style S  picture by picture
    ganstyle eval film RESULT.gif SOURCE.gif     frame by frame
    ganstyle eval compare A B C --real REAL      several in one table
    """
    words, out = list(paths or []), Output(json, quiet)
    request = Request(
        *(metric, real, count, compat, tuple(sets or ()), download, html, plot),
        cache=cache,
        seed=seed,
        device=device,
        weights=tuple(weights or ()),
        reference=save_reference,
    )
    _check_options(words, request, pairs=pairs, styled=bool(style))
    with weights_at(request.weights, out):
        if _is_mode("film", words):
            return _score_films(words[1:], request, out)
        if _is_mode("compare", words):
            from ganstyle.cli.compare import compare_places

            return compare_places(words[1:], request, out)
        if pairs:
            return _score_subject(request, out, words, styles=style or (), runs=None)
        return _score_subject(request, out, words, styles=(), runs=runs)


def _is_mode(word: str, words: Sequence[str]) -> bool:
    """Tell a mode from a folder of that name, which takes one other place at most."""
    return words[:1] == [word] and (len(words) > 2 or not Path(word).exists())


def _check_options(words: Sequence[str], request: Request, *, pairs: bool, styled: bool) -> None:
    if pairs and request.real is not None:
        raise UsageError("--pairs and --real exclude each other", hint="ganstyle eval --pairs OUT CONTENT")
    if styled and not pairs:
        raise UsageError("--style belongs to --pairs", hint="ganstyle eval --pairs OUT CONTENT --style STYLE")
    if request.plot is not None and not _is_mode("compare", words):
        raise UsageError("--plot belongs to compare", hint="ganstyle eval compare A B --plot FILE.png; or --html FILE")
    if request.reference is not None and (pairs or _is_mode("film", words) or _is_mode("compare", words)):
        hint = "ganstyle eval FAKE REAL --metric fid --save-reference FILE.npz"
        raise UsageError("--save-reference belongs to two sets of pictures", hint=hint)


def _score_subject(
    request: Request, out: Output, words: Sequence[str], *, styles: Sequence[str], runs: Path | None
) -> int:
    from ganstyle.cli.recalling import find, keep, key_of
    from ganstyle.registry import default_registry

    registry = default_registry()
    asked = metrics_of(request, default_metrics("sets", registry), registry)  # a misspelt one is said before any work
    if request.reference is not None:
        check_reference(request.reference, asked)
    key = key_of(request, asked, words, styles=styles, runs=runs)
    if (known := find(key)) is not None:  # before torch is imported, which takes longer than all else here
        out.say(f"nothing changed since {known.written}; --no-cache scores anew")
        _answer(known.facts, known.scores, request, out=out)
        return exit_code(known.scores, all_asked=request.wants_all)
    from ganstyle.engine.device import choose_device
    from ganstyle.engine.feature_cache import FeatureCache
    from ganstyle.engine.sources import Sampling

    place = choose_device(request.device)
    if runs is None:
        subject = pair_subject(words, styles, request.count)
    else:
        sampling = Sampling(request.count, request.seed, place)
        subject = set_subject(words, request.real, runs, sampling=sampling, out=out)
    metrics = metrics_of(request, default_metrics(subject.kind, registry), registry)
    cache = FeatureCache() if request.cache else None
    found = score(metrics, subject, cache=cache, out=out, device=place, what="scoring")
    facts = _facts(subject, cache)
    if request.html is not None:
        from ganstyle.engine.eval_report import write_report

        sides = {"fake": subject.fake, "real": subject.real, "pairs": subject.pairs, "styles": subject.styles}
        report = write_report(request.html, found, **sides, facts=facts, metrics=metrics, device=str(place))
        facts["report"] = str(report)
    if request.reference is not None:
        facts["reference"] = write_statistics(request.reference, found)
    keep(key, {name: value for name, value in facts.items() if name != "damaged_cache_files"}, found.scores)
    _answer(facts, found.scores, request, out=out)
    return exit_code(found.scores, all_asked=request.wants_all)


def _score_films(words: Sequence[str], request: Request, out: Output) -> int:
    from ganstyle.data.films import film_pairs
    from ganstyle.engine.device import choose_device
    from ganstyle.engine.film_evaluation import evaluate_films
    from ganstyle.registry import default_registry

    if len(words) != 2:
        raise UsageError(f"film needs a result and its source, got {len(words)}", hint="ganstyle eval film A.mp4 B.mp4")
    registry = default_registry()
    metrics = metrics_of(request, default_metrics("films", registry), registry)
    films, place = film_pairs(*words), choose_device(request.device)
    total = sum(result.count or 0 for result, _ in films) * len(metrics)
    with out.progress("scoring", total or None, unit="frames") as bar:
        scores, refused = evaluate_films(metrics, films, registry=registry, device=place, progress=bar.advance)
    facts: dict[str, Any] = {"generated": words[0], "real": words[1], "films": len(films), "refused": refused}
    if request.html is not None:
        from ganstyle.engine.film_report import write_film_report

        written = write_film_report(request.html, scores, films=films, facts=facts, device=str(place))
        facts["report"] = str(written)
    _answer(facts, scores, request, out=out)
    return exit_code(scores, all_asked=request.wants_all)


def _facts(subject: Subject, cache: Any) -> dict[str, Any]:
    """Return what is told of a subject after it was walked."""
    facts = dict(subject.facts)
    if subject.pairs is not None:
        facts["refused"] = list(subject.pairs.refused)
    else:
        sides = {"generated": subject.fake, "real": subject.real}
        skipped = {name: list(side.skipped) for name, side in sides.items() if getattr(side, "skipped", None)}
        facts |= {"unreadable": skipped} if skipped else {}
    return facts | ({"damaged_cache_files": cache.damaged} if cache is not None and cache.damaged else {})


def _answer(facts: dict[str, Any], scores: Sequence[Score], request: Request, *, out: Output) -> None:
    rows = [row(one) for one in scores if not one.error]
    data = {**facts, "scores": [asdict(one) for one in scores]}
    out.result(data, table=(HEADINGS, rows) if rows else None, text=None if rows else "no metric gave a value")
    notes = [*protocol_notes(scores), *pair_notes(facts), *file_notes(facts.get("unreadable", {}))]
    notes += score_notes(scores, all_asked=request.wants_all)
    if facts.get("damaged_cache_files"):
        notes.append(
            f"note: {facts['damaged_cache_files']} damaged files of cached features were not used, but renewed"
        )
    if facts.get("report"):
        notes.append(f"report: {facts['report']}")
    if facts.get("reference"):
        notes.append(f"reference: {facts['reference']}")
    if notes and not out.json:
        out.result({}, text="\n".join(notes))
