"""One training step, in full: every phase of the task once, each with its own optimizer."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ganstyle.api import Batch, Phase, TaskLike
from ganstyle.engine.distributed import average_gradients
from ganstyle.engine.optimizers import GuardedAdam


def train_step(
    task: TaskLike,
    batch: Batch,
    step: int,
    *,
    optimizers: Mapping[str, GuardedAdam],
    micro_batch: int | None = None,
) -> dict[str, Tensor]:
    """Run every phase that is due once; return its losses, still on the device.

    Args:
        task: what is minimised.
        batch: the examples of this step, on the device of the networks.
        step: counted from 0; decides which lazy terms are due.
        optimizers: one per phase name.
        micro_batch: at most this many examples at once; gradients add up to those of the whole batch.

    Returns:
        Phase name, or `phase/part`, to a detached scalar: the mean over the batch.
    """
    losses: dict[str, Tensor] = {}
    for phase in due(task, step):
        parts = drawn(task, batch).split(micro_batch)
        optimizer = optimizers[phase.name]
        losses |= accumulate(phase, [part for part, _ in parts], step, optimizer=optimizer)
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


def accumulate(phase: Phase, parts: list[Batch], step: int, *, optimizer: GuardedAdam) -> dict[str, Tensor]:
    """Set the gradients of a phase's parameters to those of its loss over all parts together; change no weight.

    Args:
        phase: whose loss.
        parts: of one batch, each with its own forward and backward pass.
        step: counted from 0.
        optimizer: the phase's.

    Returns:
        Names to detached scalars, each the mean over all parts.
    """
    total = sum(map(len, parts))
    losses: dict[str, Tensor] = {}
    optimizer.zero_grad()
    for part in parts:
        share = len(part) / total
        loss, named = _loss_of(phase, part, step)
        optimizer.backward(loss if share == 1 else loss * share)
        for key, value in {phase.name: loss, **named}.items():
            losses[key] = losses.get(key, 0) + value.detach() * share
    return losses


def _loss_of(phase: Phase, part: Batch, step: int) -> tuple[Tensor, dict[str, Tensor]]:
    found = phase.loss(part, step)
    if isinstance(found, torch.Tensor):
        return found, {}
    loss, parts = found
    return loss, {f"{phase.name}/{key}": value for key, value in parts.items()}
