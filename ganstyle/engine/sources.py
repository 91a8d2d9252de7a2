"""What is scored: a word of the command line (run, model, folder, zip, data set) as pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from ganstyle.config import Config, config_from_dict
from ganstyle.data.transforms import Preprocess
from ganstyle.engine.generation import find_model, generate
from ganstyle.engine.image_sets import ImageSet, as_image_set, dataset_set, folder_set
from ganstyle.engine.run import Run
from ganstyle.errors import NoInputError, UsageError
from ganstyle.registry import Registry

DEFAULT_COUNT = 1000


@dataclass(frozen=True)
class Sampling:
    """How pictures are drawn.

    Attributes:
        count: at most so many of a set, exactly so many samples; None is all, or as many samples as real pictures.
        seed: of the samples.
        device: where to sample.
    """

    count: int | None = None
    seed: int = 0
    device: torch.device | str = "cpu"


def is_model(place: str) -> bool:
    """Tell whether a word names a run's folder or a model file, rather than pictures."""
    path = Path(place)
    return path.suffix == ".safetensors" or (path / "config.json").is_file()


def picture_set(place: str, *, registry: Registry, count: int | None = None) -> ImageSet:
    """Return the pictures that a word means: a folder, a zip, or a data set by name.

    Raises:
        NoInputError: nothing of that name, or no picture in it.
    """
    path = Path(place)
    if path.is_dir():
        return folder_set(path, count=count)
    if path.is_file() and path.suffix.lower() == ".zip":
        return dataset_set(registry.build("data", "zip", {"path": place}, "train"), count=count)
    if not path.exists() and place in registry.names("data"):
        return dataset_set(registry.build("data", place, {}, "train"), count=count)
    state = "is neither a folder nor a zip of pictures" if path.exists() else "does not exist"
    known = ", ".join(registry.names("data"))
    raise NoInputError(f"{place} {state}", where=place, hint=f"a folder, a zip, or one of the data sets {known}")


def model_sets(place: str, sampling: Sampling, *, registry: Registry) -> tuple[ImageSet, ImageSet | None]:
    """Return samples of a model and, if it belongs to a run, the run's own pictures at the size it was trained at.

    Args:
        place: a run's folder, or a model file, inside a run or not.
        sampling: how many; without a count, as many as the run has pictures, at most 1000.
        registry: finds the run's components.

    Raises:
        NoInputError, ModelError: no model, or an unusable one.
    """
    path = Path(place)
    model = find_model(path)
    real = _run_pictures(path, sampling.count or DEFAULT_COUNT, registry)
    count = sampling.count or (real.count if real else None) or DEFAULT_COUNT
    fake = generate(model, registry=registry, count=count, seed=sampling.seed, device=sampling.device)
    return as_image_set(fake), real


def _run_pictures(path: Path, count: int, registry: Registry) -> ImageSet | None:
    try:
        run = Run.open(path)
    except NoInputError:  # a model file that was moved out of its run
        return None
    config = run_config(run, registry)
    dataset = registry.build("data", config.data.name, config.data.options, "train")
    return dataset_set(dataset, preprocess=Preprocess.plain(config.train.resolution, config.train.width), count=count)


def run_config(run: Run, registry: Registry) -> Config:
    """Return a run's configuration.

    Raises:
        NoInputError: it names components or options that this installation does not have.
    """
    try:
        return config_from_dict(registry, run.config)
    except UsageError as error:
        message = f"the configuration of {run.folder} can't be used here: {error.message}"
        raise NoInputError(message, where=str(run.folder / "config.json"), hint=error.hint) from None
