"""What a run leaves while it trains: checkpoints, its model file, previews, the list of unreadable pictures."""

from __future__ import annotations

import contextlib
from pathlib import Path

import torch

from ganstyle.api import Batch
from ganstyle.data.sheets import contact_sheet
from ganstyle.data.writing import save_image, to_uint8
from ganstyle.engine import checkpoint as checkpoints
from ganstyle.engine.distributed import leads, meet
from ganstyle.engine.following import gather_bad_files, random_states
from ganstyle.engine.generation import MODEL_FILE
from ganstyle.engine.model import card_of, save_model
from ganstyle.engine.reporting import Reporter
from ganstyle.engine.run import Run
from ganstyle.engine.session import RandomState, Session
from ganstyle.errors import EnvironmentProblem, GanstyleError

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
        pictures = session.task.sample(
            session.averaged.networks, train.preview_count, generator=generator, batch=self.preview_batch()
        )
        sheet = contact_sheet(list(to_uint8(pictures).cpu()), columns=max(1, int(len(pictures) ** 0.5 + 0.5)))
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
        """
        random = random_states()  # of all ranks; so is every exchange here: rank 0 alone knows whether it saves
        gather_bad_files(self.session)
        if not self.session.averaged.is_finite():
            self.session.averaged.copy_source()
            self.reporter.say("the averaged weights were not finite; started again from the trained ones")
        if leads() and self.saved_images != self.session.images:
            self._save(random, patience)
        meet()

    def _save(self, random: RandomState, patience: int) -> None:
        session = self.session
        try:
            model, train = session.tensors(random)
            checkpoints.save(self.run, model, train, session.facts(random), keep=session.config.train.keep)
            self.export()
        except EnvironmentProblem as error:
            self.failed_saves += 1
            self.reporter.say(f"could not save at {session.images} images: {error.message}")
            if self.failed_saves >= patience:
                raise
        else:
            self.failed_saves, self.saved_images = 0, session.images

    def export(self) -> Path:
        """Write the averaged networks as the run's model file; return where it is."""
        session = self.session
        if not leads():
            return self.run.folder / MODEL_FILE
        facts = {"images_seen": session.images, "name": session.config.arch.name, "data": session.config.data.name}
        styles = list(getattr(session.dataset, "styles", [])) if session.image.labels else []
        card = card_of(session.config, session.image, registry=session.registry, styles=styles, **facts)
        return save_model(self.run.folder / MODEL_FILE, session.averaged.networks, card)

    def tell_bad_files(self) -> None:
        """Name each unreadable picture once, and keep the list beside the run."""
        new = [line for line in self.session.bad_files if line not in self._told_files]
        if new and leads():
            self._told_files.update(new)
            for line in new:
                self.reporter.say(f"skipped {line}")
            with contextlib.suppress(OSError):  # the list is in every checkpoint as well
                (self.run.folder / "bad_files.txt").write_text("\n".join(self.session.bad_files) + "\n", "utf-8")
