"""From the words after `ganstyle eval` to what is scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganstyle.cli.output import Output
from ganstyle.errors import UsageError

if TYPE_CHECKING:
    from ganstyle.engine.image_sets import ImageSet
    from ganstyle.engine.pair_sets import PairSet, Works
    from ganstyle.engine.sources import Sampling
    from ganstyle.registry import Registry

OFFLINE = {
    "sets": ("fd_efficientnet_lite0", "kid_efficientnet_lite0", "ssim"),
    "lone": ("ssim",),
    "pairs": ("ssim", "psnr", "lpips_efficientnet"),
    "styled": (
        "ssim",
        "psnr",
        "lpips_efficientnet",
        "edge_artefacts",
        "content_distance",
        "style_gram",
        "style_stats",
        "style_fidelity",
        "colour_distance",
    ),
    "films": ("warp_error", "flicker"),
}
"""Scored when nothing is asked for, as far as they are installed; none needs a download."""


@dataclass
class Subject:
    """What is scored.

    Attributes:
        kind: `sets`, `lone` (no real pictures), `pairs` or `styled` (pairs with styles).
        fake: generated pictures.
        real: what they are compared with.
        pairs: picture by picture.
        styles: works of each style.
        source: generator, for metrics that draw for themselves.
        facts: for the answer.
        model: weights of a model, by its file's name, for the report.
    """

    kind: str
    fake: ImageSet
    real: Any = None
    pairs: PairSet | None = None
    styles: dict[str, Works] = field(default_factory=dict)
    source: Any = None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """How many pictures will be looked at, as far as known."""
        sides = [self.fake, *([self.real] if hasattr(self.real, "count") else [])]
        return sum(side.count or 0 for side in sides) + (len(self.pairs) if self.pairs is not None else 0)


def default_metrics(kind: str, registry: Registry) -> str:
    """Return the names of the metrics that are scored unasked, with commas."""
    known = registry.names("metric")
    return ",".join(name for name in OFFLINE[kind] if name in known)


def pair_subject(words: Sequence[str], styles: Sequence[str], count: int | None) -> Subject:
    """Return pairs OUT CONTENT, matched by file name.

    Raises:
        UsageError: not two places.
        NoInputError: nothing matches, or a style is missing.
    """
    from ganstyle.engine.pair_sets import pair_folders

    if len(words) != 2:
        raise UsageError(f"--pairs needs two folders, got {len(words)}", hint="ganstyle eval --pairs OUT CONTENT")
    found = pair_folders(*words, count=count)
    works = _works(styles) if styles else {}
    if works:
        found = found.of_styles(works)
    facts: dict[str, Any] = {"generated": words[0], "real": words[1]}
    facts |= {"unmatched": found.unmatched, "unused": found.unused}
    if works:
        facts["styles"] = {name: len(one) for name, one in works.items()}
    kind = "styled" if works else "pairs"
    return Subject(kind, found.images(), found.references(), found, works, facts=facts)


def _works(words: Sequence[str]) -> dict[str, Works]:
    from ganstyle.data.embedded import embedded_pictures, embedded_styles
    from ganstyle.engine.pair_sets import style_works

    named = {name: embedded_pictures("paintings", name) for name in embedded_styles()}
    return style_works([part for word in words for part in _split(word)], named=named)


def _split(word: str) -> list[str]:
    """Return the parts of `monet,klimt`; a path with a comma stays whole."""
    return [word] if Path(word).exists() else [part for part in word.split(",") if part]


def set_subject(words: Sequence[str], real: str | None, runs: Path, *, sampling: Sampling, out: Output) -> Subject:
    """Return sets: the newest run, a run or a model, or FAKE and REAL.

    Raises:
        UsageError: too many places.
        NoInputError: a place without pictures.
    """
    from ganstyle.engine.run import newest_run
    from ganstyle.engine.sources import is_model, model_subject, picture_set, reference_set
    from ganstyle.registry import default_registry

    registry = default_registry()
    if len(words) > 2 or (len(words) == 2 and real is not None):
        given = [*words, *([real] if real else [])]
        hint = "ganstyle eval FAKE REAL; several against one: ganstyle eval compare A B C --real REAL"
        raise UsageError(f"expected at most FAKE and REAL, got {len(given)} places", hint=hint)
    fake = words[0] if words else str(newest_run(runs).folder)
    other = words[1] if len(words) == 2 else real
    real_set = reference_set(other, registry=registry, count=sampling.count) if other else None
    if is_model(fake):
        out.say(f"sampling {fake}")
        found = model_subject(fake, sampling, registry=registry)
        against = real_set or found.real
        facts: dict[str, Any] = {"generated": fake, "real": other or ("the run's own data" if found.real else None)}
        facts |= {"seed": sampling.seed, "model": found.model.card.arch.name}
        kind = "sets" if against is not None else "lone"
        return Subject(kind, found.samples, against, source=found.source, facts=facts)
    fake_set = picture_set(fake, registry=registry, count=sampling.count)
    facts = {"generated": fake, "real": other}
    return Subject("lone" if real_set is None else "sets", fake_set, real_set, facts=facts)
