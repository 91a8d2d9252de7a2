"""One training step, in full: every phase of the task once, each with its own optimizer."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ganstyle.api import Batch, Phase, TaskLike
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
    for phase in task.phases:
        if step % phase.every:
            continue
        optimizers[phase.name].zero_grad()
        for part, _ in batch.split(micro_batch):
            share = len(part) / len(batch)
            loss, parts = _loss_of(phase, part, step)
            (loss * share).backward()
            for key, value in {phase.name: loss, **parts}.items():
                losses[key] = losses.get(key, 0) + value.detach() * share
        optimizers[phase.name].step(step)
    return losses


def _loss_of(phase: Phase, part: Batch, step: int) -> tuple[Tensor, dict[str, Tensor]]:
    found = phase.loss(part, step)
    if isinstance(found, torch.Tensor):
        return found, {}
    loss, parts = found
    return loss, {f"{phase.name}/{key}": value for key, value in parts.items()}
