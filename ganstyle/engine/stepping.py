"""One step of a session: schedules, every phase, the averages, the counters."""

from __future__ import annotations

from functools import partial

from torch import Tensor

from ganstyle.api import Batch
from ganstyle.engine.loop import train_step
from ganstyle.engine.memory import within_memory
from ganstyle.engine.session import Session
from ganstyle.nn.ranks import world_size


def advance(session: Session, batch: Batch) -> dict[str, Tensor]:
    """Make one step: set what follows the budget, run every phase that is due, move the averages, count.

    Args:
        session: changed in place: networks, optimizers, averages, `step` and `images`.
        batch: this rank's share of the step, on the session's device; images are counted over all ranks.

    Returns:
        Loss name to detached scalar, still on the device; nothing here waits for it.

    Raises:
        EnvironmentProblem: too little memory, even for smaller parts of the batch.
    """
    train, shown = session.config.train, len(batch) * world_size()
    progress = getattr(session.task, "progress", None)
    if progress is not None:
        progress(session.fraction)
    for optimizer in session.optimizers.values():
        optimizer.set_fraction(session.fraction, session.lr_scale, images=session.images + shown)
    losses = train_step(
        session.task,
        batch,
        session.step,
        optimizers=session.optimizers,
        precision=train.precision,
        within=partial(within_memory, session),
    )
    session.step, session.steps_here = session.step + 1, session.steps_here + 1
    session.images += shown
    session.averaged.update(session.images, shown)
    return losses
