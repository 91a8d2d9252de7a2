"""Models that translate and that nobody trained, for tests of what comes after training."""

from __future__ import annotations

from pathlib import Path

import torch

from ganstyle.api import ImageSpec
from ganstyle.config import resolve
from ganstyle.engine.model import card_of, save_model
from ganstyle.registry import default_registry

TINY = ("arch.base_channels=4", "arch.blocks=2", "arch.d_channels=4")
OWN = {
    "cut": ("arch.embedding=8",),
    "cyclegan": (),
    "multistyle": ("arch.style_dim=6", "arch.z_dim=3", "arch.hidden=8", "arch.encoder_channels=4"),
}


def sets_of(arch):
    """Return `KEY=VALUE` texts for a tiny network."""
    return [*TINY, *OWN.get(arch, OWN["cut"])]


def write_translator(folder: Path, arch="cut", *, styles=("photos", "monet"), sets=()) -> Path:
    """Write a run's folder with a model that changes pictures visibly; return the folder."""
    registry = default_registry()
    config = resolve(registry, flags={"arch": arch}, sets=[*sets_of(arch), *sets])
    image = ImageSpec(32, 32, labels=len(styles) if arch == "multistyle" else 0)
    torch.manual_seed(1)
    networks = registry.build("arch", arch, config.arch.options, image)
    for generator in networks["translator"].generators.values():
        generator.to_rgb.weight.data.mul_(6)
        for name, part in generator.named_parameters():
            part.data.mul_(4 if name.endswith("enter.weight") else 1)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text("{}")
    card = card_of(config, image, registry=registry, styles=list(styles), images_seen=7)
    save_model(folder / "model.safetensors", {"translator": networks["translator"]}, card)
    return folder
