"""Non-finite values: named, never applied, and after three in a row undone by going back to a checkpoint."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from ganstyle.data.writing import to_uint8
from ganstyle.engine import checkpoint as checkpoints
from ganstyle.engine.distributed import leads
from ganstyle.engine.events import Events
from ganstyle.engine.evidence import write_bundle
from ganstyle.engine.following import newest_for_all, shared_checkpoint
from ganstyle.engine.run import Run
from ganstyle.engine.running_state import RunningState
from ganstyle.engine.session import Session
from ganstyle.errors import DivergedError, GanstyleError

PATIENCE = 3  # skipped updates in a row before a rollback, and rollbacks before giving up
RATE_FACTOR = 0.5  # of the learning rate, at each rollback
NAMED = 4  # pictures named in a message; the bundle has all


@dataclass(frozen=True)
class Trouble:
    """A step whose update was not applied.

    Attributes:
        phase: whose update.
        step: counted from 0.
        before: images shown before that step.
        terms: the losses that were not finite, by log key; empty if only the gradient was not.
        norms: gradient norms by phase.
        names: the pictures of the batch.
    """

    phase: str
    step: int
    before: int
    terms: dict[str, float] = field(default_factory=dict)
    norms: dict[str, float] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)

    @property
    def cause(self) -> str:
        """Return the terms that are to blame, in words."""
        terms = [f"{name} is {value}" for name, value in self.terms.items()]
        return ", ".join(terms) or f"the gradient of {self.phase} is {self.norms.get(self.phase, math.nan)}"

    def __str__(self) -> str:
        rest = f" and {len(self.names) - NAMED} more" if len(self.names) > NAMED else ""
        pictures = f"; pictures {', '.join(self.names[:NAMED])}{rest}" if self.names else ""
        return f"non-finite values in phase {self.phase!r} at step {self.step}: {self.cause}{pictures}"


class Recovery:
    """Reads the guards of the optimizers and brings a session back to its last good state.

    Attributes:
        in_trouble: whether the last update of a phase was skipped; a checkpoint made now is no good state.
    """

    def __init__(self, session: Session, run: Run, events: Events) -> None:
        self.session, self.run, self.events = session, run, events
        # The guards are read once per line of the log on a GPU: until then, what happened must stay at hand.
        interval = 1 if session.device.type == "cpu" else session.config.train.log_every_steps
        self._interval = interval
        self._recent: deque[tuple[int, Mapping[str, Tensor], Mapping[str, Tensor]]] = deque(maxlen=interval)
        self._running = RunningState(session)
        self._skips: dict[str, int] = {}
        self.begin()

    def begin(self) -> None:
        """Take the session as it is for healthy: at the start, after a resume, after a rollback."""
        self._skips = {name: optimizer.read_guard()[1] for name, optimizer in self.session.optimizers.items()}
        self.in_trouble = False
        self._recent.clear()
        self._running.keep()

    @property
    def skipped(self) -> int:
        """Return how many updates were not applied so far, as far as the guards were read."""
        return sum(self._skips.values())

    def note(self, losses: Mapping[str, Tensor]) -> None:
        """Remember a step that was just made; nothing waits for the device."""
        norms = {name: optimizer.norm for name, optimizer in self.session.optimizers.items()}
        self._recent.append((self.session.step - 1, losses, norms))

    def healthy(self) -> bool:
        """Tell updates that were skipped; roll back after three in a row and return False.

        Raises:
            DivergedError: no checkpoint to go back to, or too many rollbacks.
        """
        if self.session.step % self._interval:
            return True
        guards = {name: optimizer.read_guard() for name, optimizer in self.session.optimizers.items()}
        fresh = [name for name, (_, total, _) in guards.items() if total > self._skips.get(name, 0)]
        self._skips = {name: total for name, (_, total, _) in guards.items()}
        self.in_trouble = any(consecutive for consecutive, _, _ in guards.values())
        if not fresh:
            if self.session.step % self.session.config.train.log_every_steps == 0:
                self._running.keep()
            return True
        troubles = [self._trouble(name, guards[name][2]) for name in fresh]
        for trouble in troubles:
            self._tell(trouble, guards[trouble.phase][1])
        self._running.mend()
        worst = max(troubles, key=lambda trouble: guards[trouble.phase][0])
        if guards[worst.phase][0] < PATIENCE:
            return True
        self.roll_back(f"{worst.cause}, {PATIENCE} times in a row", trouble=worst)
        return False

    def roll_back(self, reason: str, *, trouble: Trouble | None = None, to: Path | None = None) -> None:
        """Return to a checkpoint with half the rate and other random numbers, or give up.

        Args:
            reason: in words.
            trouble: what happened last; its evidence is kept. None if all values are finite.
            to: the checkpoint, after an alarm: then D is held back more strongly too, as the task knows how
                (`TaskLike.strengthen`). None is the newest valid one, after values that are no numbers.

        Raises:
            DivergedError: no checkpoint yet, or too many rollbacks; `diverged/` then holds the evidence.
        """
        bundle = None if trouble is None else self._bundle(trouble)
        rollbacks, scale = self.session.rollbacks, self.session.lr_scale * RATE_FACTOR
        strength = self.session.strength + (to is not None)
        found = newest_for_all(self.run) if to is None else shared_checkpoint(_loaded(to))
        if found is None or rollbacks >= PATIENCE:
            raise self._gave_up(reason, bundle)
        self.session.load(found.model, found.train, found.state)
        self.session.rollbacks, self.session.lr_scale = rollbacks, scale
        stronger = self.session.strengthen(strength)
        self.session.draw_anew()
        for optimizer in self.session.optimizers.values():
            optimizer.guard[0] = 0  # three in a row are counted anew
        self.begin()
        images = self.session.images
        others = ", ".join(filter(None, (f"learning rate x{scale:g}", stronger, "other random numbers")))
        message = f"{reason}: rolled back to {images} images, {others}"
        self.events.tell("rollback", message, step=self.session.step, images=images, rollbacks=rollbacks + 1)

    def _gave_up(self, reason: str, bundle: Path | None) -> DivergedError:
        tried = self.session.rollbacks
        how = f"after {tried} rollbacks" if tried else "and there is no checkpoint yet to go back to"
        lower = f"--set optimizer.lr={self.session.config.optimizer.lr / 4:g}"
        return DivergedError(
            f"training diverged: {reason}, {how}",
            where=f"{self.run.folder}, step {self.session.step}" + (f"; evidence: {bundle}" if bundle else ""),
            hint=f"begin anew with a lower rate ({lower}) or clipped gradients (--set optimizer.clip_norm=1)",
        )

    def _tell(self, trouble: Trouble, total: int) -> None:
        facts = {"step": trouble.step, "images": trouble.before, "pictures": trouble.names}
        self.events.tell("non_finite", f"{trouble}; update skipped, {total} so far", **facts)

    def _trouble(self, phase: str, step: int) -> Trouble:
        losses, norms = next(((terms, norms) for at, terms, norms in self._recent if at == step), ({}, {}))
        own = {name: float(value) for name, value in losses.items() if name.split("/")[0] == phase}
        bad = {name: value for name, value in own.items() if not math.isfinite(value)}
        # A part explains its sum: the penalty is named before the loss that holds it.
        terms = dict(sorted(bad.items(), key=lambda item: item[0] == phase))
        before = self.session.images - (self.session.step - step) * self.session.config.train.batch
        names = self.session.names(before)
        return Trouble(phase, step, before, terms, {name: float(norm) for name, norm in norms.items()}, names)

    def _bundle(self, trouble: Trouble) -> Path | None:
        if not leads():
            return None
        session = self.session
        facts = {"phase": trouble.phase, "step": trouble.step, "images": trouble.before, "cause": trouble.cause}
        facts |= {"terms": trouble.terms, "gradient_norms": trouble.norms, "lr_scale": session.lr_scale}
        facts |= {"rollbacks": session.rollbacks, "weights_not_finite": self._bad_weights()}
        return write_bundle(self.run.folder, facts, pictures=self._pictures(trouble), names=trouble.names)

    def _bad_weights(self) -> list[str]:
        weights = self.session.tensors()[0]
        return [name for name, value in weights.items() if not bool(torch.isfinite(value).all())]

    def _pictures(self, trouble: Trouble) -> Tensor | None:
        session = self.session
        loader = session.loader(batch=session.config.train.batch, counter=trouble.before, seed=session.data_seed)
        try:
            return to_uint8(next(loader)["images"])
        except (GanstyleError, KeyError, RuntimeError):  # evidence only: data that is no picture, or has gone
            return None


def _loaded(path: Path) -> checkpoints.Checkpoint | None:
    return checkpoints.load(path) if leads() else None
