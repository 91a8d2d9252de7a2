"""One metric on its way through an evaluation: what it wants, what it said, and how it failed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ganstyle.api import EvaluatorLike
from ganstyle.config import Selection
from ganstyle.engine.encodings import Encoding, difference_of
from ganstyle.engine.feature_cache import Facts
from ganstyle.engine.scores import Score
from ganstyle.errors import EnvironmentProblem, GanstyleError, NoInputError, UsageError
from ganstyle.registry import Registry, describe


@dataclass
class Side:
    """What was learnt about one side.

    Attributes:
        facts: sizes and counts.
        encoding: how the pictures were stored.
        features: of each network, by its key, float (N, width).
        identity: hash of the content, if it was looked for.
    """

    facts: Facts = field(default_factory=Facts)
    encoding: Encoding = field(default_factory=Encoding)
    features: dict[str, Tensor] = field(default_factory=dict)
    identity: str = ""


@dataclass
class Job:
    """One metric; after its first error it is left alone.

    Attributes:
        name: of the metric.
        evaluator: built, or None.
        error: what stopped it.
        count: pairs, films or latents that it saw.
        within: it compares generated pictures with one another.
    """

    name: str
    evaluator: Any = None
    error: GanstyleError | None = None
    count: int = 0
    within: bool = False

    def attempt(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call, keep what goes wrong, and return the answer or None."""
        if self.error is None:
            try:
                return call(*args, **kwargs)
            except GanstyleError as error:
                self.error = error
            except Exception as error:  # a plugin may raise anything
                self.error = _translated(error, self.name)
        return None

    def fail(self, error: GanstyleError) -> None:
        """Keep the first error."""
        self.error = self.error or error

    def offers(self, ability: str) -> bool:
        """Tell whether the evaluator has an optional ability, see `EvaluatorLike`."""
        return bool(getattr(self.evaluator, ability, False))

    @property
    def extractor(self) -> Any:
        """The network whose features this metric takes; None for metrics that look at pictures themselves."""
        found = getattr(self.evaluator, "extractor", None)
        return found if hasattr(found, "key") and hasattr(self.evaluator, "update_features") else None

    @property
    def kind(self) -> str:
        """What it looks at: `images`, `pairs`, `films` or `latents`."""
        kinds = {"film": "films", "generative": "latents", "paired": "pairs"}
        return next((kind for ability, kind in kinds.items() if self.offers(ability)), "images")

    def wants(self, *, real: bool) -> bool:
        """Whether single pictures of that side concern it."""
        needed = not real or getattr(self.evaluator, "needs_real", True)
        return self.error is None and self.kind == "images" and needed


def _translated(error: Exception, name: str) -> GanstyleError:
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return EnvironmentProblem(
            "out of memory", where=f"metric {name}", hint="use a smaller --count, or --device cpu"
        )
    return GanstyleError(describe(error), where=f"metric {name}", hint="run again with --debug")


def built(selection: Selection, registry: Registry, device: torch.device | str) -> Job:
    """Build a metric; what it lacks (weights, say) is its own error.

    Raises:
        UsageError: an unknown metric or option.
    """
    job = Job(selection.name)
    try:
        job.evaluator = registry.build("metric", selection.name, selection.options, device)
    except UsageError:
        raise
    except GanstyleError as error:  # e.g. missing weights: the other metrics go on
        job.error = error
    return job


def scores_of(job: Job, sides: Mapping[bool, Side]) -> list[Score]:
    """Return what a metric found, or one score with its error.

    Args:
        job: fed with everything.
        sides: of generated (False) and real (True) pictures.
    """
    found: list[Score] | None = job.attempt(_computed, job, sides)
    if found is not None:
        return found
    error = job.error or GanstyleError("no value")
    return [Score(job.name, job.name, error=error.message, hint=error.hint, code=error.code, counted=job.kind)]


def _computed(job: Job, sides: Mapping[bool, Side]) -> list[Score]:
    if job.kind != "images" and not job.count:
        raise NoInputError(f"there are no {job.kind} to score")
    values = job.evaluator.compute()
    if not values:
        raise GanstyleError(f"metric {job.name} returned no value")
    if any(math.isnan(value) for value in values.values()):
        raise GanstyleError(f"metric {job.name} is not a number", hint="look for a diverged model")
    return [_score(job, key, float(value), sides) for key, value in values.items()]


def _score(job: Job, key: str, value: float, sides: Mapping[bool, Side]) -> Score:
    evaluator: EvaluatorLike = job.evaluator
    intervals: dict[str, tuple[float, float]] = getattr(evaluator, "intervals", dict)()
    warnings = [*getattr(evaluator, "warnings", list)(), *_set_warnings(job, sides)]
    needs_real = job.kind == "images" and getattr(evaluator, "needs_real", True)
    return Score(
        job.name,
        _within_key(job.name, key) if job.within else key,
        value,
        n_fake=sides[False].facts.count if job.kind == "images" else job.count,
        n_real=sides[True].facts.count if needs_real else 0,
        paired=job.kind == "pairs",
        protocol=str(getattr(evaluator, "protocol", "")),
        resize=str(getattr(evaluator, "resize", "")),
        weights_sha256=str(getattr(evaluator, "weights_sha256", "")),
        interval=intervals.get(key),
        higher_is_better=bool(evaluator.higher_is_better) != job.within,
        warnings=tuple(warnings),
        counted=job.kind,
    )


def _within_key(name: str, key: str) -> str:
    name = name.partition("_efficientnet")[0]  # the network's name stays whole: lpips_within_efficientnet_lite0
    return key.replace(name, f"{name}_within", 1) if key.startswith(name) else f"{key}_within"


def _set_warnings(job: Job, sides: Mapping[bool, Side]) -> list[str]:
    if job.within:
        direction = "lower" if job.evaluator.higher_is_better else "higher"
        return [f"no pairs given: generated images compared with one another; {direction} means more variety"]
    if job.kind != "images":
        return []
    said = []
    for real, side in sides.items():
        name = "real" if real else "generated"
        if side.facts.skipped:
            said.append(f"{side.facts.skipped:,} {name} files can't be read and were left out")
        if len(side.facts.sizes) > 1:
            said.append(f"{name} images have {len(side.facts.sizes)} sizes")
    return said + (_difference_warnings(sides) if getattr(job.evaluator, "needs_real", True) else [])


def _difference_warnings(sides: Mapping[bool, Side]) -> list[str]:
    fake, real = (sides[key].facts.sizes for key in (False, True))
    said = []
    if sides[False].identity and sides[False].identity == sides[True].identity:
        said.append("both sides are the very same pictures")
    if fake and real and set(fake) != set(real):
        names = [next(iter(sizes)) if len(sizes) == 1 else "mixed" for sizes in (fake, real)]
        said.append(f"sizes differ (generated {names[0]}, real {names[1]}): resizing moves the value")
    stored = difference_of(sides[False].encoding, sides[True].encoding)
    return said + ([stored] if stored else [])
