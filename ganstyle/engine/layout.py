"""Which memory layout trains faster here: measured, since it depends on architecture, size and machine alike."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Mapping

import torch

from ganstyle.api import Batch
from ganstyle.config import Config
from ganstyle.engine import rng
from ganstyle.engine.session import Session, open_session
from ganstyle.engine.stepping import advance
from ganstyle.registry import Registry

LAYOUTS = ("contiguous", "channels_last")
ROUNDS = 3  # timed steps of each layout, after one that isn't
WORTH_STEPS = 200  # a shorter run wouldn't earn the measurement back
LIMIT_S = 30.0  # no round is begun after that


def choose_layout(config: Config, registry: Registry) -> tuple[str, dict[str, float]]:
    """Return the layout in which steps of this configuration take less time, and what was measured.

    Throwaway networks are trained on one batch, the layouts in turn, so that other work on the machine falls on both
    alike. Global random states are as before. Ranks may measure differently: the caller lets rank 0 decide.

    Args:
        config: resolved; its own `train.memory_format` is passed over.
        registry: where its components come from.

    Returns:
        A name for `train.memory_format`; median seconds per step by layout: on a CPU of processor time, on other
        devices by the clock. No times, and `contiguous`, for a run too short to be worth it.

    Raises:
        UsageError, NoInputError, EnvironmentProblem: something in the configuration can't be had.
    """
    train = config.train
    if train.images < WORTH_STEPS * train.batch:
        return LAYOUTS[0], {}
    tensors, facts = rng.capture()
    try:
        times = _times({layout: open_session(_with(config, layout), registry) for layout in LAYOUTS})
    finally:
        rng.restore(tensors, facts)
    return fastest(times), times


def _with(config: Config, layout: str) -> Config:
    return dataclasses.replace(config, train=config.train.model_copy(update={"memory_format": layout}))


def fastest(times: Mapping[str, float]) -> str:
    """Return the layout of the shortest time; between equals the first."""
    return min(times, key=times.__getitem__)


def _times(sessions: Mapping[str, Session]) -> dict[str, float]:
    batches = {layout: next(session.batches()) for layout, session in sessions.items()}
    for layout, session in sessions.items():
        session.images = session.config.train.images  # networks that grow are timed at their full size
        seconds_of(session, batches[layout])  # not counted: caches are cold, every lazy penalty is due
    found: dict[str, list[float]] = {layout: [] for layout in sessions}
    until = time.monotonic() + LIMIT_S
    for number in range(ROUNDS):
        if number and time.monotonic() > until:
            break
        for layout, session in sessions.items():
            found[layout].append(seconds_of(session, batches[layout]))
    return {layout: statistics.median(values) for layout, values in found.items()}


def seconds_of(session: Session, batch: Batch) -> float:
    """Make one step and return how long it took: processor time on a CPU, which other programs disturb less."""
    is_cpu = session.device.type == "cpu"
    clock = time.process_time if is_cpu else time.perf_counter
    _wait(session.device)
    start = clock()
    advance(session, batch)
    _wait(session.device)
    return clock() - start


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
