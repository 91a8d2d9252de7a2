"""One step of a session: schedules, every phase, the averages, the counters."""

from __future__ import annotations

from torch import Tensor

from ganstyle.api import Batch
from ganstyle.engine.loop import train_step
from ganstyle.engine.precision import autocast
from ganstyle.engine.session import Session
from ganstyle.nn.ranks import world_size


def advance(session: Session, batch: Batch) -> dict[str, Tensor]:
    """Make one step: set what follows the budget, run every phase that is due, move the averages, count.

    Args:
        session: changed in place: networks, optimizers, averages, `step` and `images`.
        batch: this rank's share of the step, on the session's device; images are counted over all ranks.

    Returns:
        Loss name to detached scalar, still on the device; nothing here waits for it.
    """
    train, shown = session.config.train, len(batch) * world_size()
    progress = getattr(session.task, "progress", None)
    if progress is not None:
        progress(session.fraction)
    for optimizer in session.optimizers.values():
        optimizer.set_fraction(session.fraction, session.lr_scale, images=session.images + shown)
    with autocast(session.device, train.precision):
        losses = train_step(
            session.task, batch, session.step, optimizers=session.optimizers, micro_batch=train.micro_batch
        )
    session.step += 1
    session.images += shown
    session.averaged.update(session.images, shown)
    return losses
