"""What `eval`, `compare` and films share: choosing metrics, scoring with progress, tables, notes, exit codes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganstyle.cli.output import Output
from ganstyle.errors import EXIT_OK, EXIT_SOME_FAILED, EnvironmentProblem, NoInputError, UsageError

if TYPE_CHECKING:
    from ganstyle.cli.eval_options import Request
    from ganstyle.cli.eval_subjects import Subject
    from ganstyle.config import Selection
    from ganstyle.engine.evaluation import Assessment
    from ganstyle.engine.feature_cache import FeatureCache
    from ganstyle.engine.scores import Score
    from ganstyle.registry import Registry

ALL = "all"


def select(names: str, sets: Sequence[str], registry: Registry, *, compat: str | None = None) -> tuple[Selection, ...]:
    """Return metrics with their options.

    Args:
        names: of metrics, with commas; `all` are all that are installed; empty with `compat` are those of the protocol.
        sets: `metric.NAME.KEY=VALUE`.
        registry: knows the metrics.
        compat: the tool whose protocol they follow.

    Raises:
        UsageError: an unknown metric, option or tool, or a metric that the tool doesn't have.
    """
    from ganstyle.config import resolve

    foreign = [text for text in sets if not text.startswith("metric.")]
    if foreign:
        raise UsageError(f"eval takes options of metrics only, not {foreign[0]!r}", hint="--set metric.NAME.KEY=VALUE")
    wanted = ",".join(registry.names("metric")) if names == ALL else names
    if compat is None:
        return resolve(registry, flags={"metric": wanted}, sets=sets).metric
    return _following(compat, wanted, sets, registry=registry)


def _following(compat: str, names: str, sets: Sequence[str], *, registry: Registry) -> tuple[Selection, ...]:
    from ganstyle.config import resolve
    from ganstyle.engine.protocols import protocol_metrics

    known = {chosen.name: chosen for chosen in protocol_metrics(compat, registry=registry)}
    wanted = [name for name in names.split(",") if name] or list(known)
    strangers = [name for name in wanted if name not in known]
    if strangers and names != ",".join(registry.names("metric")):
        hint = f"{compat} has: {', '.join(sorted(known))}"
        raise UsageError(f"{compat} has no {strangers[0]}", where="--compat", hint=hint)
    chosen = resolve(registry, flags={"metric": ",".join(name for name in wanted if name in known)}, sets=sets).metric
    return tuple(replace(one, options={**known[one.name].options, **one.options}) for one in chosen)


def metrics_of(request: Request, default: str, registry: Registry) -> tuple[Selection, ...]:
    """Return the metrics that a request means.

    Args:
        request: names them, or doesn't.
        default: names with commas, if neither metrics nor a protocol were asked for.
        registry: knows them.

    Raises:
        UsageError: an unknown metric, option or tool.
    """
    names = request.metric if request.metric is not None else ("" if request.compat else default)
    chosen = select(names, request.sets, registry, compat=request.compat)
    return downloading(chosen, registry) if request.download else chosen


def downloading(metrics: Sequence[Selection], registry: Registry) -> tuple[Selection, ...]:
    """Return the metrics, told to fetch the weights that they lack."""

    def has_option(name: str) -> bool:
        return "download" in registry.options_model(registry.get("metric", name)).model_fields

    return tuple(
        replace(chosen, options={**chosen.options, "download": True}) if has_option(chosen.name) else chosen
        for chosen in metrics
    )


@contextmanager
def weights_at(words: Sequence[str], out: Output) -> Iterator[None]:
    """Use the files of `--weights NAME=PATH` within the block, and tell which of them no metric asked for.

    Raises:
        UsageError: not of that form.
        NoInputError: no such file.
    """
    paths = dict(_weight(word) for word in words)
    if not paths:
        yield
        return
    from ganstyle.data.weights import given_weights

    with given_weights(paths) as unasked:
        yield
        for name in sorted(unasked):
            out.warn(f"--weights {name}: no metric that was scored needs a file of that name; see ganstyle doctor")


def _weight(word: str) -> tuple[str, Path]:
    name, equals, path = word.partition("=")
    if not (name and equals and path):
        raise UsageError(f"--weights takes NAME=PATH, not {word!r}", hint="--weights inception=FILE.pth")
    if not Path(path).is_file():
        raise NoInputError(f"there is no file {path}", where=f"--weights {name}", hint="check the path")
    return name, Path(path)


def score(
    metrics: Sequence[Selection], subject: Subject, *, cache: FeatureCache | None, out: Output, device: Any, what: str
) -> Assessment:
    """Score a subject, showing progress over both sides, pairs and all networks."""
    from ganstyle.engine.evaluation import assess
    from ganstyle.registry import default_registry

    with out.progress(what, subject.total) as bar:
        return assess(
            metrics,
            registry=default_registry(),
            fake=subject.fake,
            real=subject.real,
            pairs=subject.pairs,
            styles=subject.styles or None,
            source=subject.source,
            device=device,
            progress=bar.advance,
            cache=cache,
        )


HEADINGS = ("metric", "value", "95 %", "better", "counted")


def row(score: Score) -> tuple[str, ...]:
    """Return the cells of a score: key, value, interval, direction, counts."""
    interval = "{:.4g} to {:.4g}".format(*score.interval) if score.interval else ""
    counts = f"{score.n_fake:,}" + (f" / {score.n_real:,}" if score.n_real else "")
    one = score.counted.removesuffix("s") if score.n_fake == 1 and not score.n_real else score.counted
    counts += f" {one}"
    return score.key, f"{score.value:.4g}", interval, "higher" if score.higher_is_better else "lower", counts


def protocol_notes(scores: Sequence[Score]) -> list[str]:
    """Return each definition once, after the values that it is of."""
    about: dict[str, list[str]] = {}
    for one in scores:
        weights = one.weights_sha256 and f"weights {one.weights_sha256[:8]}"
        parts = (one.protocol, one.resize and f"resize {one.resize}", weights)
        text = ", ".join(part for part in parts if part)
        if text and not one.error:
            about.setdefault(text, []).append(one.key)
    return [f"{', '.join(keys)}: {text}" for text, keys in about.items()]


def pair_notes(facts: Mapping[str, Any]) -> list[str]:
    """Return which pairs were not scored, and why."""
    notes = [f"not scored: {name}: {reason}" for name, reason in facts.get("refused", [])[:10]]
    more = len(facts.get("refused", [])) - 10
    notes += [f"not scored: {more} more"] if more > 0 else []
    kinds = (("unmatched", "pictures without a counterpart"), ("unused", "counterparts without a picture"))
    for key, what in kinds:
        names = facts.get(key, [])
        if names:
            notes.append(f"{len(names)} {what}: {', '.join(names[:5])}{' ...' if len(names) > 5 else ''}")
    return notes


def file_notes(skipped: Mapping[str, Sequence[tuple[str, str]]]) -> list[str]:
    """Return which files could not be read, and why, by side."""
    notes = []
    for side, files in skipped.items():
        notes += [f"not read ({side}): {name}: {reason}" for name, reason in files[:5]]
        notes += [f"not read ({side}): {len(files) - 5} more"] if len(files) > 5 else []
    return notes


def score_notes(scores: Sequence[Score], *, all_asked: bool = False) -> list[str]:
    """Return each warning once, with the values it is about, then the errors.

    Args:
        scores: of all metrics.
        all_asked: all metrics were asked for, so that one that can't be had is no error.
    """
    about: dict[str, list[str]] = {}
    for one in scores:
        for warning in one.warnings:
            about.setdefault(warning, []).append(one.key)
    notes = [f"note: {warning} ({', '.join(keys)})" for warning, keys in about.items()]
    if not all_asked:
        return notes + [f"error: {one.metric}: {one.error}" + _hint(one.hint) for one in scores if one.error]
    failed = [one for one in scores if one.error and not left_out(one)]
    notes += [f"error: {one.metric}: {one.error}" + _hint(one.hint) for one in failed]
    reasons: dict[str, list[str]] = {}
    for one in scores:
        if one.error and left_out(one):
            reasons.setdefault(one.error.replace(one.metric, "it"), []).append(one.metric)
    notes += [f"left out: {', '.join(names)}: {error}" for error, names in reasons.items()]
    lacking = any(one.code == EnvironmentProblem.code for one in scores)
    return notes + (["hint:  ganstyle doctor says where weights belong; --download fetches them"] if lacking else [])


def _hint(hint: str) -> str:
    return f"\nhint:  {hint}" if hint else ""


def left_out(one: Score) -> bool:
    """Tell whether a metric just can't be had here, which is no failure if all were asked for."""
    return one.code in {UsageError.code, NoInputError.code, EnvironmentProblem.code}


def exit_code(scores: Sequence[Score], *, all_asked: bool = False) -> int:
    """Return what the command answers: 0, the code of a problem of the installation, or that some failed."""
    failed = [one.code for one in scores if one.error and not (all_asked and left_out(one))]
    if not failed:
        return EXIT_OK if any(not one.error for one in scores) else NoInputError.code
    if EnvironmentProblem.code in failed:
        return EnvironmentProblem.code
    return failed[0] if len(failed) == len(scores) else EXIT_SOME_FAILED
