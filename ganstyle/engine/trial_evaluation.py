"""Scores while a run trains: the averaged networks against the data, without touching any random state."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ganstyle.api import Batch
from ganstyle.config import Selection
from ganstyle.data.loading import stable_seed
from ganstyle.data.transforms import Preprocess
from ganstyle.data.writing import to_uint8
from ganstyle.engine import rng
from ganstyle.engine.evaluation import Score, evaluate
from ganstyle.engine.events import Events
from ganstyle.engine.feature_cache import FeatureCache
from ganstyle.engine.generative import LatentSource
from ganstyle.engine.image_sets import ImageSet, dataset_set
from ganstyle.engine.session import Session

DEFAULT_METRIC = "fd_efficientnet_lite0"
GROUP = 16  # pictures sampled at once


class Interrupted(Exception):
    """A stop was asked for; nothing was scored, and the next start does it."""


@dataclass(frozen=True)
class Trial:
    """What an evaluation found.

    Attributes:
        scalars: `metric/<key>` to value, None for a metric that failed; `metric_low/<key>` and `metric_high/<key>` to
            the ends of its 95 % interval, where there is one.
        key: of the first metric, the one that decides which weights are best; empty if it failed.
        value: of that key.
        higher_is_better: its direction.
        protocol: what else is needed to compare it: `protocol`, `n_fake`, `n_real`.
    """

    scalars: dict[str, float | None]
    key: str = ""
    value: float = 0.0
    higher_is_better: bool = False
    protocol: dict[str, Any] = field(default_factory=dict)

    def beats(self, best: dict[str, Any]) -> bool:
        """Return whether this is better than an earlier best (`metric`, `value`); the first of its metric is."""
        if not self.key or best.get("metric") not in (None, self.key):
            return bool(self.key)
        if "value" not in best:
            return True
        return self.value > best["value"] if self.higher_is_better else self.value < best["value"]


class TrialEvaluation:
    """Scores a session with the metrics of its configuration, or with the one that works everywhere.

    Args:
        session: whose averaged networks and data.
        events: told, once for each metric, why it has no value.
        count: pictures of each side; None is `train.eval_images`.
        cache: of the real pictures' features; None is the user's.
    """

    def __init__(
        self, session: Session, events: Events, *, count: int | None = None, cache: FeatureCache | None = None
    ) -> None:
        self.session, self.events = session, events
        self.count = session.config.train.eval_images if count is None else count
        self.cache = FeatureCache() if cache is None else cache
        self.metrics = session.config.metric or (Selection(DEFAULT_METRIC),)
        self._real: ImageSet | None = None
        self._told: set[str] = set()
        self._keys: dict[str, list[str]] = {}  # of each metric, so that one that fails later is null under its own keys

    def run(self, interrupted: Callable[[], bool] = lambda: False) -> Trial:
        """Sample, score, and leave every random state as it was.

        Args:
            interrupted: asked again and again; true ends the evaluation.

        Raises:
            Interrupted: as asked for.
        """

        def still_wanted(done: int) -> None:
            if interrupted():
                raise Interrupted

        with undisturbed():
            scores = evaluate(
                self.metrics,
                registry=self.session.registry,
                fake=ImageSet(lambda: self._samples(still_wanted), self.count),
                real=self._real_pictures(),
                source=self._source(),
                device=self.session.device,
                progress=still_wanted,
                cache=self.cache,
            )
        self._tell_failures(scores)
        for score in scores:
            if not score.error and score.key not in self._keys.setdefault(score.metric, []):
                self._keys[score.metric].append(score.key)
        missing = [key for score in scores if score.error for key in self._keys.get(score.metric, [score.key])]
        values = {score.key: score.value for score in scores if not score.error} | dict.fromkeys(missing)
        scalars = {f"metric/{key}": value for key, value in values.items()}
        return _trial(scores[0], scalars | _intervals(scores))

    def _real_pictures(self) -> ImageSet:
        if self._real is None:  # kept, so that its identity is computed once
            train = self.session.config.train
            plain = Preprocess.plain(train.resolution, train.width)
            goal = getattr(self.session.dataset, "goal", self.session.dataset)
            self._real = dataset_set(goal, preprocess=plain, count=self.count)
        return self._real

    def _source(self) -> LatentSource | None:
        """Return the averaged generator, if it makes pictures from latents."""
        generator = self.session.averaged.networks.get("generator")
        makes = isinstance(getattr(generator, "z_dim", None), int)
        return LatentSource(generator) if generator is not None and makes else None

    def _samples(self, still_wanted: Callable[[int], None]) -> Iterator[Tensor]:
        """Yield uint8 (3, H, W), the same latents at every evaluation."""
        session, left = self.session, self.count
        seed = stable_seed(session.config.train.seed, "score")
        generator = torch.Generator(device=session.device).manual_seed(seed)
        for batch in self._conditions():
            with torch.inference_mode():
                made = session.task.sample(session.averaged.networks, GROUP, generator=generator, batch=batch)
            yield from to_uint8(made[:left]).cpu()
            left -= GROUP
            if left <= 0:
                return
            still_wanted(0)

    def _conditions(self) -> Iterator[Batch]:
        """Yield what pictures are made from: labels as frequent as in the data, or photographs for a style task."""
        session = self.session
        loader = session.loader(batch=GROUP)
        first = next(loader).to(session.device)
        yield first
        latents_only = "generator" in session.averaged.networks and not session.image.labels
        while True:
            yield first if latents_only else next(loader).to(session.device)

    def _tell_failures(self, scores: list[Score]) -> None:
        for score in scores:
            if score.error and score.metric not in self._told:
                self._told.add(score.metric)
                remedy = f" ({score.hint})" if score.hint else ""
                message = f"metric {score.metric} has no value: {score.error}{remedy}; the run goes on without it"
                self.events.tell("metric", message, images=self.session.images, step=self.session.step)


def _intervals(scores: Sequence[Score]) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for score in scores:
        if score.interval is not None and all(map(math.isfinite, score.interval)):
            found[f"metric_low/{score.key}"], found[f"metric_high/{score.key}"] = score.interval
    return found


def _trial(first: Score, scalars: dict[str, float | None]) -> Trial:
    if first.value is None:
        return Trial(scalars)
    protocol = {"protocol": first.protocol, "n_fake": first.n_fake, "n_real": first.n_real}
    return Trial(scalars, first.key, first.value, first.higher_is_better, protocol)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Restore the state of every global generator after the block: whatever is drawn inside leaves no trace."""
    tensors, facts = rng.capture()
    try:
        yield
    finally:
        rng.restore(tensors, facts)
