"""One training step, in full: every phase of the task once, each with its own optimizer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor

from ganstyle.api import Batch, Phase, TaskLike
from ganstyle.engine.distributed import average_gradients
from ganstyle.engine.optimizers import GuardedAdam
from ganstyle.engine.precision import autocast

Attempt = Callable[[list[Batch]], dict[str, Tensor]]
"""Computes a phase's gradients from the parts of its batch, and returns its losses."""
Within = Callable[[Batch, Attempt], dict[str, Tensor]]
"""Cuts a batch into parts and makes the attempt."""


def train_step(
    task: TaskLike,
    batch: Batch,
    step: int,
    *,
    optimizers: Mapping[str, GuardedAdam],
    micro_batch: int | None = None,
    precision: str = "float32",
    within: Within | None = None,
) -> dict[str, Tensor]:
    """Run every phase that is due once; return its losses, still on the device.

    Args:
        task: what is minimised.
        batch: the examples of this step, on the device of the networks.
        step: counted from 0; decides which lazy terms are due.
        optimizers: one per phase name.
        micro_batch: at most this many examples at once; gradients add up to those of the whole batch.
        precision: of the networks' arithmetic; penalties stay float32.
        within: cuts a phase's batch and makes the attempt in place of `micro_batch`, e.g. within the memory there is.

    Returns:
        Phase name, or `phase/part`, to a detached scalar: the mean over the batch.
    """
    losses: dict[str, Tensor] = {}
    for phase in due(task, step):
        optimizer = optimizers[phase.name]
        attempt = partial(accumulate, phase, step, optimizer=optimizer, precision=precision)
        whole = drawn(task, batch)
        losses |= attempt(parts_of(whole, micro_batch)) if within is None else within(whole, attempt)
        average_gradients(optimizer.parameters.values(), at=f"the gradients of phase {phase.name}")
        optimizer.step(step)
    return losses


def due(task: TaskLike, step: int) -> list[Phase]:
    """Return the phases that run at this step, in order."""
    return [phase for phase in task.phases if step % phase.every == 0]


def drawn(task: TaskLike, batch: Batch) -> Batch:
    """Return the batch with what the task draws for a whole phase (latents), or as it is."""
    draw = getattr(task, "draw", None)
    return batch if draw is None else draw(batch)


def parts_of(batch: Batch, size: int | None) -> list[Batch]:
    """Return the batch in parts of at most `size` examples; None keeps it whole."""
    return [part for part, _ in batch.split(size)]


def accumulate(
    phase: Phase, step: int, parts: list[Batch], *, optimizer: GuardedAdam, precision: str = "float32"
) -> dict[str, Tensor]:
    """Set the gradients of a phase's parameters to those of its loss over all parts together; change no weight.

    Args:
        phase: whose loss.
        step: counted from 0.
        parts: of one batch, each with its own forward and backward pass.
        optimizer: the phase's.
        precision: of the networks' arithmetic.

    Returns:
        Names to detached scalars, each the mean over all parts.
    """
    total = sum(map(len, parts))
    losses: dict[str, Tensor] = {}
    optimizer.zero_grad()
    for part in parts:
        share = len(part) / total
        # One context per pass: autocast remembers cast weights until it ends, and with them the graph or its absence.
        with autocast(optimizer.device, precision):
            loss, named = _loss_of(phase, part, step)
        optimizer.backward(loss if share == 1 else loss * share)
        for key, value in {phase.name: loss, **named}.items():
            losses[key] = losses.get(key, 0) + value.detach() * share
    _spoil_unless_finite(optimizer, losses[phase.name])
    return losses


def _spoil_unless_finite(optimizer: GuardedAdam, loss: Tensor) -> None:
    """Make a gradient NaN if the loss is no number: gradients are all that the guard and the other ranks look at."""
    gradient = next((p.grad for p in optimizer.parameters.values() if p.grad is not None), None)
    if gradient is not None:
        gradient[(0,) * gradient.ndim].add_(loss * 0)  # adds 0, or NaN; no wait for the device


def _loss_of(phase: Phase, part: Batch, step: int) -> tuple[Tensor, dict[str, Tensor]]:
    found = phase.loss(part, step)
    if isinstance(found, torch.Tensor):
        return found, {}
    loss, parts = found
    return loss, {f"{phase.name}/{key}": value for key, value in parts.items()}
