"""Films through metrics: each result beside its source, frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from ganstyle.config import Selection
from ganstyle.data.films import Film
from ganstyle.engine.metric_jobs import Job, Side, built, scores_of
from ganstyle.engine.scores import Score
from ganstyle.errors import GanstyleError, InputError, UsageError
from ganstyle.registry import Registry

Progress = Callable[[int], object]


def evaluate_films(
    metrics: Sequence[Selection],
    films: Sequence[tuple[Film, Film]],
    *,
    registry: Registry,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> tuple[list[Score], list[tuple[str, str]]]:
    """Score films against the films that they were made from.

    Args:
        metrics: evaluators by name, with their options; those that don't look at films have an error.
        films: (result, source).
        registry: finds the metrics.
        device: where networks run.
        progress: called with the number of frames done; every metric walks every result once.

    Returns:
        Scores, at least one for each metric, and (film, reason) of the pairs that were not scored.

    Raises:
        UsageError: an unknown metric or option.
    """
    jobs = [built(selection, registry, device) for selection in metrics]
    for job in jobs:
        if job.error is None and not job.offers("film"):
            job.fail(UsageError(f"{job.name} doesn't compare films", hint="ganstyle metric list"))
    refused: list[tuple[str, str]] = []
    for result, source in films:
        try:
            _check(result, source)
        except GanstyleError as error:  # one bad film stops no other
            refused.append((result.name, error.message))
            continue
        for job in jobs:
            _show(job, result, source, progress or (lambda done: None))
    return [score for job in jobs for score in scores_of(job, {False: Side(), True: Side()})], refused


def _check(result: Film, source: Film) -> None:
    counts = result.count, source.count
    if None not in counts and counts[0] != counts[1]:
        raise InputError(f"{counts[0]} frames, but {source.name} has {counts[1]}: films are compared frame by frame")
    shapes = [next(iter(film)).shape for film in (result, source)]
    if shapes[0] != shapes[1]:
        sizes = " and ".join(f"{shape[2]} x {shape[1]}" for shape in shapes)
        raise InputError(f"sizes differ from those of {source.name} ({sizes}); films are never resized")


def _show(job: Job, result: Film, source: Film, progress: Progress) -> None:
    if job.error is None:
        job.attempt(job.evaluator.update_film, _Watched(result, progress), source)
        job.count += 1


class _Watched:
    """A film whose frames are counted as they are taken, on the first walk."""

    def __init__(self, film: Film, progress: Progress) -> None:
        self._film, self._progress, self._walked = film, progress, False

    def __iter__(self) -> Iterator[Tensor]:
        first, self._walked = not self._walked, True
        for frame in self._film:
            if first:
                self._progress(1)
            yield frame
