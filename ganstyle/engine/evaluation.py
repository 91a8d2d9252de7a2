"""Images through metrics: each network sees each picture once, and a metric that fails stops no other."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ganstyle.api import EvaluatorLike
from ganstyle.config import Selection
from ganstyle.engine.feature_cache import Facts, FeatureCache
from ganstyle.engine.image_sets import ImageSet, as_image_set
from ganstyle.errors import GanstyleError, UsageError
from ganstyle.registry import Registry, describe

BATCH = 16
BATCH_PIXELS = BATCH * 512 * 512  # large pictures go in smaller batches: 48 MB of bytes, 200 MB while resized

Progress = Callable[[int], object]


@dataclass(frozen=True)
class Score:
    """One value, with everything that is needed to compare it.

    Attributes:
        metric: name of the evaluator.
        key: name of the value; holds the protocol.
        value: None if the metric failed.
        n_fake: generated pictures, or pairs.
        n_real: real pictures; 0 if they don't concern the metric.
        paired: whether pairs were scored, with references or within the generated pictures.
        protocol: the definition in words.
        resize: how pictures got to the network's size.
        weights_sha256: of the network.
        interval: 95 %, if known.
        higher_is_better: direction.
        warnings: what a reader must know, in plain words.
        error: why there is no value.
        hint: what helps.
        code: exit code of the error; 0 without.
    """

    metric: str
    key: str
    value: float | None = None
    n_fake: int = 0
    n_real: int = 0
    paired: bool = False
    protocol: str = ""
    resize: str = ""
    weights_sha256: str = ""
    interval: tuple[float, float] | None = None
    higher_is_better: bool = False
    warnings: tuple[str, ...] = ()
    error: str = ""
    hint: str = ""
    code: int = 0


@dataclass
class _Job:
    """One metric on its way; after its first error it is left alone."""

    name: str
    evaluator: Any = None
    error: GanstyleError | None = None
    pairs: int = 0
    within: bool = False

    def attempt(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if self.error is None:
            try:
                return call(*args, **kwargs)
            except GanstyleError as error:
                self.error = error
            except Exception as error:  # a plugin may raise anything
                hint = "run again with --debug" if not isinstance(error, MemoryError) else "use a smaller --count"
                self.error = GanstyleError(describe(error), where=f"metric {self.name}", hint=hint)
        return None

    @property
    def extractor(self) -> Any:
        """The network whose features this metric takes; None for metrics that look at pictures themselves."""
        found = getattr(self.evaluator, "extractor", None)
        return found if hasattr(found, "key") and hasattr(self.evaluator, "update_features") else None

    @property
    def paired(self) -> bool:
        return bool(getattr(self.evaluator, "paired", False))

    def wants(self, *, real: bool) -> bool:
        """Whether single pictures of that side concern it."""
        needed = not real or getattr(self.evaluator, "needs_real", True)
        return self.error is None and not self.paired and needed


def evaluate(
    metrics: Sequence[Selection],
    *,
    registry: Registry,
    fake: Any,
    real: Any = None,
    pairs: Iterable[tuple[Tensor, Tensor]] | None = None,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
    cache: FeatureCache | None = None,
) -> list[Score]:
    """Score pictures.

    Args:
        metrics: evaluators by name, with their options.
        registry: finds them.
        fake: generated pictures; whatever `as_image_set` takes, e.g. uint8 (N, 3, H, W), batches, paths.
        real: the pictures to compare with; metrics that need none work without.
        pairs: (picture, reference), uint8 (3, H, W) or (B, 3, H, W); without them, paired metrics compare generated
            pictures with one another and their keys say `within`.
        device: where networks run.
        progress: called with the number of pictures done.
        cache: keeps features between calls; None keeps none.

    Returns:
        At least one score for each metric, in order; a metric that failed has an error and no value.

    Raises:
        UsageError: an unknown metric or option; nothing was computed.
    """
    jobs = [_built(selection, registry, device) for selection in metrics]
    plan = _Plan(jobs, progress or (lambda done: None), cache)
    facts = {False: plan.side(as_image_set(fake), real=False, within=pairs is None)}
    facts[True] = plan.side(as_image_set(real), real=True) if real is not None else _Side()
    for pair in pairs or ():
        plan.pair(*pair)
    return [score for job in jobs for score in _scores(job, facts)]


def _built(selection: Selection, registry: Registry, device: torch.device | str) -> _Job:
    job = _Job(selection.name)
    try:
        job.evaluator = registry.build("metric", selection.name, selection.options, device)
    except UsageError:
        raise
    except GanstyleError as error:  # e.g. missing weights: the other metrics go on
        job.error = error
    return job


@dataclass
class _Side:
    """What was learnt about one side."""

    facts: Facts = field(default_factory=Facts)
    lossy: float = 0.0


@dataclass
class _Plan:
    """Sends every picture once through every network that any metric needs."""

    jobs: list[_Job]
    progress: Progress
    cache: FeatureCache | None

    def side(self, images: ImageSet, *, real: bool, within: bool = False) -> _Side:
        """Show one side to all metrics; features that the cache knows are not computed."""
        wanted = [job for job in self.jobs if job.wants(real=real)]
        known = {key: found for key in self._keys(wanted) if (found := self._cached(images, key))}
        for job in wanted:
            if job.extractor is not None and job.extractor.key in known:
                job.attempt(job.evaluator.update_features, known[job.extractor.key][0], real=real)
        waiting = [job for job in wanted if job.extractor is None or job.extractor.key not in known]
        alike = [job for job in self.jobs if within and job.paired and job.error is None]
        if waiting or alike:
            facts = self._walk(images, waiting, alike, real)
        else:
            facts = next((found[1] for found in known.values()), Facts())
            self.progress(facts.count)
        return _Side(facts, images.lossy)

    def _keys(self, jobs: list[_Job]) -> list[str]:
        return sorted({job.extractor.key for job in jobs if job.extractor is not None})

    def _cached(self, images: ImageSet, key: str) -> tuple[Tensor, Facts] | None:
        return self.cache.read(images.identity, key) if self.cache else None

    def _walk(self, images: ImageSet, waiting: list[_Job], alike: list[_Job], real: bool) -> Facts:
        facts, parts = Facts(), dict[str, list[Tensor]]()
        neighbours = _Neighbours(alike)
        for batch in batches(images.iterate()):
            facts.add(batch)
            for key, features in self._features(batch, waiting).items():
                parts.setdefault(key, []).append(features)
                for job in waiting:
                    if job.extractor is not None and job.extractor.key == key:
                        job.attempt(job.evaluator.update_features, features, real=real)
            for job in waiting:
                if job.extractor is None:
                    job.attempt(job.evaluator.update, batch, real=real)
            neighbours.take(batch)
            self.progress(len(batch))
        facts.skipped = len(images.skipped)
        for key, collected in parts.items():
            if self.cache and sum(map(len, collected)) == facts.count:
                self.cache.write(images.identity, key, features=torch.cat(collected), facts=facts)
        return facts

    def _features(self, batch: Tensor, waiting: list[_Job]) -> dict[str, Tensor]:
        """Run each distinct network once; if it fails, each of its metrics has the error."""
        found: dict[str, Tensor] = {}
        for job in waiting:
            if job.extractor is not None and job.extractor.key not in found:
                features = job.attempt(job.extractor, batch)
                if features is not None:
                    found[job.extractor.key] = features
        return found

    def pair(self, images: Tensor, reference: Tensor) -> None:
        """Show a pair, or a batch of pairs, to the paired metrics."""
        images, reference = (one[None] if one.ndim == 3 else one for one in (images, reference))
        for job in self.jobs:
            if job.paired and job.error is None:
                job.attempt(job.evaluator.update, images, reference)
                job.pairs += len(images)
        self.progress(len(images))


class _Neighbours:
    """Makes disjoint pairs of generated pictures for metrics that have no references."""

    def __init__(self, jobs: list[_Job]) -> None:
        self._jobs, self._left = jobs, dict[torch.Size, Tensor]()
        for job in jobs:
            job.within = True

    def take(self, batch: Tensor) -> None:
        for image in batch if self._jobs else ():
            other = self._left.pop(image.shape, None)
            if other is None:
                self._left[image.shape] = image
                continue
            for job in self._jobs:
                job.attempt(job.evaluator.update, image[None], other[None])
                job.pairs += 1


def batches(images: Iterable[Tensor]) -> Iterator[Tensor]:
    """Yield uint8 (B, 3, H, W), each of one size, in order.

    Args:
        images: uint8 (3, H, W) of any sizes.
    """
    held: list[Tensor] = []
    for image in images:
        pixels = image.shape[1] * image.shape[2]
        full = held and (len(held) >= BATCH or (len(held) + 1) * pixels > BATCH_PIXELS)
        if held and (full or held[0].shape != image.shape):
            yield torch.stack(held)
            held = []
        held.append(image)
    if held:
        yield torch.stack(held)


def _scores(job: _Job, sides: dict[bool, _Side]) -> list[Score]:
    found: list[Score] | None = job.attempt(_computed, job, sides)
    if found is not None:
        return found
    error = job.error or GanstyleError("no value")
    return [Score(job.name, job.name, error=error.message, hint=error.hint, code=error.code)]


def _computed(job: _Job, sides: dict[bool, _Side]) -> list[Score]:
    values = job.evaluator.compute()
    if not values:
        raise GanstyleError(f"metric {job.name} returned no value")
    if any(math.isnan(value) for value in values.values()):
        raise GanstyleError(f"metric {job.name} is not a number", hint="look for a diverged model")
    return [_score(job, key, float(value), sides) for key, value in values.items()]


def _score(job: _Job, key: str, value: float, sides: dict[bool, _Side]) -> Score:
    evaluator: EvaluatorLike = job.evaluator
    intervals: dict[str, tuple[float, float]] = getattr(evaluator, "intervals", dict)()
    warnings = [*getattr(evaluator, "warnings", list)(), *_set_warnings(job, sides)]
    needs_real = not job.paired and getattr(evaluator, "needs_real", True)
    return Score(
        job.name,
        _within_key(job.name, key) if job.within else key,
        value,
        n_fake=job.pairs if job.paired else sides[False].facts.count,
        n_real=sides[True].facts.count if needs_real else 0,
        paired=job.paired,
        protocol=str(getattr(evaluator, "protocol", "")),
        resize=str(getattr(evaluator, "resize", "")),
        weights_sha256=str(getattr(evaluator, "weights_sha256", "")),
        interval=intervals.get(key),
        higher_is_better=bool(evaluator.higher_is_better) and not job.within,
        warnings=tuple(warnings),
    )


def _within_key(name: str, key: str) -> str:
    return key.replace(name, f"{name}_within", 1) if key.startswith(name) else f"{key}_within"


def _set_warnings(job: _Job, sides: dict[bool, _Side]) -> list[str]:
    if job.within:
        return ["no pairs given: generated images compared with one another; lower means more variety"]
    if job.paired:
        return []
    said = []
    for real, side in sides.items():
        name = "real" if real else "generated"
        if side.facts.skipped:
            said.append(f"{side.facts.skipped:,} {name} files can't be read and were left out")
        if len(side.facts.sizes) > 1:
            said.append(f"{name} images have {len(side.facts.sizes)} sizes")
    return said + (_difference_warnings(sides) if getattr(job.evaluator, "needs_real", True) else [])


def _difference_warnings(sides: dict[bool, _Side]) -> list[str]:
    fake, real = (sides[key].facts.sizes for key in (False, True))
    said = []
    if fake and real and set(fake) != set(real):
        names = [next(iter(sizes)) if len(sizes) == 1 else "mixed" for sizes in (fake, real)]
        said.append(f"sizes differ (generated {names[0]}, real {names[1]}): resizing moves the value")
    if abs(sides[False].lossy - sides[True].lossy) > 0.01:
        said.append("only one side is JPEG: compression alone moves the value")
    return said
