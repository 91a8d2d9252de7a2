"""Models that nobody trained, for tests of what comes after training."""

from __future__ import annotations

from pathlib import Path

import torch

from ganstyle.api import ImageSpec
from ganstyle.config import resolve
from ganstyle.engine.model import Model, card_of, load_model, save_model
from ganstyle.registry import default_registry

SMALL = {
    "dcgan": ("arch.base_channels=4", "arch.z_dim=8"),
    "progan": ("arch.base_channels=4", "arch.z_dim=8", "arch.max_channels=8"),
    "stylegan2": ("arch.base_channels=4", "arch.z_dim=8", "arch.w_dim=8", "arch.max_channels=8"),
}


def networks_of(arch="dcgan", *, styles=(), size=(16, 16)):
    """Return (config, image, networks) of a tiny architecture; its pictures are anything but grey."""
    registry = default_registry()
    config = resolve(registry, flags={"arch": arch}, sets=list(SMALL.get(arch, ())))
    image = ImageSpec(*size, labels=len(styles))
    torch.manual_seed(1)
    networks = registry.build("arch", arch, config.arch.options, image)
    for parameter in networks["generator"].parameters():
        parameter.data.mul_(4 if arch == "dcgan" else 1)  # its untrained weights make grey pictures
    return config, image, networks


def write_run(folder: Path, arch="dcgan", *, styles=(), size=(16, 16)) -> Path:
    """Write a run's folder with a model file, as training leaves it; return the folder."""
    config, image, networks = networks_of(arch, styles=styles, size=size)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text("{}")
    card = card_of(config, image, registry=default_registry(), styles=list(styles), images_seen=7)
    save_model(folder / "model.safetensors", {"generator": networks["generator"]}, card)
    return folder


def untrained(folder: Path, arch="dcgan", *, styles=(), size=(16, 16)) -> Model:
    """Return a loaded tiny model."""
    path = write_run(folder, arch, styles=styles, size=size) / "model.safetensors"
    return load_model(path, registry=default_registry())
