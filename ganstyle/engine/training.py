"""A whole run: steps, and between them logging, previews, checkpoints, rollbacks and stopping."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from ganstyle.api import Batch, TaskLike
from ganstyle.config import Config, config_to_dict
from ganstyle.engine import checkpoint as checkpoints
from ganstyle.engine import transfer_start
from ganstyle.engine.callbacks import Callbacks
from ganstyle.engine.distributed import explained, leads, meet, share_states
from ganstyle.engine.events import Events
from ganstyle.engine.following import Unwritten, announce, begin_together, newest_for_all, requests
from ganstyle.engine.generation import MODEL_FILE
from ganstyle.engine.health import Health
from ganstyle.engine.keeping import Keeper
from ganstyle.engine.logging import ScalarLog
from ganstyle.engine.promise import promise
from ganstyle.engine.recovery import Recovery
from ganstyle.engine.reporting import Reporter, Silent, Steady
from ganstyle.engine.run import Run
from ganstyle.engine.session import Session, fingerprint, open_session
from ganstyle.engine.signals import StopRequest
from ganstyle.engine.stepping import advance
from ganstyle.errors import DivergedError, EnvironmentProblem, GanstyleError, Stopped, UsageError
from ganstyle.nn.ranks import mean_over_ranks
from ganstyle.registry import Registry

REPORT_SECONDS = 60.0  # at least, between two reports of a run that goes on


@dataclass(frozen=True)
class FitResult:
    """What a run leaves.

    Attributes:
        folder: the run's folder.
        images: training images shown in all.
        model: the model file with the averaged networks.
        preview: the newest grid of pictures, if one could be written.
        notes: what the user should know.
    """

    folder: Path
    images: int
    model: Path
    preview: Path | None
    notes: tuple[str, ...] = ()


def fit(
    config: Config,
    *,
    registry: Registry,
    run: Run,
    resume: str = "auto",
    allow_changes: bool = False,
    reporter: Reporter | None = None,
    session: Session | None = None,
    until_images: int | None = None,
) -> FitResult:
    """Train until the budget of images is spent.

    Args:
        config: resolved and validated.
        registry: where its components come from.
        run: the run's folder, locked by the caller.
        resume: `auto` goes on from the newest valid checkpoint of the run, `none` starts anew.
        allow_changes: resume although the data changed.
        reporter: told about progress; one that fails is not asked again.
        session: the configuration's, freshly opened, for callers that opened it to see whether it can be.
        until_images: pause at this count, saved, although the budget is larger.

    Raises:
        Stopped: by a signal, after saving (exit 75).
        DivergedError: non-finite values again and again, or a collapse with `train.on_collapse=stop` (exit 7).
        ModelError: every checkpoint of the run is damaged (exit 5).
        EnvironmentProblem: too small a disk, three saves failed in a row, or the last one (exit 6).
        UsageError: the data changed since the checkpoint.
    """
    with StopRequest() as stop:
        try:
            order = {"resume": resume, "allow_changes": allow_changes, "until_images": until_images}
            announce(config=config_to_dict(config), folder=str(run.folder), **order)
            opened = session or open_session(config, registry)
            begin_together(opened)
            training = Training(opened, run, Steady(reporter or Silent()), until_images=until_images)
            training.prepare(resume, allow_changes)
            return training.train(stop)
        except Stopped:
            raise
        except Exception as error:
            cause = explained(error)
            _mark_failed(run, cause)
            if cause is error:
                raise
            raise cause from error


def _mark_failed(run: Run, error: Exception) -> None:
    known = error if isinstance(error, GanstyleError) else GanstyleError(f"{type(error).__name__}: {error}")
    state = "diverged" if known.code == DivergedError.code else "failed"
    with contextlib.suppress(EnvironmentProblem):  # the disk may be why it failed
        run.write_status(state, code=known.code, reason=known.message, rank=getattr(error, "rank", 0))


class Training:
    """A session at work in a run's folder.

    Attributes:
        target: the image count at which it ends or pauses.
    """

    def __init__(self, session: Session, run: Run, reporter: Reporter, *, until_images: int | None = None) -> None:
        self.session, self.run, self.reporter = session, run, reporter
        budget = session.config.train.images
        self.target = budget if until_images is None else min(budget, until_images)
        self.callbacks = Callbacks(session.config, session.registry, reporter)
        # Opened once it is known where the run goes on: what was logged beyond is dropped.
        self.log: ScalarLog | Unwritten = Unwritten()
        self.keeper = Keeper(session, run, reporter)
        self.events = Events(run.folder, reporter)
        self.recovery = Recovery(session, run, self.events)
        self.health = Health(session, run, self.events, recovery=self.recovery)

    @property
    def folder(self) -> Path:
        """Return the run's folder; with `config` and `task`, what callbacks may rely on."""
        return self.run.folder

    @property
    def config(self) -> Config:
        """Return the configuration."""
        return self.session.config

    @property
    def task(self) -> TaskLike:
        """Return what is trained."""
        return self.session.task

    def prepare(self, resume: str, allow_changes: bool) -> None:
        """Clear away what a killed process left, go on from where it was, and look for enough disk.

        Raises:
            EnvironmentProblem: the disk can't hold the checkpoints to come.
        """
        for note in checkpoints.sweep(self.run) if leads() else []:
            self.reporter.say(note)
        if resume != "none":
            self.restore(allow_changes)
        self.start()
        self.recovery.begin()
        self.health.begin()
        self.log = self._opened_log()
        weights = sum(value.nbytes for value in self.session.tensors()[0].values())
        trained = sum(p.nbytes for optimizer in self.session.optimizers.values() for p in optimizer.parameters.values())
        self.run.require_space(weights + 2 * trained, self.session.config.train.keep)  # Adam: two moments

    def start(self) -> None:
        """Take over the weights that `train.init_from` names, unless the run has gone beyond its start."""
        place = self.session.config.train.init_from
        if place is None or self.session.images:
            return
        if leads():
            source = transfer_start.read_source(Path(place))
            self.reporter.say(transfer_start.start_from(self.session, source))
            self.run.write_status("created", init_from=transfer_start.provenance(source))
        share_states([*self.session.task.networks.values(), *self.session.averaged.networks.values()])

    def restore(self, allow_changes: bool = False) -> None:
        """Go on from the newest valid checkpoint, if the run has any.

        Raises:
            UsageError: the data changed, and that was not allowed.
        """
        found = newest_for_all(self.run)
        if found is None:
            return
        for note in found.notes:
            self.reporter.say(note)
        if not allow_changes and found.state.get("data") != fingerprint(self.session.dataset):
            raise UsageError(
                "the data changed since the run was saved",
                where=f"data.{self.session.config.data.name}",
                hint="bring it back as it was, or --override to go on; the promise is then `approximate`",
            )
        missing = self.session.load(found.model, found.train, found.state)
        self.keeper.saved_images = self.session.images
        task = self.session.task
        uses_progress = getattr(task, "follows_budget", hasattr(task, "progress"))
        current = self.session.facts() | {"missing": missing, "uses_progress": uses_progress}
        level, reasons = promise(found.state, current)
        self.run.write_status("running", promise=level, promise_reasons=reasons)
        why = f" ({'; '.join(reasons)})" if reasons else ""
        self.reporter.say(f"resumed at {self.session.images} images from {found.path.name}: {level}{why}")

    def _opened_log(self) -> ScalarLog | Unwritten:
        return ScalarLog(self.run.folder, images=self.session.images) if leads() else Unwritten()

    def train(self, stop: StopRequest) -> FitResult:
        """Run steps until the budget is spent or a signal asks to stop."""
        session, train = self.session, self.session.config.train
        self.run.write_status("running", step=session.step, images=session.images)
        if session.images >= train.images:
            self.reporter.say(f"already at {session.images} images; for more, raise --images")
        for warning in session.warnings:
            self.reporter.say(f"warning: {warning}")
        self.callbacks.start(self)
        self.reporter.update(session.images)
        self._started = (time.monotonic(), session.images)
        while session.images < self.target:
            for batch in session.batches():
                before = session.images
                losses = self.step(batch)
                self.recovery.note(losses)
                self.reporter.update(session.images)
                if not (self.recovery.healthy() and self.observe(before, losses, stop) and self.keep(before, stop)):
                    self.went_back()
                    break  # the loader starts again at the restored count
                self.keeper.tell_bad_files()
                if session.images >= self.target:
                    break
        return self.finish() if session.images >= train.images else self.pause()

    def observe(self, before: int, losses: dict[str, torch.Tensor], stop: StopRequest) -> bool:
        """Measure, log and judge when due; return False if an alarm sent the session back.

        Args:
            before: the image count before this step.
            losses: of this step.
            stop: ends a long measurement early.

        Raises:
            DivergedError: a collapse that is to end the run; the run is saved.
        """
        train, last = self.session.config.train, self.session.images >= self.target
        due, measured = self.health.is_due(before, last=last), {}
        if due:
            measured = self.health.measure(before, last=last, interrupted=lambda: stop.requested)
            meet()
        if not due and not self.crossed(before, train.log_every_steps * train.batch):
            return True
        scalars = self.report(losses, measured)
        try:
            stayed = self.health.judge(scalars)
        except DivergedError:
            self.keeper.save()
            raise
        return stayed and (not self.health.is_new_best or self.keep_best())

    def keep_best(self) -> bool:
        """Save the best weights so far, as a checkpoint and as a model file; return False if that sent them back."""
        self.health.is_new_best = False
        if not self.save():
            return False
        self.keeper.export_best()
        return True

    def save(self) -> bool:
        """Write a checkpoint; weights that are no numbers send the session back instead: then False.

        Raises:
            EnvironmentProblem: three saves failed in a row.
            DivergedError: nothing to go back to, or too many rollbacks.
        """
        try:
            self.keeper.save()
        except checkpoints.NonFinite as error:
            self.recovery.roll_back(error.message)
            return False
        return True

    def went_back(self) -> None:
        """After a rollback: what was logged and saved beyond belongs to a branch that was left."""
        self.keeper.saved_images = self.session.images
        self.health.begin()
        self.log = self._opened_log()
        self.reporter.update(self.session.images)

    def step(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Make one step and move the averages; tell and store what it had to change by itself."""
        losses = advance(self.session, batch)
        if self.session.notes:
            self.tell_notes()
        return losses

    def tell_notes(self) -> None:
        """Tell what a step changed in the configuration, and store it with the run."""
        for note in self.session.notes:
            self.reporter.say(note)
        self.session.notes.clear()
        if leads():
            self.run.write_config(config_to_dict(self.session.config))

    def crossed(self, before: int, interval: int) -> bool:
        """Return whether the image count passed a multiple of the interval since `before`."""
        return interval > 0 and before // interval != self.session.images // interval

    def report(self, losses: dict[str, torch.Tensor], measured: Mapping[str, float | None]) -> dict[str, float | None]:
        """Write and tell the scalars; the only place where a step's values are read.

        Args:
            losses: of the step, on the device.
            measured: further values of this line.

        Returns:
            All of them; None for what is no number.
        """
        session, (since, first) = self.session, self._started
        rate = max(0, session.images - first) / max(time.monotonic() - since, 1e-9)
        named = dict(losses)
        for optimizer in session.optimizers.values():
            named |= optimizer.scalars()
        values = torch.stack([value.float().reshape(()) for value in named.values()])
        scalars = dict(zip(named, mean_over_ranks(values).tolist(), strict=True))  # sync: once per log
        facts = {"step": session.step, "images": session.images, "images_per_second": round(rate, 2)}
        facts["non_finite"] = self.recovery.skipped
        # JSON knows no NaN; what it was is in events.jsonl.
        line = {name: value if math.isfinite(value) else None for name, value in scalars.items()} | dict(measured)
        self.log.write(facts | line)
        for optimizer in session.optimizers.values():
            for warning in optimizer.warnings(scalars):
                self.reporter.say(warning)
        self.callbacks.step(session.step, scalars)
        self.reporter.update(session.images, **{name: scalars[name] for name in session.optimizers if name in scalars})
        return line

    def keep(self, before: int, stop: StopRequest) -> bool:
        """Preview and save when due; stop when asked; return False if bad weights sent the session back.

        Raises:
            Stopped: after saving.
        """
        train = self.session.config.train
        if self.crossed(before, train.preview_every_images):
            self.keeper.preview()
            self.keeper.describe(every_s=REPORT_SECONDS)
        asked, save = requests(stop)
        due = self.crossed(before, train.save_every_images) and not self.recovery.in_trouble
        stayed = self.save() if asked or save or due else True
        if asked:
            self.stopped(stop.reason)
        return stayed

    def stopped(self, reason: str) -> None:
        """Leave the run resumable.

        Args:
            reason: the signal's name.

        Raises:
            Stopped: always.
        """
        run, images = self.run, self.session.images
        saved = "the run is saved" if self.keeper.saved_images == images else "this point could NOT be saved"
        run.write_status("preempted", code=Stopped.code, reason=reason, step=self.session.step, images=images)
        raise Stopped(
            f"stopped at {images} images by {reason}; {saved}", where=str(run.folder), hint=run.resume_command
        )

    def pause(self) -> FitResult:
        """Save at a count below the budget and mark the run as paused."""
        self.keeper.preview()
        self.keeper.save(patience=1)
        session = self.session
        self.run.write_status("paused", step=session.step, images=session.images)
        return FitResult(self.run.folder, session.images, self.run.folder / MODEL_FILE, self.keeper.preview_path)

    def finish(self) -> FitResult:
        """Save, preview and mark the run as done."""
        self.keeper.preview()
        self.keeper.save(patience=1)
        self.keeper.export()  # also when the checkpoint was the last thing that a killed process wrote
        self.callbacks.end(self)
        session = self.session
        self.run.write_status("finished", code=0, step=session.step, images=session.images)
        self.keeper.describe()
        self.keeper.animate()
        return FitResult(self.run.folder, session.images, self.run.folder / MODEL_FILE, self.keeper.preview_path)
