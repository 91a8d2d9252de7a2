"""An evaluation as one HTML file: scores, what to know of them, samples, neighbours, best and worst pairs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganstyle.config import Selection
from ganstyle.data.writing import write_atomic
from ganstyle.engine.environment import describe_environment
from ganstyle.engine.evaluation import Assessment, Works
from ganstyle.engine.html_pages import (
    Figures,
    bullets,
    escaped,
    facts_table,
    grid,
    page,
    pair_grid,
    paragraph,
    shown_place,
    table,
)
from ganstyle.engine.image_sets import ImageSet, spread
from ganstyle.engine.pair_sets import PairSet
from ganstyle.engine.scores import Score
from ganstyle.errors import EnvironmentProblem, GanstyleError, InputError
from ganstyle.functional.feature_pairs import FeaturePair
from ganstyle.functional.neighbours import nearest_real

SAMPLES = 24  # of each side
NEIGHBOURS = 12
EXTREMES = 4  # best and worst pairs of a metric
PAIR_METRICS = 5  # whose best and worst pairs are shown
STYLES, WORKS = 12, 3  # styles shown, and works of each
LARGEST_COMPARED = 20_000  # rows of a side among which neighbours are looked for

HEADINGS = ("metric", "value", "95 %", "better", "counted", "protocol")
_CLASSES = ("key", "number", "number", "small", "small", "small")


def write_report(
    path: Path,
    found: Assessment,
    *,
    fake: ImageSet,
    real: Any = None,
    pairs: PairSet | None = None,
    styles: Works | None = None,
    facts: Mapping[str, Any],
    metrics: Sequence[Selection],
    device: str = "cpu",
) -> Path:
    """Write a report; an existing file is never replaced, a free name is taken.

    Args:
        path: of the file.
        found: what was learnt.
        fake: the generated pictures.
        real: the real ones, as an ImageSet, if there are any.
        pairs: picture by picture, if pairs were scored.
        styles: works of each style, likewise.
        facts: of the command's answer: `generated`, `real`, `seed` ...
        metrics: with their options.
        device: where networks ran.

    Returns:
        The path written.

    Raises:
        EnvironmentProblem: full disk or no permission.
    """
    figures = Figures()
    sections = {
        "Summary": _summary(found, facts),
        "Scores": score_table(found.scores) + failures(found.scores),
        "What to know": bullets(score_warnings(found.scores)),
        "Styles": _styles(styles or {}, figures),
        **_pair_sections(found, pairs, figures),
        "Samples": _samples("generated", fake, found, figures=figures),
        "Real pictures": _samples("real", real, found, figures=figures) if isinstance(real, ImageSet) else "",
        "Nearest real pictures": _neighbours(found, fake, real, figures=figures),
        "Metrics and their options": _options(metrics),
        "Environment": environment_table(device),
    }
    title = f"Evaluation of {shown_place(facts.get('generated')) or 'pictures'}"
    return write_atomic(path, page(title, sections).encode("utf-8", "backslashreplace"), overwrite=False)


def environment_table(device: str) -> str:
    """Return versions, hardware and date as a table."""
    found = describe_environment(device=device)
    rows = {name: found[name] for name in ("ganstyle", "code", "commit", "torch", "python", "platform", "device")}
    rows |= {"threads": found["threads"], "written": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())}
    return facts_table((name.replace("_", " "), value) for name, value in rows.items())


def score_table(scores: Iterable[Score]) -> str:
    """Return the scores that have a value as a table with protocols, counts and hashes."""
    rows = [_score_row(score) for score in scores if score.value is not None]
    return table(HEADINGS, rows, classes=_CLASSES)


def _score_row(score: Score) -> list[str]:
    interval = "{:.4g} to {:.4g}".format(*score.interval) if score.interval else ""
    counts = f"{score.n_fake:,}" + (f" against {score.n_real:,}" if score.n_real else "") + f" {score.counted}"
    protocol = [score.protocol, score.resize and f"resize {score.resize}"]
    weights = f"<br>weights <code>{escaped(score.weights_sha256[:16])}</code>" if score.weights_sha256 else ""
    return [
        escaped(score.key),
        f"{score.value:.4g}",
        escaped(interval),
        "higher" if score.higher_is_better else "lower",
        escaped(counts),
        escaped("; ".join(text for text in protocol if text)) + weights,
    ]


def failures(scores: Iterable[Score]) -> str:
    """Return why metrics have no value, equal reasons once; empty if all have one."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for score in scores:
        if score.error:
            # Hints on missing weights name this machine's folders; reports are passed on.
            hint = "" if score.code == EnvironmentProblem.code else score.hint
            reasons.setdefault((score.error.replace(score.metric, "it"), hint), []).append(score.metric)
    if not reasons:
        return ""
    texts = [
        f"{', '.join(names)}: {error}" + (f" ({hint})" if hint else "") for (error, hint), names in reasons.items()
    ]
    return "<h3>Without a value</h3>" + bullets(texts)


def score_warnings(scores: Iterable[Score]) -> list[str]:
    """Return each warning once, with the values that it is about."""
    about: dict[str, list[str]] = {}
    for score in scores:
        for warning in score.warnings:
            about.setdefault(warning, []).append(score.key)
    return [f"{warning} ({', '.join(keys)})" for warning, keys in about.items()]


