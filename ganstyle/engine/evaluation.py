"""Images through metrics: each network sees each picture once, and a metric that fails stops no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ganstyle.config import Selection
from ganstyle.engine.batching import batches, pair_batches
from ganstyle.engine.feature_cache import Facts, FeatureCache
from ganstyle.engine.image_sets import ImageSet, as_image_set
from ganstyle.engine.metric_jobs import Job, Side, built, scores_of
from ganstyle.engine.references import Moments
from ganstyle.engine.scores import Score
from ganstyle.errors import GanstyleError, InputError, UsageError
from ganstyle.registry import Registry, describe

__all__ = ["Assessment", "Score", "Works", "assess", "evaluate"]

Progress = Callable[[int], object]
Works = Mapping[str, Sequence[Tensor]]
"""Pictures of each style, uint8 (3, H, W) of any size, by the style's name."""


@dataclass
class Assessment:
    """Scores, and what a report shows beside them.

    Attributes:
        scores: at least one for each metric, in order.
        sides: what was seen of generated (False) and real (True) pictures, with their features.
        pair_values: by key: one value for each pair, in the order of the pairs.
        evaluators: by metric, as they are after their last picture; none for a metric that failed.
    """

    scores: list[Score]
    sides: dict[bool, Side]
    pair_values: dict[str, Tensor]
    evaluators: dict[str, Any] = field(default_factory=dict)


def evaluate(metrics: Sequence[Selection], **parts: Any) -> list[Score]:
    """Score pictures; the arguments are those of `assess`.

    Returns:
        At least one score for each metric, in order; a metric that failed has an error and no value.

    Raises:
        UsageError: an unknown metric or option; nothing was computed.
    """
    return assess(metrics, **parts).scores


def assess(
    metrics: Sequence[Selection],
    *,
    registry: Registry,
    fake: Any,
    real: Any = None,
    pairs: Iterable[tuple[Any, ...]] | None = None,
    styles: Works | None = None,
    source: Any = None,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
    cache: FeatureCache | None = None,
) -> Assessment:
    """Score pictures and keep what was learnt on the way.

    Args:
        metrics: evaluators by name, with their options.
        registry: finds them.
        fake: generated pictures; whatever `as_image_set` takes, e.g. uint8 (N, 3, H, W), batches, paths.
        real: the pictures to compare with, or `Moments` of their features; metrics that need none work without.
        pairs: (picture, reference), uint8 (3, H, W) or (B, 3, H, W); or with the name of the picture's style (or a
            list of B names) as a third part. Without them, paired metrics compare generated pictures with one another
            and their keys say `within`.
        styles: the works of each style that pairs name.
        source: a generator for metrics that draw pictures themselves (`engine.generative.LatentSource`).
        device: where networks run.
        progress: called with the number of pictures done.
        cache: keeps features between calls; None keeps none.

    Returns:
        Scores, at least one for each metric, in order; a metric that failed has an error and no value.

    Raises:
        UsageError: an unknown metric or option; nothing was computed.
    """
    jobs = [built(selection, registry, device) for selection in metrics]
    plan = _Plan(jobs, progress or (lambda done: None), cache)
    plan.refuse_films()
    plan.take_styles(styles or {}, has_pairs=pairs is not None)
    sides = {False: plan.side(as_image_set(fake), real=False, within=pairs is None)}
    sides[True] = plan.reference(real)
    for pair in pair_batches(pairs or ()):
        plan.pair(*pair)
    plan.draw(source)
    scores = [score for job in jobs for score in scores_of(job, sides)]
    kept = {job.name: job.evaluator for job in jobs if job.error is None}
    return Assessment(scores, sides, _pair_values(jobs, scores), kept)


@dataclass
class _Network:
    """One extractor, the metrics on its features, and the features of one side."""

    extractor: Any
    jobs: list[Job]
    parts: list[Tensor] = field(default_factory=list)

    def run(self, batch: Tensor) -> None:
        """Add the features of a batch; a network that fails fails all its metrics, once."""
        if all(job.error for job in self.jobs):
            return
        try:
            self.parts.append(self.extractor(batch))
        except Exception as error:  # weights of a plugin may do anything
            known = error if isinstance(error, GanstyleError) else GanstyleError(describe(error), hint="try --debug")
            for job in self.jobs:
                job.fail(known)

    def hand_over(self, features: Tensor, *, real: bool) -> None:
        """Give all metrics the same tensor, so that they can share what they compute from it."""
        if not torch.isfinite(features).all():
            wrong = (~torch.isfinite(features).flatten(1).all(1)).nonzero().flatten()
            side = "real" if real else "generated"
            error = InputError(
                f"{len(wrong):,} of {len(features):,} {side} images have features that are not finite "
                f"(first: number {int(wrong[0]) + 1})",
                hint="look for a diverged model or damaged weights",
            )
            for job in self.jobs:
                job.fail(error)
        for job in self.jobs:
            job.attempt(job.evaluator.update_features, features, real=real)


