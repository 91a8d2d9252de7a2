"""What is scored: a word of the command line (run, model, folder, zip, data set) as pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ganstyle.config import Config, config_from_dict
from ganstyle.data.transforms import Preprocess
from ganstyle.engine.generation import Sampler, find_model, has_latents, open_model, sample_model
from ganstyle.engine.generative import LatentSource
from ganstyle.engine.image_sets import ImageSet, as_image_set, dataset_set, folder_set, pixel_identity
from ganstyle.engine.latents import Pick
from ganstyle.engine.model import Model
from ganstyle.engine.references import Moments, read_reference
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
    """Return the pictures that a word means: a folder, a zip, a `.npz` of samples, or a data set by name.

    Raises:
        NoInputError: nothing of that name, or no picture in it.
    """
    found = reference_set(place, registry=registry, count=count)
    if isinstance(found, Moments):
        hint = "it can only be what pictures are compared with: ganstyle eval FAKE REFERENCE.npz"
        raise NoInputError(f"{place} holds statistics, no pictures", where=place, hint=hint)
    return found


def reference_set(place: str, *, registry: Registry, count: int | None = None) -> ImageSet | Moments:
    """Return what pictures are compared with: pictures, see `picture_set`, or the statistics of a `.npz` file.

    Raises:
        NoInputError: nothing of that name, or no picture in it.
    """
    path = Path(place)
    if path.is_dir():
        return folder_set(path, count=count)
    if path.is_file() and path.suffix.lower() == ".zip":
        return dataset_set(registry.build("data", "zip", {"path": place}, "train"), count=count)
    if path.is_file() and path.suffix.lower() == ".npz":
        return read_reference(path)
    if not path.exists() and place in registry.names("data"):
        return dataset_set(registry.build("data", place, {}, "train"), count=count)
    state = "is neither a folder nor a zip of pictures" if path.exists() else "does not exist"
    known = ", ".join(registry.names("data"))
    raise NoInputError(
        f"{place} {state}", where=place, hint=f"a folder, a zip, a .npz, or one of the data sets {known}"
    )


@dataclass(frozen=True)
class Subject:
    """A model as something to be scored.

    Attributes:
        samples: its pictures.
        real: the pictures of its run at the size it was trained at; None outside a run.
        source: its generator, if it makes pictures from latents.
        model: loaded.
    """

    samples: ImageSet
    real: ImageSet | None
    source: LatentSource | None
    model: Model


def model_subject(place: str, sampling: Sampling, *, registry: Registry) -> Subject:
    """Open a model and the pictures of its run.

    Args:
        place: a run's folder, or a model file, inside a run or not.
        sampling: how many; without a count, as many as the run has pictures, at most 1000.
        registry: finds the run's components.

    Raises:
        NoInputError, ModelError: no model, or an unusable one.
    """
    path = Path(place)
    model = open_model(find_model(path), registry=registry, device=sampling.device)
    real = _run_pictures(path, sampling.count or DEFAULT_COUNT, registry)
    count = sampling.count or (real.count if real else None) or DEFAULT_COUNT
    if has_latents(model):
        samples = _latent_samples(model, count, sampling.seed)
        return Subject(samples, real, LatentSource(model.networks["generator"]), model)
    try:
        made = sample_model(model, registry=registry, count=count, seed=sampling.seed)
    except (ValueError, KeyError, TypeError):  # a task that needs pictures to start from says so in its own way
        raise NoInputError(
            f"{model.card.arch.name} makes pictures from pictures: there is nothing to sample",
            where=place,
            hint="ganstyle transfer PHOTOS/ --style ... -o painted/; then ganstyle eval --pairs painted/ PHOTOS/",
        ) from None
    return Subject(as_image_set(made), real, None, model)


def model_sets(place: str, sampling: Sampling, *, registry: Registry) -> tuple[ImageSet, ImageSet | None]:
    """Return samples of a model and the pictures of its run; see `model_subject`."""
    subject = model_subject(place, sampling, registry=registry)
    return subject.samples, subject.real


def _latent_samples(model: Model, count: int, seed: int) -> ImageSet:
    """Return samples that are drawn while they are walked: memory doesn't grow with their number."""
    sampler = Sampler(model)

    def walk() -> Iterator[Tensor]:
        for batch in sampler.pictures([Pick(seed, index) for index in range(count)]):
            yield from batch

    def identify() -> str:
        # The weights say which pictures; the first one also says that the code still makes the same of them.
        first = pixel_identity(sampler.render(sampler.latents([Pick(seed, 0)])))
        parts = (model.weights_sha256, str(seed), str(count), first, torch.__version__, str(sampler.space.device))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def read(places: Sequence[int]) -> list[Tensor]:
        return [image for batch in sampler.pictures([Pick(seed, place) for place in places]) for image in batch]

    return ImageSet(walk, count, identify, read_many=read, name=lambda place: f"sample {place + 1} of seed {seed}")


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
