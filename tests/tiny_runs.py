"""Runs of tiny networks on twelve pictures, for tests of what a run does when something goes wrong."""

from __future__ import annotations

import dataclasses

import torch
from PIL import Image

from ganstyle.config import config_to_dict, resolve
from ganstyle.engine.run import Run
from ganstyle.engine.session import open_session
from ganstyle.engine.training import fit
from ganstyle.registry import default_registry

SMALL = ("arch.base_channels=4", "arch.z_dim=8", "train.resolution=16", "train.batch=4", "train.log_every_steps=1")
SMALL += ("optimizer.schedule=constant", "train.save_every_images=8")


class Told:
    """Remembers what a run says."""

    def __init__(self):
        self.lines, self.done = [], []

    def update(self, done, **facts):
        self.done.append(done)

    def say(self, text):
        self.lines.append(text)

    def about(self, *words):
        """Return the lines that hold all the words."""
        return [line for line in self.lines if all(word in line for word in words)]


def write_pictures(folder):
    """Write twelve different pictures; return the folder."""
    folder.mkdir(parents=True)
    for index in range(12):
        pixels = torch.randint(256, (24, 20, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(index))
        Image.fromarray((pixels // 3 + 14 * index).numpy()).save(folder / f"{index:02d}.png")
    return folder


class TinyRun:
    """A run of its own, not yet begun.

    Attributes:
        session: of the run; tests change its task.
        run: its folder.
        told: what was said.
    """

    def __init__(self, folder, *sets, images=24):
        self.registry = default_registry()
        self.pictures = folder / "pictures"
        if not self.pictures.exists():
            write_pictures(self.pictures)
        flags = {"data": str(self.pictures), "train.images": images}
        self.config = resolve(self.registry, flags=flags, sets=(*SMALL, *sets))
        self.run = Run.create(folder / "runs", config_to_dict(self.config), "test")
        self.session = open_session(self.config, self.registry)
        self.told = Told()

    def fit(self, **options):
        return fit(
            self.config, registry=self.registry, run=self.run, reporter=self.told, session=self.session, **options
        )

    def change_loss(self, phase, change):
        """Let `change(found, step)` replace what a phase's loss returned."""
        task = self.session.task
        task.phases = tuple(_changed(own, change) if own.name == phase else own for own in task.phases)


def _changed(phase, change):
    return dataclasses.replace(phase, loss=lambda batch, step: change(phase.loss(batch, step), step))


def scalar(found):
    """Return the loss of what a phase's loss returned."""
    return found if isinstance(found, torch.Tensor) else found[0]


def with_loss(found, loss):
    """Return what a phase's loss returned, with another loss."""
    return loss if isinstance(found, torch.Tensor) else (loss, found[1])
