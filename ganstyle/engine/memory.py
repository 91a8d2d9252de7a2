"""Too little memory in the first steps: smaller micro-batches, the same effective batch."""

from __future__ import annotations

import dataclasses
import gc
from itertools import chain

import torch
from torch import Tensor

from ganstyle import errors
from ganstyle.api import Batch
from ganstyle.engine import rng
from ganstyle.engine.loop import Attempt, parts_of
from ganstyle.engine.session import Session
from ganstyle.errors import EnvironmentProblem
from ganstyle.nn.ranks import joined

EARLY_STEPS = 10  # of a process: later ones need what these needed, unless networks grow
HALVINGS = 3


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an exception of a step means too little memory; torch raises no others than these two."""
    return isinstance(error, RuntimeError | MemoryError) and errors.is_out_of_memory(error)


def within_memory(session: Session, batch: Batch, attempt: Attempt) -> dict[str, Tensor]:
    """Return what an attempt makes of a batch; where memory doesn't suffice early in a run, in smaller parts.

    One of several ranks gives up at once: the others are in the middle of exchanges that a repetition would miss.
    At most three times in a run the micro-batch is halved. The new size is in the session's configuration, so in
    checkpoints, and in `session.notes`. What a failed attempt did to buffers, random states and the task is undone.

    Args:
        session: its configuration says how many examples may be passed at once.
        batch: examples of one phase.
        attempt: computes gradients for the parts of a batch and changes no weight.

    Raises:
        EnvironmentProblem: too little memory for an eighth of the micro-batch, or later in a run.
    """
    before = _State(session) if session.steps_here < EARLY_STEPS else None
    while True:
        size = min(session.config.train.micro_batch or len(batch), len(batch))
        try:
            return attempt(parts_of(batch, size))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        # Outside the handler: the exception's frames keep the tensors of the failed attempt alive.
        if before is None or joined() or session.halvings >= HALVINGS or size == 1:
            raise _gives_up(session, size, reason)
        before.restore()
        _halve(session, size)


def _halve(session: Session, size: int) -> None:
    half = (size + 1) // 2
    train = session.config.train.model_copy(update={"micro_batch": half})
    session.config = dataclasses.replace(session.config, train=train)
    session.halvings += 1
    session.notes.append(
        f"too little memory for {size} pictures at once: going on with {half} (train.micro_batch), "
        f"still {train.batch} a step"
    )


def _gives_up(session: Session, size: int, reason: str) -> EnvironmentProblem:
    train = session.config.train
    smaller = max(1, size // 2)
    fits = f"--set train.micro_batch={smaller}" if size > 1 else f"--resolution {max(4, train.resolution // 2)}"
    return EnvironmentProblem(
        f"too little memory for {size} pictures of {train.resolution} pixels at once ({reason})",
        where=f"step {session.step} on {session.device}",
        hint=f"{fits}: needs less and makes the same step" if size > 1 else f"{fits}, or narrower networks",
    )


class _State:
    """What a failed attempt may have changed: buffers, random states, the task's own tensors."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.random = rng.capture()
        self.buffers = [(buffer, buffer.clone()) for buffer in _buffers(session)]
        own = getattr(session.task, "state_tensors", None)
        self.task = {key: value.clone() for key, value in own().items()} if own is not None else {}

    @torch.no_grad()
    def restore(self) -> None:
        """Bring all of it back, and give freed memory to the device."""
        for buffer, value in self.buffers:
            buffer.copy_(value)
        if self.task:
            self.session.task.load_state_tensors(self.task)  # type: ignore[attr-defined]  # optional in the contract
        rng.restore(*self.random)
        for optimizer in self.session.optimizers.values():
            optimizer.zero_grad()
        gc.collect()
        if self.session.device.type == "cuda":
            torch.cuda.empty_cache()


def _buffers(session: Session) -> chain[Tensor]:
    return chain.from_iterable(network.buffers() for network in session.task.networks.values())
