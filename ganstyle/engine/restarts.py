"""Several short starts with different seeds; the best goes on (successive halving, arXiv:1502.07943).

The starts are runs of their own below `<run>/starts/`; `plan.json` there holds what is decided. Each trains with the
schedules of the whole budget, so the winner continues exactly as if it had been alone from the beginning.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from ganstyle.config import Config, Selection, config_to_dict
from ganstyle.engine import checkpoint as checkpoints
from ganstyle.engine.durable import dump_json, read_json, replace_synced
from ganstyle.engine.events import FILE_NAME as EVENTS
from ganstyle.engine.events import Events
from ganstyle.engine.logging import FILE_NAME as SCALARS
from ganstyle.engine.logging import read_scalars
from ganstyle.engine.reporting import Reporter, Silent, Steady
from ganstyle.engine.run import Run
from ganstyle.engine.session import Session, open_session
from ganstyle.engine.training import FitResult, fit
from ganstyle.engine.trial_evaluation import DEFAULT_METRIC, TrialEvaluation
from ganstyle.errors import DivergedError, GanstyleError, Stopped
from ganstyle.registry import Registry

ROUND_SHARE = 0.05  # of the budget, for each round of each start
OVERHEAD = 0.20  # of the budget: what the starts that are given up may cost together
SCORED = 500  # pictures
UNKNOWN = 1e30  # the score of a start that nothing could judge; JSON has no infinity
FOLDER, PLAN = "starts", "plan.json"

Score = Callable[[Session, Run], float]


@dataclass
class Start:
    """One of the short trainings.

    Attributes:
        seed: of weights, chance and order of pictures.
        scores: after each round it took part in; lower is better.
        images: how far it came.
        reason: why it was given up; empty while it is in the field.
    """

    seed: int
    scores: list[float]
    images: int = 0
    reason: str = ""


def round_images(count: int, budget: int, batch: int) -> int:
    """Return how many images a round of each start has: 5 % of the budget, less if the losers would cost over 20 %.

    Args:
        count: starts.
        budget: images of the whole run.
        batch: a round is a whole number of them, at least one.
    """
    share = min(ROUND_SHARE, OVERHEAD / max(1, wasted_rounds(count)))
    return max(1, int(share * budget / batch)) * batch


def wasted_rounds(count: int) -> int:
    """Return how many rounds the starts that are given up take together, when the field is halved after each."""
    total, done = 0, 0
    while count > 1:
        done += 1
        kept = (count + 1) // 2
        total += (count - kept) * done
        count = kept
    return total


def pending(run: Run) -> int:
    """Return the number of starts of a run whose choice is not finished; 0 if there is nothing to choose."""
    if not (run.folder / FOLDER / PLAN).is_file():
        return 0
    plan = read_json(run.folder / FOLDER / PLAN)
    return 0 if plan.get("winner") is not None else len(plan.get("starts", []))


def train_with_restarts(
    config: Config,
    *,
    registry: Registry,
    run: Run,
    restarts: int,
    reporter: Reporter | None = None,
    score: Score | None = None,
    **options: Any,
) -> FitResult:
    """Train several short starts, give up the worse half again and again, and finish the best as this run.

    An interrupted choice goes on where it was: what is scored stays scored.

    Args:
        config: of the run; the starts take its seed and those that follow it.
        registry: where its components come from.
        run: the run's folder, locked by the caller.
        restarts: how many starts; 1 or fewer is plain training.
        reporter: told about progress.
        score: judges a start, lower is better; None is `score_of`.
        options: further arguments of `fit`, for the training that goes on.

    Raises:
        DivergedError: every start diverged.
        Stopped: by a signal, after saving; the same command goes on.
        Exception: as `fit`.
    """
    told = Steady(reporter or Silent())
    field = _Field(config, registry=registry, run=run, reporter=told, score=score or score_of)
    begun = bool(checkpoints.list_checkpoints(run))
    if max(restarts, pending(run)) > 1 and not begun and _winner(run) is None:
        options.pop("session", None)  # it has the weights of one seed only
        try:
            field.choose(restarts)
        except GanstyleError as error:
            state = {DivergedError.code: "diverged", Stopped.code: "preempted"}.get(error.code, "failed")
            run.write_status(state, code=error.code, reason=error.message)
            raise
    winner = _winner(run)
    if winner is not None:
        config = field.adopt(winner) if not begun else _seeded(config, winner)
    return fit(config, registry=registry, run=run, reporter=told, **options)


def score_of(session: Session, run: Run) -> float:
    """Return the Fréchet distance on EfficientNet-Lite0 features to the data, or, without them, one minus diversity.

    Args:
        session: of the start, trained.
        run: its folder.

    Returns:
        Lower is better; `UNKNOWN` for a start without any measure.
    """
    if DEFAULT_METRIC in session.registry.names("metric"):
        plain = replace(session.config, metric=(Selection(DEFAULT_METRIC),))
        trial = TrialEvaluation(replace(session, config=plain), Events(run.folder, Silent()), count=SCORED).run()
        if trial.key:
            return trial.value
    readings = [line["diversity"] for line in read_scalars(run.folder) if line.get("diversity") is not None]
    return abs(1.0 - readings[-1]) if readings else UNKNOWN


class _Field:
    """The starts that are still compared."""

    def __init__(self, config: Config, *, registry: Registry, run: Run, reporter: Reporter, score: Score) -> None:
        self.config, self.registry, self.run, self.reporter, self.score = config, registry, run, reporter, score
        self.folder = run.folder / FOLDER
        self.starts: list[Start] = []

    def choose(self, count: int) -> None:
        """Train, score and halve until one is left, and write down which.

        Args:
            count: starts; a choice that was begun keeps its own number.
        """
        self.starts = self._planned(count)
        self._write()
        step = round_images(len(self.starts), self.config.train.images, self.config.train.batch)
        done = 0
        while len(self._left()) > 1:
            done += 1
            for start in self._left():
                if len(start.scores) < done:
                    self._advance(start, min(done * step, self.config.train.images))
            self._halve(done)
        self._write(self._left()[0].seed)

    def _left(self) -> list[Start]:
        return [start for start in self.starts if not start.reason]

    def _planned(self, count: int) -> list[Start]:
        if (self.folder / PLAN).is_file():
            return [Start(**start) for start in read_json(self.folder / PLAN)["starts"]]
        self.folder.mkdir(exist_ok=True)
        return [Start(self.config.train.seed + number, []) for number in range(count)]

    def _write(self, winner: int | None = None) -> None:
        plan = {"starts": [asdict(start) for start in self.starts], "winner": winner}
        replace_synced(self.folder / PLAN, dump_json(plan))
        self.run.write_status("running", restarts=plan)

    def _run_of(self, start: Start) -> Run:
        """Return the folder of a start; it holds the number of its seed, so that a restarted choice finds it."""
        run = Run(self.folder / f"{self.starts.index(start) + 1:04d}-seed-{start.seed}")
        if not (run.folder / "config.json").is_file():
            run.checkpoints.mkdir(parents=True, exist_ok=True)
            run.write_config(config_to_dict(_seeded(self.config, start.seed)))
        return run

    def _advance(self, start: Start, images: int) -> None:
        """Train a start further and score it; one that diverges is given up."""
        run, config = self._run_of(start), _seeded(self.config, start.seed)
        self.reporter.say(
            f"start {self.starts.index(start) + 1} of {len(self.starts)}, seed {start.seed}: to {images} images"
        )
        try:
            with run.lock():
                session = open_session(config, self.registry)
                result = fit(
                    config,
                    registry=self.registry,
                    run=run,
                    reporter=self.reporter,
                    session=session,
                    until_images=images,
                )
            start.images = result.images
            start.scores.append(self.score(session, run))
        except DivergedError as error:
            start.reason = f"diverged: {error.message}"
            if not self._left():
                raise DivergedError(
                    f"every one of {len(self.starts)} starts diverged; the last: {error.message}",
                    where=error.where,
                    hint=error.hint,
                ) from error
        except Stopped as stopped:
            raise Stopped(stopped.message, where=str(self.run.folder), hint=self.run.resume_command) from None
        self._write()

    def _halve(self, done: int) -> None:
        left = sorted(self._left(), key=lambda start: start.scores[-1])
        kept = (len(left) + 1) // 2 if len(left) > 1 else 1
        for start in left[kept:]:
            best = left[0]
            start.reason = f"round {done}: {start.scores[-1]:.4g}, seed {best.seed} had {best.scores[-1]:.4g}"
            self.reporter.say(f"seed {start.seed} is given up ({start.reason})")
        self._write()

    def adopt(self, winner: int) -> Config:
        """Make the newest state of the winner that of the run; return its configuration.

        Args:
            winner: its seed.
        """
        self.starts = self._planned(0)
        start = next(start for start in self.starts if start.seed == winner)
        own, config = self._run_of(start), _seeded(self.config, winner)
        for name in (SCALARS, EVENTS, "bad_files.txt"):
            if (own.folder / name).is_file():
                shutil.copyfile(own.folder / name, self.run.folder / name)
        if (own.folder / "previews").is_dir():
            shutil.copytree(own.folder / "previews", self.run.folder / "previews", dirs_exist_ok=True)
        self.run.write_config(config_to_dict(config))
        for path in checkpoints.list_checkpoints(own)[-1:]:  # last: from then on the run is its own
            temporary = self.run.checkpoints / f".tmp-{path.name}-winner"
            shutil.rmtree(temporary, ignore_errors=True)
            shutil.copytree(path, temporary)
            temporary.rename(self.run.checkpoints / path.name)
        self.reporter.say(f"seed {winner} goes on from {start.images} images")
        return config


def _seeded(config: Config, seed: int) -> Config:
    return replace(config, train=config.train.model_copy(update={"seed": seed}))


def _winner(run: Run) -> int | None:
    path = run.folder / FOLDER / PLAN
    if not path.is_file():
        return None
    winner: int | None = read_json(path).get("winner")
    return winner
