"""From hours to images: the speed of a configuration, measured over real steps, with the memory and disk it needs."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ganstyle.api import Batch
from ganstyle.config import Config, config_to_dict
from ganstyle.engine import rng
from ganstyle.engine.distributed import share
from ganstyle.engine.following import announce, begin_together
from ganstyle.engine.session import Session, open_session
from ganstyle.engine.stepping import advance
from ganstyle.errors import UsageError
from ganstyle.registry import Registry

SHARE = 0.03  # of the time is spent on measuring it
MOST_STEPS = 100
MOMENTS = (0.1, 0.3, 0.5, 0.7, 0.9)  # of a run at which a network that grows is measured
USABLE = 0.95  # of the time goes into steps; the rest into previews, checkpoints and reports


@dataclass(frozen=True)
class Measured:
    """What a configuration costs on this machine.

    Attributes:
        images_per_second: training images, averaged over the run's budget.
        steps: measured, after those that warm up.
        seconds: spent on it.
        memory_bytes: of one step: the most a GPU held, elsewhere weights, moments and what the backward pass keeps.
        checkpoint_bytes: of one checkpoint.
    """

    images_per_second: float
    steps: int
    seconds: float
    memory_bytes: int
    checkpoint_bytes: int

    def seconds_for(self, images: int) -> float:
        """Return how long a run of so many images takes, previews and checkpoints included."""
        return images / self.images_per_second / USABLE


def measure(config: Config, registry: Registry, *, seconds: float = 60.0) -> Measured:
    """Train a throwaway session for a short while; global random states are as before.

    Of several ranks all take part, as they will in the run: what counts is rank 0's clock.

    Args:
        config: resolved; of a task that follows the budget, several moments of it are measured.
        registry: finds its components.
        seconds: to be measured for, about; each moment gets at least one step after one that warms up.

    Raises:
        UsageError, NoInputError, EnvironmentProblem: something in the configuration can't be had.
    """
    began = time.perf_counter()
    before = rng.capture()
    try:
        announce(config=config_to_dict(config), seconds=seconds)
        session = open_session(config, registry)
        begin_together(session)
        moments = MOMENTS if _follows_budget(session) else (0.0,)
        batches = session.batches()
        memory = _memory_of_step(session, next(batches))
        paces, steps = [], 0
        for moment in moments:
            session.images = round(moment * config.train.images)
            pace, count = _pace(session, batches, seconds=seconds / len(moments), most=MOST_STEPS // len(moments))
            paces.append(pace)
            steps += count
        model, train = session.tensors()
        size = sum(value.nbytes for value in [*model.values(), *train.values()])
    finally:
        rng.restore(*before)
    spent = time.perf_counter() - began
    return Measured(1 / statistics.fmean(paces), steps, spent, memory, size)


def images_within(measured: Measured, seconds: float, *, batch: int) -> int:
    """Return how many images a run of so many seconds can show: whole batches, at least one.

    Args:
        measured: what of the time is spent already is taken off.
        seconds: for everything, previews and checkpoints included.
        batch: images a step.
    """
    left = max(0.0, seconds - measured.seconds) * USABLE
    return max(1, int(left * measured.images_per_second) // batch) * batch


def with_time(config: Config, registry: Registry, seconds: float) -> tuple[Config, str]:
    """Return the configuration with the images that fit into a time, and a line that tells them.

    The count is stored as `train.images`: schedules and resumed runs depend on it, never on a clock.

    Args:
        config: settled.
        registry: finds its components.
        seconds: for the whole run on this machine.

    Raises:
        UsageError: no step fits into the time; and as `measure`.
    """
    measured = measure(config, registry, seconds=SHARE * seconds)
    if measured.seconds > seconds:
        raise UsageError(
            f"{seconds:.0f} seconds are over before the speed is known ({measured.seconds:.0f} seconds)",
            where="option --time",
            hint="a longer --time, or --images with a count",
        )
    images = images_within(measured, seconds, batch=config.train.batch)
    line = f"budget: {images:,} images ({measured.images_per_second:.3g} images/s over {measured.steps} steps)"
    return dataclasses.replace(config, train=config.train.model_copy(update={"images": images})), line


def _follows_budget(session: Session) -> bool:
    return bool(getattr(session.task, "follows_budget", hasattr(session.task, "progress")))


def _pace(session: Session, batches: Iterator[Batch], *, seconds: float, most: int) -> tuple[float, int]:
    """Return seconds per image, and the steps they were measured over."""
    advance(session, next(batches))  # not counted: new shapes, cold caches
    _wait(session.device)
    began, images, steps = time.perf_counter(), session.images, 0
    while steps < most and share(not steps or time.perf_counter() - began < seconds):
        advance(session, next(batches))
        steps += 1
        _wait(session.device)
    return (time.perf_counter() - began) / (session.images - images), steps


def _memory_of_step(session: Session, batch: Batch) -> int:
    """Make the first step and return the memory it needed."""
    if session.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(session.device)
        advance(session, batch)
        return torch.cuda.max_memory_allocated(session.device)
    kept = _Kept()
    with torch.autograd.graph.saved_tensors_hooks(kept.keep, kept.give):
        advance(session, batch)
    trained = sum(p.nbytes for optimizer in session.optimizers.values() for p in optimizer.parameters.values())
    model, _ = session.tensors()
    return kept.most + sum(value.nbytes for value in model.values()) + 3 * trained  # gradients and two moments


class _Kept:
    """Counts what the graph holds for the backward pass, each storage once; freed ones are let go."""

    def __init__(self) -> None:
        self.sizes: dict[int, int] = {}
        self.most = 0

    def keep(self, value: Tensor) -> Any:
        """Take note of a tensor."""
        storage = value.untyped_storage()
        self.sizes[storage.data_ptr()] = storage.nbytes()
        self.most = max(self.most, sum(self.sizes.values()))
        return value

    def give(self, value: Any) -> Tensor:
        """Hand it back; its storage may be freed after the backward pass."""
        self.sizes.pop(value.untyped_storage().data_ptr(), None)
        return value


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
