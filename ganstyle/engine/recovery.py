"""Non-finite updates: told, skipped, and after three in a row undone by going back to a checkpoint."""

from __future__ import annotations

from ganstyle.engine import checkpoint as checkpoints
from ganstyle.engine.reporting import Reporter
from ganstyle.engine.run import Run
from ganstyle.engine.session import Session
from ganstyle.errors import DivergedError

PATIENCE = 3  # skipped updates in a row before a rollback, and rollbacks before giving up


class Recovery:
    """Reads the guards of the optimizers and brings a session back to its last good state.

    Attributes:
        rollbacks: how often it had to.
    """

    def __init__(self, session: Session, run: Run, reporter: Reporter) -> None:
        self.session, self.run, self.reporter = session, run, reporter
        self.rollbacks = 0
        self._skips: dict[str, int] = {}

    def healthy(self) -> bool:
        """Tell skipped updates; roll back after three in a row. Reading the guard waits for the device."""
        train = self.session.config.train
        if self.session.device.type != "cpu" and self.session.step % train.log_every_steps:
            return True
        for name, optimizer in self.session.optimizers.items():
            consecutive, total, last = optimizer.read_guard()
            if total > self._skips.get(name, 0):
                self.reporter.say(
                    f"non-finite gradient in phase {name!r} at step {last}: update skipped, {total} so far"
                )
            self._skips[name] = total
            if consecutive >= PATIENCE:
                self.roll_back(name, last)
                return False
        return True

    def roll_back(self, phase: str, step: int) -> None:
        """Return to the newest checkpoint with half the rate, or give up.

        Raises:
            DivergedError: no checkpoint yet, or too many rollbacks.
        """
        self.rollbacks += 1
        found = checkpoints.newest_valid(self.run) if self.rollbacks <= PATIENCE else None
        if found is None:
            raise DivergedError(
                f"phase {phase!r} gave non-finite gradients {PATIENCE} times in a row",
                where=f"{self.run.folder}, step {step}",
                hint="lower the rate: --set optimizer.lr=1e-4, or another loss or regularizer",
            )
        scale = self.session.lr_scale * 0.5
        self.session.load(found.model, found.train, found.state)
        self.session.lr_scale = scale
        self._skips = {}
        self.reporter.say(f"rolled back to {self.session.images} images, learning rate x{scale:g}")