def _summary(found: Assessment, facts: Mapping[str, Any]) -> str:
    rows: list[tuple[str, Any]] = []
    for real, name in ((False, "generated"), (True, "real")):
        rows.append((name, shown_place(facts.get(name))))
        side = found.sides[real]
        if side.facts.count:
            sizes = sorted(side.facts.sizes.items(), key=lambda item: -item[1])
            text = ", ".join(f"{count:,} of {size}" for size, count in sizes[:4])
            rows.append((f"{name} images", text + (f" and {len(sizes) - 4} more sizes" if len(sizes) > 4 else "")))
            rows.append((f"{name} stored as", side.encoding.words))
    rows += [(name, facts.get(name)) for name in ("model", "seed")]
    styles = facts.get("styles")
    rows.append(("styles", ", ".join(f"{name} ({count} works)" for name, count in styles.items()) if styles else ""))
    rows += [(f"pairs {key}", ", ".join(map(str, facts.get(key, ())[:8]))) for key in ("unmatched", "unused")]
    refused = [f"{name}: {reason}" for name, reason in facts.get("refused", ())]
    unread = [f"{name}: {why}" for files in facts.get("unreadable", {}).values() for name, why in files]
    return facts_table(rows) + bullets(f"not scored: {text}" for text in [*refused, *unread][:12])


def _options(metrics: Sequence[Selection]) -> str:
    rows = [(chosen.name, ", ".join(f"{key} = {value}" for key, value in chosen.options.items())) for chosen in metrics]
    return facts_table((name, text or "defaults") for name, text in rows)


def _samples(name: str, images: ImageSet, found: Assessment, *, figures: Figures) -> str:
    facts = found.sides[name == "real"].facts
    count = facts.count or images.count or 0
    chosen = images.pick(spread(list(range(count)), SAMPLES), unread=facts.unread)
    note = paragraph(f"{len(chosen)} of {count:,}, evenly spaced, not selected") if chosen else ""
    return note + grid(figures.figure(image, label, side=256) for label, image in chosen.values())


def _styles(styles: Works, figures: Figures) -> str:
    """Show a few works of each style."""
    rows = []
    for name, works in list(styles.items())[:STYLES]:
        shown = [figures.figure(works[place], side=200) for place in spread(list(range(len(works))), WORKS)]
        rows.append(f"<h3>{escaped(name)}</h3>{grid(shown, side=150)}")
    return "".join(rows)


def _pair_sections(found: Assessment, pairs: PairSet | None, figures: Figures) -> dict[str, str]:
    """Return best and worst pairs under each metric that has a value for each pair."""
    sections: dict[str, str] = {}
    for key, values in found.pair_values.items() if pairs is not None else ():
        score = next((one for one in found.scores if one.key == key), None)
        if len(sections) == PAIR_METRICS:
            break
        if score is None or pairs is None or len(values) != len(pairs.walked) or len(values) < 2:
            continue
        order = values.argsort(descending=score.higher_is_better, stable=True).tolist()
        shown = min(EXTREMES, len(order) // 2)
        parts = [
            f"<h3>{name}</h3>" + _pairs(pairs, [(place, values) for place in places], figures)
            for name, places in (("Best", order[:shown]), ("Worst", order[: -shown - 1 : -1]))
        ]
        sections[f"Pairs by {key}"] = paragraph("left: picture, right: what it was made from") + "".join(parts)
    return sections


def _pairs(pairs: PairSet, chosen: Sequence[tuple[int, Tensor]], figures: Figures) -> str:
    found = []
    for place, values in chosen:
        try:
            picture, reference = pairs.read(pairs.walked[place])
        except InputError:  # it was readable when it was scored
            continue
        names = [file.name for file in pairs.files[pairs.walked[place]]]
        one, two = (figures.figure(image, name) for image, name in zip((picture, reference), names, strict=True))
        found.append((f"{float(values[place]):.4g}", one, two))
    return pair_grid(found)


def _neighbours(found: Assessment, fake: ImageSet, real: Any, *, figures: Figures) -> str:
    """Show the generated pictures that come closest to copies."""
    keys = sorted(set(found.sides[False].features) & set(found.sides[True].features))
    if not keys or not isinstance(real, ImageSet):
        return ""
    sides = [found.sides[side].features[keys[0]] for side in (False, True)]
    rows = [torch.tensor(spread(list(range(len(side))), LARGEST_COMPARED)) for side in sides]
    try:
        near = nearest_real(FeaturePair(sides[0][rows[0]], sides[1][rows[1]]))
    except GanstyleError:  # fewer than two pictures
        return ""
    ratio = near.distance / near.own.clamp_min(1e-12)
    closest = ratio.argsort()[:NEIGHBOURS]
    fakes, reals = rows[0][closest].tolist(), rows[1][near.index[closest]].tolist()
    left = fake.pick(fakes, unread=found.sides[False].facts.unread)
    right = real.pick(sorted(set(reals)), unread=found.sides[True].facts.unread)
    network, copies = keys[0].split(":")[0], int((~near.authentic).sum())
    text = (
        f"The generated pictures that lie closest to a real one, in features of {network}; right: that real picture. "
        "The number is their distance, divided by how far that real picture is from the nearest other real one: far "
        f"below 1 suggests a copy. {copies:,} of {len(near.index):,} are below 1."
    )
    found_pairs = [
        (f"{float(ratio[row]):.2f}", figures.figure(left[a][1], left[a][0]), figures.figure(right[b][1], right[b][0]))
        for row, a, b in zip(closest.tolist(), fakes, reals, strict=True)
        if a in left and b in right
    ]
    return paragraph(text) + pair_grid(found_pairs)
