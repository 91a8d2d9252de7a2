"""What a user's path means: a run's folder, a checkpoint's folder or a model file, as networks ready to use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ganstyle.api import ImageSpec
from ganstyle.config import Config, config_from_dict
from ganstyle.engine import checkpoint
from ganstyle.engine.cards import Card, read_card
from ganstyle.engine.model import Model, card_of, load_model, model_of
from ganstyle.errors import GanstyleError, ModelError, NoInputError, UsageError
from ganstyle.registry import Registry

MODEL_FILE = "model.safetensors"
AVERAGED = "ema/"


def find_model(path: Path) -> Path:
    """Return the model file that a path means: the file itself, or that of a run's or checkpoint's folder.

    Raises:
        NoInputError: there is none.
    """
    candidate = path / MODEL_FILE if path.is_dir() else path
    if candidate.is_file():
        return candidate
    raise NoInputError(
        f"no model at {str(path)!r}",
        where=str(candidate),
        hint="a run writes its model at every checkpoint; `ganstyle train` makes a run",
    )


def is_checkpoint(file: Path) -> bool:
    """Tell whether a model file is part of a checkpoint, which keeps its card elsewhere."""
    return (file.parent / checkpoint.MANIFEST).is_file()


def open_model(path: Path, *, registry: Registry, device: torch.device | str = "cpu") -> Model:
    """Return the networks of a run, a checkpoint or a model file; the data set is not needed.

    Of a checkpoint, the averaged weights are taken.

    Args:
        path: a folder or a file.
        registry: finds the architecture.
        device: where the networks go.

    Raises:
        NoInputError: there is no model.
        ModelError: damaged, foreign, or of components that are not installed.
    """
    file = find_model(path)
    if not is_checkpoint(file):
        return load_model(file, registry=registry, device=device)
    found = checkpoint.load(file.parent)
    averaged = {name.removeprefix(AVERAGED): x for name, x in found.model.items() if name.startswith(AVERAGED)}
    card = _checkpoint_card(found, registry)
    return model_of(card, averaged or found.model, path=file.parent, registry=registry, device=device)


def _checkpoint_card(found: checkpoint.Checkpoint, registry: Registry) -> Card:
    try:
        config = config_from_dict(registry, found.state["config"])
        styles = _styles(found, config)
        train = config.train
        image = ImageSpec(train.resolution, train.width or train.resolution, labels=len(styles))
        facts = _of_the_run(found) | {"styles": styles, "images_seen": found.images}
        return card_of(config, image, registry=registry, **facts)
    except (UsageError, KeyError, TypeError) as error:
        reason = error.message if isinstance(error, UsageError) else f"its state lacks {error}"
        raise ModelError(f"{found.path.name} can't be used here: {reason}", where=str(found.path)) from None


def _of_the_run(found: checkpoint.Checkpoint) -> dict[str, Any]:
    """Return what the model file beside a checkpoint says of the data; nothing if the checkpoint was moved away."""
    try:
        card = read_card(found.path.parent.parent / MODEL_FILE)
    except GanstyleError:
        return {}
    return {key: getattr(card, key) for key in ("name", "data", "data_licence", "training_images")}


def _styles(found: checkpoint.Checkpoint, config: Config) -> list[str]:
    """Return the labels' names; a checkpoint that doesn't know them asks the model file of its run."""
    if not config.train.conditional:
        return []
    names = found.state.get("styles")
    if isinstance(names, list):
        return [str(name) for name in names]
    file = found.path.parent.parent / MODEL_FILE
    try:
        return read_card(file).styles
    except GanstyleError:
        raise ModelError(
            f"{found.path.name} is of a conditional run; the names of its styles are in the run's {MODEL_FILE}",
            where=str(file),
            hint="leave the checkpoint in its run, or use the run's model file",
        ) from None
