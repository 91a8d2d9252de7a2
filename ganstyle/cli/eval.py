"""`ganstyle eval`: scores of runs, models, folders and pairs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganstyle.cli.output import DeviceOption, JsonFlag, Output, QuietFlag, SeedOption, command
from ganstyle.errors import EXIT_OK, EXIT_SOME_FAILED, EnvironmentProblem, UsageError

if TYPE_CHECKING:
    from ganstyle.config import Selection
    from ganstyle.engine.evaluation import Score
    from ganstyle.engine.image_sets import ImageSet
    from ganstyle.engine.pair_sets import PairSet
    from ganstyle.engine.sources import Sampling
    from ganstyle.registry import Registry

SET_METRICS = "fd_efficientnet_lite0,kid_efficientnet_lite0,ssim"
"""Scored when nothing is asked for; none of them needs a download."""
LONE_METRICS = "ssim"
PAIR_METRICS = "ssim,psnr"


@dataclass
class _Subject:
    """What is scored.

    Attributes:
        fake: generated pictures.
        real: what they are compared with.
        pairs: picture by picture.
        facts: for the answer.
    """

    fake: ImageSet
    real: ImageSet | None = None
    pairs: PairSet | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def default_metrics(self) -> str:
        if self.pairs is not None:
            return PAIR_METRICS
        return SET_METRICS if self.real is not None else LONE_METRICS


@command
def evaluate(
    paths: Annotated[
        list[str] | None,
        typer.Argument(help="Run or model; or FAKE REAL: folders, zips, data sets. Default: the newest run."),
    ] = None,
    metric: Annotated[str | None, typer.Option(help="Names with commas; default: those that work offline.")] = None,
    real: Annotated[str | None, typer.Option(help="Real pictures: folder, zip or data set.")] = None,
    pairs: Annotated[bool, typer.Option("--pairs", help="PATHS are OUT CONTENT, matched by file name.")] = False,
    count: Annotated[int | None, typer.Option(min=2, help="Pictures of each side; default: all, at most 1000.")] = None,
    sets: Annotated[list[str] | None, typer.Option("--set", help="E.g. metric.fid.resize=pytorch. Repeatable.")] = None,
    download: Annotated[bool, typer.Option("--download", help="Fetch missing weights of the metrics.")] = False,
    cache: Annotated[bool, typer.Option(help="Keep features, so that the next time is quick.")] = True,
    runs: Annotated[Path, typer.Option(help="Where the newest run is looked for.")] = Path("runs"),
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> int:
    """Score generated pictures. Every value comes with its protocol, its counts and what is wrong with it."""
    from ganstyle.engine.device import choose_device
    from ganstyle.engine.feature_cache import FeatureCache
    from ganstyle.engine.sources import Sampling
    from ganstyle.registry import default_registry

    out, registry = Output(json, quiet), default_registry()
    words, place = list(paths or []), choose_device(device)
    _select(metric or SET_METRICS, sets or [], registry)  # a misspelt metric is said before pictures are made
    sampling = Sampling(count, seed, place)
    if pairs and real is not None:
        raise UsageError("--pairs and --real exclude each other", hint="ganstyle eval --pairs OUT CONTENT")
    subject = _pair_subject(words, count) if pairs else _set_subject(words, real, runs, sampling=sampling, out=out)
    metrics = _select(metric or subject.default_metrics, sets or [], registry)
    if download:
        metrics = _downloading(metrics, registry)
    scores = _scored(metrics, subject, FeatureCache() if cache else None, out=out, device=place)
    _answer(subject, scores, out)
    return _exit_code(scores)


def _select(names: str, sets: list[str], registry: Registry) -> tuple[Selection, ...]:
    from ganstyle.config import resolve

    foreign = [text for text in sets if not text.startswith("metric.")]
    if foreign:
        raise UsageError(f"eval takes options of metrics only, not {foreign[0]!r}", hint="--set metric.NAME.KEY=VALUE")
    return resolve(registry, flags={"metric": names}, sets=sets).metric


def _downloading(metrics: tuple[Selection, ...], registry: Registry) -> tuple[Selection, ...]:
    from dataclasses import replace

    def has_option(name: str) -> bool:
        return "download" in registry.options_model(registry.get("metric", name)).model_fields

    return tuple(
        replace(chosen, options={**chosen.options, "download": True}) if has_option(chosen.name) else chosen
        for chosen in metrics
    )


def _pair_subject(words: list[str], count: int | None) -> _Subject:
    from ganstyle.engine.pair_sets import pair_folders

    if len(words) != 2:
        raise UsageError(f"--pairs needs two folders, got {len(words)}", hint="ganstyle eval --pairs OUT CONTENT")
    found = pair_folders(*words, count=count)
    facts = {"generated": words[0], "real": words[1], "unmatched": found.unmatched, "unused": found.unused}
    return _Subject(found.images(), found.references(), found, facts)


def _set_subject(words: list[str], real: str | None, runs: Path, *, sampling: Sampling, out: Output) -> _Subject:
    from ganstyle.engine.run import newest_run
    from ganstyle.engine.sources import is_model, model_sets, picture_set
    from ganstyle.registry import default_registry

    registry = default_registry()
    if len(words) > 2 or (len(words) == 2 and real is not None):
        given = [*words, *([real] if real else [])]
        raise UsageError(f"expected at most FAKE and REAL, got {len(given)} places", hint="ganstyle eval FAKE REAL")
    fake = words[0] if words else str(newest_run(runs).folder)
    other = words[1] if len(words) == 2 else real
    real_set = picture_set(other, registry=registry, count=sampling.count) if other else None
    if is_model(fake):
        out.say(f"sampling {fake}")
        fake_set, own = model_sets(fake, sampling, registry=registry)
        return _Subject(fake_set, real_set or own, facts={"generated": fake, "real": other or "the run's own data"})
    fake_set = picture_set(fake, registry=registry, count=sampling.count)
    return _Subject(fake_set, real_set, facts={"generated": fake, "real": other})


def _scored(metrics: tuple[Selection, ...], subject: _Subject, cache: Any, *, out: Output, device: Any) -> list[Score]:
    from ganstyle.engine.evaluation import evaluate
    from ganstyle.registry import default_registry

    sides = [subject.fake, *([subject.real] if subject.real else [])]
    total = len(subject.pairs) if subject.pairs is not None else sum(side.count or 0 for side in sides)
    with out.progress("scoring", total) as bar:
        return evaluate(
            metrics,
            registry=default_registry(),
            fake=subject.fake,
            real=subject.real,
            pairs=subject.pairs,
            device=device,
            progress=bar.advance,
            cache=cache,
        )


def _answer(subject: _Subject, scores: list[Score], out: Output) -> None:
    refused = subject.pairs.refused if subject.pairs is not None else []
    facts = subject.facts | ({"refused": refused} if subject.pairs is not None else {})
    headings = ("metric", "value", "95 %", "better", "images", "protocol")
    rows = [_row(score) for score in scores if not score.error]
    data = {**facts, "scores": [asdict(score) for score in scores]}
    out.result(data, table=(headings, rows) if rows else None, text=None if rows else "no metric gave a value")
    notes = [*_pair_notes(facts), *_score_notes(scores)]
    if notes and not out.json:
        out.result({}, text="\n".join(notes))


def _row(score: Score) -> tuple[str, ...]:
    interval = "{:.4g} to {:.4g}".format(*score.interval) if score.interval else ""
    images = f"{score.n_fake:,}" + (f" / {score.n_real:,}" if score.n_real else " pairs" if score.paired else "")
    protocol = ", ".join(text for text in (score.protocol, score.resize and f"resize {score.resize}") if text)
    return score.key, f"{score.value:.4g}", interval, "higher" if score.higher_is_better else "lower", images, protocol


def _pair_notes(facts: dict[str, Any]) -> list[str]:
    notes = [f"not scored: {name}: {reason}" for name, reason in facts.get("refused", [])[:10]]
    more = len(facts.get("refused", [])) - 10
    notes += [f"not scored: {more} more pairs"] if more > 0 else []
    kinds = (("unmatched", "pictures without a counterpart"), ("unused", "counterparts without a picture"))
    for key, what in kinds:
        names = facts.get(key, [])
        if names:
            notes.append(f"{len(names)} {what}: {', '.join(names[:5])}{' ...' if len(names) > 5 else ''}")
    return notes


def _score_notes(scores: list[Score]) -> list[str]:
    """Return each warning once, with the values it is about, then the errors."""
    about: dict[str, list[str]] = {}
    for score in scores:
        for warning in score.warnings:
            about.setdefault(warning, []).append(score.key)
    notes = [f"note: {warning} ({', '.join(keys)})" for warning, keys in about.items()]
    for score in scores:
        if score.error:
            notes.append(f"error: {score.metric}: {score.error}" + (f"\nhint:  {score.hint}" if score.hint else ""))
    return notes


def _exit_code(scores: list[Score]) -> int:
    codes = [score.code for score in scores if score.error]
    if not codes:
        return EXIT_OK
    if EnvironmentProblem.code in codes:
        return EnvironmentProblem.code
    return codes[0] if len(codes) == len(scores) else EXIT_SOME_FAILED
