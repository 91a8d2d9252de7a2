"""Watches a run: reads the monitors when due, keeps the best weights known, and acts on alarms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ganstyle.config import config_to_dict
from ganstyle.engine import checkpoint as checkpoints
from ganstyle.engine import collapse
from ganstyle.engine.collapse import LOW, Alarm, CollapseRules, remedies
from ganstyle.engine.distributed import leads, share
from ganstyle.engine.durable import read_json
from ganstyle.engine.events import Events
from ganstyle.engine.evidence import write_sheet
from ganstyle.engine.monitors import Diversity
from ganstyle.engine.recovery import Recovery
from ganstyle.engine.run import Run
from ganstyle.engine.session import Session
from ganstyle.engine.trial_evaluation import Interrupted, TrialEvaluation
from ganstyle.errors import DivergedError, GanstyleError, ModelError

ACCURACY = "discriminator/accuracy"


class Health:
    """Monitors, scores and alarms of a training.

    Attributes:
        is_new_best: whether the last evaluation was the best so far.
    """

    def __init__(self, session: Session, run: Run, events: Events, *, recovery: Recovery) -> None:
        self.session, self.run, self.events, self.recovery = session, run, events, recovery
        self.rules = CollapseRules()
        self.diversity: Diversity | None = None  # opened at the first reading: an encoder takes a while to load
        self.trial = TrialEvaluation(session, events) if session.config.train.eval_every_images else None
        self.is_new_best = False
        self._scored: tuple[float, bool] | None = None

    def begin(self) -> None:
        """Go on with what the session remembers: at the start, after a resume, after a rollback."""
        self.rules = CollapseRules.restored(self.session.watched.get("rules", {}))
        if self.session.config.train.on_collapse != "warn":
            self.rules.raised.clear()  # an alarm that was only told before is acted on now

    def is_due(self, before: int, *, last: bool) -> bool:
        """Return whether something is to be measured at this count; the same on every rank.

        Args:
            before: the image count before this step.
            last: whether this was the last step.
        """
        return last or self._preview_due(before) or self._score_due()

    def measure(
        self, before: int, *, last: bool = False, interrupted: Callable[[], bool] = lambda: False
    ) -> dict[str, float | None]:
        """Return the scalars that are due: `diversity`, `nearest_training`, `metric/...`; rank 0 alone measures.

        Args:
            before: the image count before this step.
            last: whether this was the last step; everything is due then.
            interrupted: true ends an evaluation, which the next start makes up for.
        """
        self.is_new_best, self._scored = False, None
        found: dict[str, float | None] = {}
        if leads() and (last or self._preview_due(before)) and self.session.config.train.preview_count:
            found |= self._read_monitors()
        if self._score_due() or (last and self.trial is not None and self._evaluated() != self.session.images):
            found |= self._score(interrupted) if leads() else {}
        return found

    def judge(self, scalars: Mapping[str, float | None]) -> bool:
        """Look for a collapse in a logged line; tell alarms and act as `train.on_collapse` says.

        Args:
            scalars: of the line; what is missing is not judged.

        Returns:
            False if the session went back to an earlier state.

        Raises:
            DivergedError: `stop`, or too many rollbacks.
        """
        found = self._alarms(scalars) if leads() else []
        self.session.watched = {**self.session.watched, "rules": vars(self.rules)}
        alarms = [[alarm.kind, alarm.message] for alarm in found]
        # Rank 0 alone measured: what is due next, and what a checkpoint says, follow from what it remembers.
        known = {"is_best": self.is_new_best, "best": self.session.best, "watched": self.session.watched}
        shared = share({"alarms": alarms, **known})
        self.is_new_best, self.session.best = shared["is_best"], shared["best"]
        self.session.watched = shared["watched"]
        return all(self._act(Alarm(*alarm)) for alarm in shared["alarms"])

    def _preview_due(self, before: int) -> bool:
        interval = self.session.config.train.preview_every_images
        return before // interval != self.session.images // interval

    def _score_due(self) -> bool:
        interval = self.session.config.train.eval_every_images
        return interval is not None and self._evaluated() // interval < self.session.images // interval

    def _evaluated(self) -> int:
        return int(self.session.watched.get("evaluated", 0))

    def _read_monitors(self) -> dict[str, float | None]:
        try:
            self.diversity = self.diversity or Diversity(self.session)
            found, nearest = {"diversity": self.diversity.read()}, self.diversity.nearest()
            return found if nearest is None else found | {"nearest_training": nearest}
        except (GanstyleError, RuntimeError) as error:  # a task that can't be sampled so: no reason to end a run
            self._tell_once("monitor", f"the variety of the pictures can't be measured: {error}")
            return {"diversity": None}

    def _tell_once(self, kind: str, message: str) -> None:
        if message not in self.session.watched.get("told", []):
            self.session.watched = {**self.session.watched, "told": [*self.session.watched.get("told", []), message]}
            self.events.tell(kind, message, **self._place)

    def _score(self, interrupted: Callable[[], bool]) -> dict[str, float | None]:
        if self.trial is None:
            return {}
        try:
            trial = self.trial.run(interrupted)
        except Interrupted:
            return {}
        session = self.session
        session.watched = {**session.watched, "evaluated": session.images}
        if trial.key:
            self._scored = (trial.value, trial.higher_is_better)
            score = {"images": session.images, "metric": trial.key, "value": trial.value, **trial.protocol}
            session.watched |= {"score": score}
            if trial.beats(session.best):
                session.best, self.is_new_best = score, True
        return trial.scalars

    def _alarms(self, scalars: Mapping[str, float | None]) -> list[Alarm]:
        rules, fraction = self.rules, self.session.fraction
        found: list[Alarm | None] = []
        if self.session.step < collapse.FIRST_STEPS:
            return []
        if (diversity := scalars.get("diversity")) is not None:
            found.append(rules.see_diversity(diversity, fraction=fraction))
        if (accuracy := scalars.get(ACCURACY)) is not None:
            found.append(rules.see_accuracy(accuracy, fraction=fraction))
        if self._scored is not None:
            found.append(rules.see_score(self._scored[0], higher_is_better=self._scored[1]))
        return [alarm for alarm in found if alarm is not None]

    def _act(self, alarm: Alarm) -> bool:
        sheet = self._sheet() if leads() else None
        shown = f" (see {sheet.relative_to(self.run.folder)})" if sheet else ""
        help_ = remedies(alarm.kind, config_to_dict(self.session.config))
        message = f"{alarm.message}, at {self.session.images} images{shown}"
        self.events.tell(alarm.kind, f"{message}. {help_}", **self._place)
        action = self.session.config.train.on_collapse
        if action == "stop":
            raise DivergedError(message, where=f"{self.run.folder}, step {self.session.step}", hint=help_)
        if action == "warn" or (alarm.kind == "stall" and self._hold_back()):
            return True
        return not self._go_back(alarm)

    def _hold_back(self) -> bool:
        """At the first stall, let the task hold D back from where it is; False if it can't, or did so already."""
        first = not self.session.watched.get("stalled")
        self.session.watched = {**self.session.watched, "stalled": True}
        stronger = self.session.strengthen(self.session.strength + 1) if first else ""
        if stronger:
            self.events.tell("stall", f"going on with {stronger}", **self._place)
        return bool(stronger)

    def _go_back(self, alarm: Alarm) -> bool:
        """Return to the best or the last good checkpoint; False if there is none."""
        good = share(str(path) if (path := self._good_checkpoint()) else None) if leads() else share()
        if good is None:
            self.events.tell("rollback", "no checkpoint from before the collapse is left: going on", **self._place)
            return False
        self.recovery.roll_back(alarm.message, to=Path(good))
        self.rules.raised.clear()
        return True

    def _good_checkpoint(self) -> Path | None:
        present = {checkpoints.images_of(path): path for path in checkpoints.list_checkpoints(self.run)}
        best = present.get(self.session.best.get("images", -1))
        candidates = [path for images, path in sorted(present.items(), reverse=True) if images < self.session.images]
        return next((path for path in [best, *candidates] if path is not None and _is_good(path)), None)

    def _sheet(self) -> Path | None:
        try:
            self.diversity = self.diversity or Diversity(self.session)
            pictures = self.diversity.pictures()
        except (GanstyleError, RuntimeError):  # the alarm counts, not its picture
            return None
        return write_sheet(self.run.folder / "collapse" / f"{self.session.images:09d}.png", pictures)

    @property
    def _place(self) -> dict[str, Any]:
        return {"step": self.session.step, "images": self.session.images}


def _is_good(path: Path) -> bool:
    """Tell whether nothing was wrong when a checkpoint was made, as far as was known then."""
    try:
        checkpoints.verify(path)
        rules = CollapseRules.restored(read_json(path / checkpoints.STATE).get("watched", {}).get("rules", {}))
    except (ModelError, OSError, TypeError):
        return False
    return not rules.raised and (not rules.diversity or rules.diversity[-1] >= LOW)