@dataclass
class _Plan:
    """Sends every picture once through every network that any metric needs."""

    jobs: list[Job]
    progress: Progress
    cache: FeatureCache | None

    def refuse_films(self) -> None:
        """Say that metrics of films need films."""
        for job in self.jobs:
            if job.offers("film"):
                job.fail(UsageError(f"{job.name} compares films", hint="ganstyle eval film RESULT.mp4 SOURCE.mp4"))

    def take_styles(self, styles: Works, *, has_pairs: bool) -> None:
        """Show the works of each style to the metrics that compare with them."""
        for job in self.jobs:
            if job.error or not job.offers("styled"):
                continue
            if not has_pairs or not styles:
                lacking = "works of the style" if has_pairs else "pairs and works of the style"
                job.fail(UsageError(f"{job.name} needs {lacking}", hint="ganstyle eval --pairs OUT CONTENT --style S"))
            job.attempt(job.evaluator.take_styles, styles)

    def reference(self, real: Any) -> Side:
        """Show the real side: pictures, or what is left of some."""
        if not isinstance(real, Moments):
            return self.side(as_image_set(real), real=True) if real is not None else Side()
        for job in self.jobs:
            if job.wants(real=True) and getattr(job.evaluator, "needs_real", True):
                job.attempt(_take_moments, job, real)
        return Side()

    def side(self, images: ImageSet, *, real: bool, within: bool = False) -> Side:
        """Show one side to all metrics; features that the cache knows are not computed."""
        wanted = [job for job in self.jobs if job.wants(real=real)]
        networks = self._networks(wanted)
        known = {key: found for key in networks if (found := self._cached(images, key))}
        for key, (features, _) in known.items():
            networks[key].hand_over(features, real=real)
        alike = [job for job in self.jobs if within and job.kind == "pairs" and job.error is None]
        waiting = {key: network for key, network in networks.items() if key not in known}
        plain = [job for job in wanted if job.extractor is None]
        identity = images.identity if self.cache else ""
        side = Side(
            encoding=images.encoding, identity=identity, features={key: found[0] for key, found in known.items()}
        )
        if waiting or plain or alike:
            side.facts = self._walk(images, list(waiting.values()), [*plain], alike=alike, real=real)
            side.features |= self._collected(images, waiting, side.facts, real=real)
        else:
            side.facts = next((found[1] for found in known.values()), Facts())
            self.progress(side.facts.count or images.count or 0)  # a side that no metric looks at is done, too
        return side

    def _networks(self, jobs: list[Job]) -> dict[str, _Network]:
        found: dict[str, _Network] = {}
        for job in jobs:
            if job.extractor is not None:
                found.setdefault(job.extractor.key, _Network(job.extractor, [])).jobs.append(job)
        return dict(sorted(found.items()))

    def _cached(self, images: ImageSet, key: str) -> tuple[Tensor, Facts] | None:
        return self.cache.read(images.identity, key) if self.cache else None

    def _walk(
        self, images: ImageSet, networks: list[_Network], plain: list[Job], *, alike: list[Job], real: bool
    ) -> Facts:
        facts, neighbours = Facts(), _Neighbours(alike)
        for batch in batches(images.iterate()):
            facts.add(batch)
            for network in networks:
                network.run(batch)
            for job in plain:
                job.attempt(job.evaluator.update, batch, real=real)
            neighbours.take(batch)
            self.progress(len(batch))
        facts.skipped, facts.unread = len(images.skipped), list(images.unread)
        return facts

    def _collected(
        self, images: ImageSet, networks: Mapping[str, _Network], facts: Facts, *, real: bool
    ) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for key, network in networks.items():
            if sum(map(len, network.parts)) != facts.count or not network.parts:
                continue
            found[key], network.parts = torch.cat(network.parts), []
            if self.cache and torch.isfinite(found[key]).all():
                self.cache.write(images.identity, key, features=found[key], facts=facts)
            network.hand_over(found[key], real=real)
        return found

    def pair(self, images: Tensor, reference: Tensor, names: Sequence[str]) -> None:
        """Show a batch of pairs to the paired metrics."""
        for job in self.jobs:
            if job.kind == "pairs" and job.error is None:
                named = {"styles": list(names)} if job.offers("styled") else {}
                job.attempt(job.evaluator.update, images, reference, **named)
                job.count += len(images)
        self.progress(len(images))

    def draw(self, source: Any) -> None:
        """Let metrics of generators make their own pictures."""
        for job in self.jobs:
            if job.offers("generative") and source is None:
                job.fail(UsageError(f"{job.name} needs a generator with latents", hint="ganstyle eval RUN or MODEL"))
            elif job.offers("generative"):
                counted = _Counted(job, self.progress)
                job.attempt(job.evaluator.measure, source, counted)
                if counted.stopped is not None:  # by the caller, not by the metric
                    raise counted.stopped


def _take_moments(job: Job, moments: Moments) -> None:
    if not hasattr(job.evaluator, "take_moments"):
        message = f"{job.name} needs real pictures; {moments.name} holds their mean and covariance only"
        raise UsageError(message, hint="use a Fréchet distance, or a folder of pictures")
    job.evaluator.take_moments(moments.mean, moments.covariance)


@dataclass
class _Counted:
    """Progress of a metric that draws for itself."""

    job: Job
    progress: Progress
    stopped: Exception | None = None

    def __call__(self, done: int) -> None:
        self.job.count += done
        try:
            self.progress(done)
        except Exception as error:
            self.stopped = error
            raise


def _pair_values(jobs: Sequence[Job], scores: Sequence[Score]) -> dict[str, Tensor]:
    """Return the value of each pair for the metrics that have one, under the key of their first score."""
    found: dict[str, Tensor] = {}
    for job in jobs:
        if job.kind == "pairs" and job.error is None and hasattr(job.evaluator, "pair_values"):
            values = job.attempt(job.evaluator.pair_values)
            key = next((score.key for score in scores if score.metric == job.name), job.name)
            if values is not None and len(values) == job.count:
                found[key] = values.detach().cpu()
    return found


class _Neighbours:
    """Makes disjoint pairs of generated pictures for metrics that have no references."""

    def __init__(self, jobs: list[Job]) -> None:
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
                job.count += 1
