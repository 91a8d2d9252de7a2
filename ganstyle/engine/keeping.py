"""What a run leaves while it trains: checkpoints, its model file, previews, the list of unreadable pictures."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ganstyle.api import Batch
from ganstyle.data.sheets import contact_sheet
from ganstyle.data.writing import save_image, to_uint8
from ganstyle.engine import checkpoint as checkpoints
from ganstyle.engine.distributed import leads, meet, share
from ganstyle.engine.following import gather_bad_files, random_states
from ganstyle.engine.generation import MODEL_FILE
from ganstyle.engine.model import card_of, save_model
from ganstyle.engine.reporting import Reporter
from ganstyle.engine.reports import write_report
from ganstyle.engine.run import Run
from ganstyle.engine.session import RandomState, Session
from ganstyle.engine.timeline import write_timeline
from ganstyle.errors import EnvironmentProblem, GanstyleError

BEST_FILE = "best.safetensors"
PATIENCE = 3  # failed saves in a row that end a run


class Keeper:
    """Writes what a session has learnt into the folder of its run.

    Attributes:
        saved_images: the image count of the newest checkpoint; -1 before the first.
        preview_path: the newest preview.
    """

    def __init__(self, session: Session, run: Run, reporter: Reporter) -> None:
        self.session, self.run, self.reporter = session, run, reporter
        self.saved_images, self.failed_saves = -1, 0
        self.preview_path: Path | None = None
        self._described = -math.inf
        self._preview_batch: Batch | None = None
        self._told_files: set[str] = set()

    def preview(self) -> None:
        """Write a grid from the fixed latents; a preview that can't be written is a warning only."""
        try:
            self.preview_path = self._write_preview() if leads() else None
        except (GanstyleError, OSError) as error:
            self.reporter.say(f"no preview at {self.session.images} images: {error}")
        meet()

    @torch.inference_mode()
    def _write_preview(self) -> Path:
        session, train = self.session, self.session.config.train
        generator = torch.Generator(device=session.device).manual_seed(train.seed)
        own = getattr(session.task, "preview", None)  # with what the pictures were made of, in groups
        pictures = (own or session.task.sample)(
            session.averaged.networks, train.preview_count, generator=generator, batch=self.preview_batch()
        )
        group = session.task.preview_columns if own else 1  # type: ignore[attr-defined]
        columns = group * max(1, int((len(pictures) / group**2) ** 0.5 + 0.5))
        sheet = contact_sheet(list(to_uint8(pictures).cpu()), columns=columns)
        return save_image(sheet, self.run.folder / "previews" / f"{session.images:09d}.png", overwrite=True)

    def preview_batch(self) -> Batch:
        """Return the same first examples at every preview, without moving any random state."""
        if self._preview_batch is None:
            loader = self.session.loader(batch=self.session.config.train.preview_count)
            self._preview_batch = next(iter(loader)).to(self.session.device)
        return self._preview_batch

    def save(self, *, patience: int = PATIENCE) -> None:
        """Write a checkpoint and the model file; a failed save is told, too many in a row end the run.

        Raises:
            EnvironmentProblem: `patience` saves failed in a row.
            NonFinite: a weight is no number; nothing was written.
        """
        random = random_states()  # of all ranks; so is every exchange here: rank 0 alone knows whether it saves
        gather_bad_files(self.session)
        if not self.session.averaged.is_finite():
            self.session.averaged.copy_source()
            self.reporter.say("the averaged weights were not finite; started again from the trained ones")
        refused: list[str] = []
        if leads() and self.saved_images != self.session.images:
            refused = self._save(random, patience)
        meet()
        if refused := share(refused):
            raise checkpoints.NonFinite(refused, f"{self.run.folder}, step {self.session.step}")

    def _save(self, random: RandomState, patience: int) -> list[str]:
        """Return the tensors that are not finite, for which nothing was written."""
        session = self.session
        try:
            model, train = session.tensors(random)
            checkpoints.save(self.run, model, train, session.facts(random), keep=session.config.train.keep)
            self.export()
        except checkpoints.NonFinite as error:
            return error.names
        except EnvironmentProblem as error:
            self.failed_saves += 1
            self.reporter.say(f"could not save at {session.images} images: {error.message}")
            if self.failed_saves >= patience:
                raise
        else:
            self.failed_saves, self.saved_images = 0, session.images
        return []

    def export(self, name: str = MODEL_FILE, *, metrics: Mapping[str, Any] | None = None) -> Path:
        """Write the averaged networks as a model file of the run; return where it is.

        Args:
            name: of the file.
            metrics: for its card: scores by key, each with its protocol; None is what the session knows.
        """
        session, path = self.session, self.run.folder / name
        if not leads():
            return path
        facts = _provenance(session) | {"metrics": dict(_scores(session) if metrics is None else metrics)}
        card = card_of(session.config, session.image, registry=session.registry, **facts)
        return save_model(path, session.averaged.networks, card)

    def export_best(self) -> None:
        """Write the averaged networks, the best so far, as `best.safetensors`; a full disk costs only that file."""
        best = self.session.best
        try:
            self.export(BEST_FILE, metrics={best["metric"]: _score(best)})
        except (GanstyleError, OSError) as error:
            self.reporter.say(f"could not write {BEST_FILE}: {error}")
        self.run.write_status("running", step=self.session.step, images=self.session.images, best=best)

    def describe(self, *, every_s: float = 0.0) -> None:
        """Write the report beside the run, unless the last one is younger than so many seconds."""
        if leads() and time.monotonic() - self._described >= every_s:
            write_report(self.run.folder)
            self._described = time.monotonic()

    def animate(self) -> None:
        """Write the film of the previews."""
        if leads():
            write_timeline(self.run.folder)

    def tell_bad_files(self) -> None:
        """Name each unreadable picture once, and keep the list beside the run."""
        new = [line for line in self.session.bad_files if line not in self._told_files]
        if new and leads():
            self._told_files.update(new)
            for line in new:
                self.reporter.say(f"skipped {line}")
            with contextlib.suppress(OSError):  # the list is in every checkpoint as well
                (self.run.folder / "bad_files.txt").write_text("\n".join(self.session.bad_files) + "\n", "utf-8")


def _provenance(session: Session) -> dict[str, Any]:
    """Return the fields of a card that tell what was learnt from, and how long."""
    config, dataset = session.config, session.dataset
    # The name of a folder or file tells pictures apart; where it lies is nobody's business.
    place = Path(str(config.data.options.get("path") or "")).name
    return {
        "name": config.arch.name,
        "images_seen": session.images,
        "training_images": len(dataset),
        "data": f"{config.data.name} {place}".strip(),
        "data_licence": config.train.data_licence or str(getattr(dataset, "licence", "")),
        "styles": list(getattr(dataset, "styles" if session.image.labels else "sides", [])),
    }


def _scores(session: Session) -> dict[str, Any]:
    """Return the last score while training, and the best one if that was another."""
    last, best = session.watched.get("score", {}), session.best
    found = {last["metric"]: _score(last)} if last else {}
    if best and best["images"] != last.get("images"):
        found[f"{best['metric']} (best)"] = _score(best)
    return found


def _score(found: Mapping[str, Any]) -> dict[str, Any]:
    return {key: found[key] for key in ("value", "images", "protocol", "n_fake", "n_real") if key in found}
