"""All that changes while a run trains, and how it goes to and comes from a checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ganstyle.api import Batch, DatasetLike, ImageSpec, TaskLike
from ganstyle.config import Config, config_to_dict
from ganstyle.data.loading import Loader, stable_seed
from ganstyle.engine import rng
from ganstyle.engine.building import build_networks
from ganstyle.engine.compiling import compile_networks
from ganstyle.engine.device import choose_device
from ganstyle.engine.distributed import local_device
from ganstyle.engine.ema import AveragedNetworks
from ganstyle.engine.environment import describe_environment
from ganstyle.engine.matching import load_networks
from ganstyle.engine.optimizers import GuardedAdam, make_optimizers
from ganstyle.engine.precision import check_precision
from ganstyle.errors import UsageError
from ganstyle.nn.modules import unwrapped
from ganstyle.nn.ranks import rank, world_size
from ganstyle.registry import Registry

RandomState = tuple[dict[str, Tensor], dict[str, Any]]
"""Of `rng.capture`, or of all ranks."""

_FORMATS = {  # `auto` is settled before a run is opened; elsewhere it is torch's own layout
    "auto": torch.contiguous_format,
    "contiguous": torch.contiguous_format,
    "channels_last": torch.channels_last,
}


@dataclass
class Session:
    """A training in progress.

    Attributes:
        config: resolved configuration.
        registry: where its components come from.
        device: where the networks are.
        dataset: the examples.
        image: what the networks make.
        task: networks and losses.
        optimizers: by phase name.
        averaged: what is sampled and exported.
        step: optimisation steps done.
        images: training images shown; the unit of every interval and of the budget.
        lr_scale: lowered after a rollback.
        bad_files: `name: reason` of each picture that can't be read.
        rollbacks: returns to an earlier state so far; each draws other random numbers and another order of pictures.
        strength: collapses after which the task was told to hold D back more strongly.
        best: where the first metric was best: `images`, `metric`, `value`; empty without scores.
        watched: what the collapse alarm remembers, plain JSON.
        steps_here: taken since it was opened.
        halvings: of the micro-batch for want of memory, since then.
        notes: what a step changed by itself and nobody told the user yet.
    """

    config: Config
    registry: Registry
    device: torch.device
    dataset: DatasetLike
    image: ImageSpec
    task: TaskLike
    optimizers: dict[str, GuardedAdam]
    averaged: AveragedNetworks
    step: int = 0
    images: int = 0
    lr_scale: float = 1.0
    bad_files: list[str] = field(default_factory=list)
    rollbacks: int = 0
    strength: int = 0
    best: dict[str, Any] = field(default_factory=dict)
    watched: dict[str, Any] = field(default_factory=dict)
    steps_here: int = 0
    halvings: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def fraction(self) -> float:
        """Return the share of the budget done, at most 1."""
        return min(1.0, self.images / self.config.train.images)

    def batches(self) -> Iterator[Batch]:
        """Yield batches on the device from the present image count on, in the networks' memory format."""
        train = self.config.train
        layout = _FORMATS[train.memory_format]
        place: dict[str, Any] = {"counter": self.images, "seed": self.data_seed, "share": (rank(), world_size())}
        loader = self.loader(batch=train.batch, workers=train.workers, **place)
        for batch in loader:
            self.bad_files = sorted({*self.bad_files, *loader.bad_files})
            moved = _pinned(batch, self.device).to(self.device, non_blocking=True)
            yield Batch({key: x.contiguous(memory_format=layout) if x.ndim == 4 else x for key, x in moved.items()})

    @property
    def warnings(self) -> list[str]:
        """Return what the networks warn of, e.g. of a backbone that flatters the scores it is judged by."""
        found = [getattr(unwrapped(network), "warning", "") for network in self.task.networks.values()]
        return [warning for warning in found if isinstance(warning, str) and warning]

    @property
    def data_seed(self) -> int:
        """Return the seed of the order of pictures: the run's, after a rollback another."""
        seed = self.config.train.seed
        return seed if not self.rollbacks else stable_seed(seed, "rollback", self.rollbacks)

    def loader(self, *, batch: int, seed: int | None = None, share: tuple[int, int] = (0, 1), **options: int) -> Loader:
        """Return a loader over the training data whose order depends on (seed, counter) alone.

        Args:
            batch: pictures at once, of all ranks together.
            seed: None is the run's.
            share: (rank, world); the default is the whole batch.
            options: `counter`, `workers`; of `Loader`.
        """
        own = {"seed": self.config.train.seed if seed is None else seed, "rank": share[0], "world": share[1]}
        return Loader(self.dataset, make_preprocess(self.config), batch=batch, **own, **options)

    def names(self, counter: int) -> list[str]:
        """Return the names of the pictures of the step that began after so many images, on all ranks together."""
        return self.loader(batch=self.config.train.batch, seed=self.data_seed).names(counter)

    def draw_anew(self) -> None:
        """After a rollback, take other random numbers and another order of pictures: the same end is no help."""
        self.rollbacks += 1
        rng.seed_everything(self.data_seed)
        rng.seed_rank(self.data_seed, rank(), images=self.images)

    def tensors(self, random: RandomState | None = None) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return (model tensors, training tensors) for a checkpoint.

        Args:
            random: of all ranks; None is this process's.
        """
        model = {f"{role}/{key}": value for role, net in self.task.networks.items() for key, value in _state(net)}
        model |= {
            f"ema/{role}/{key}": value for role, net in self.averaged.networks.items() for key, value in _state(net)
        }
        train = {
            key: value for optimizer in self.optimizers.values() for key, value in optimizer.state_tensors().items()
        }
        train |= {f"task/{key}": value for key, value in self.task_state().items()}
        return model, train | (random or rng.capture())[0]

    def task_state(self) -> dict[str, Tensor]:
        """Return the tensors that the task wants in checkpoints, such as ADA's probability; empty for most tasks."""
        own = getattr(self.task, "state_tensors", None)
        return dict(own()) if own is not None else {}

    def facts(self, random: RandomState | None = None) -> dict[str, Any]:
        """Return the JSON part of a checkpoint.

        Args:
            random: of all ranks; None is this process's.
        """
        return {
            "step": self.step,
            "images": self.images,
            "lr_scale": self.lr_scale,
            "bad_files": self.bad_files,
            "rollbacks": self.rollbacks,
            "strength": self.strength,
            "best": self.best,
            "watched": self.watched,
            "rng": (random or rng.capture())[1],
            "data": fingerprint(self.dataset),
            "config": config_to_dict(self.config),
            "environment": describe_environment(device=str(self.device)),
            "world_size": world_size(),
        }

    def load(self, model: Mapping[str, Tensor], train: Mapping[str, Tensor], facts: Mapping[str, Any]) -> list[str]:
        """Go back to a checkpoint; return the names of states that could not be restored.

        Raises:
            ModelError: the checkpoint is of other networks; one message names all missing, unexpected and differently
                shaped tensors. Nothing was changed.
        """
        networks = {f"{role}/": net for role, net in self.task.networks.items()}
        networks |= {f"ema/{role}/": net for role, net in self.averaged.networks.items()}
        load_networks(networks, model, guards={name: train.get(f"{name}/guard") for name in self.optimizers})
        for optimizer in self.optimizers.values():
            optimizer.load_state_tensors(train)
        self.step, self.images = facts["step"], facts["images"]
        self.lr_scale, self.bad_files = facts["lr_scale"], list(facts["bad_files"])
        self.rollbacks = facts.get("rollbacks", 0)
        self.best, self.watched = dict(facts.get("best") or {}), dict(facts.get("watched", {}))
        missing = self._load_task(train)
        self.strength = facts.get("strength", 0)
        self.strengthen(self.strength)
        return missing + self._load_random(train, facts["rng"])

    def strengthen(self, level: int) -> str:
        """Let the task hold D back as after so many collapses; return what it did, in words."""
        own, since = getattr(self.task, "strengthen", None), self.strength
        self.strength = level
        return own(level, since=since) if own is not None else ""

    def _load_random(self, train: Mapping[str, Tensor], facts: Mapping[str, Any]) -> list[str]:
        missing = rng.restore_rank(train, facts, rank=rank())
        if missing is None:  # the checkpoint was made by fewer ranks
            rng.seed_rank(self.data_seed, rank(), images=self.images)
        return missing or []

    def _load_task(self, train: Mapping[str, Tensor]) -> list[str]:
        wanted = self.task_state()
        found = {key: train[f"task/{key}"] for key in wanted if f"task/{key}" in train}
        if found:
            self.task.load_state_tensors(found)  # type: ignore[attr-defined]  # optional part of the contract
        return [f"task/{key}" for key in sorted(wanted.keys() - found.keys())]


def _state(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    return iter(network.state_dict().items())


def fingerprint(dataset: DatasetLike) -> str:
    """Return what identifies the data set's content, or its size if it offers no fingerprint."""
    own = getattr(dataset, "fingerprint", None)
    return own() if callable(own) else f"{len(dataset)} items"


def _pinned(batch: Batch, device: torch.device) -> Batch:
    """Return the batch where a GPU can fetch it without the process waiting; as it is for other devices."""
    return Batch({key: value.pin_memory() for key, value in batch.items()}) if device.type == "cuda" else batch


def make_preprocess(config: Config) -> Any:
    """Return the transform of a configuration: uint8 items to its resolution."""
    from ganstyle.data.transforms import Preprocess

    train = config.train
    return Preprocess(config.preprocess, train.resolution, train.width or train.resolution)


def open_session(config: Config, registry: Registry) -> Session:
    """Build data, networks, task and optimizers of a configuration, seeded.

    Raises:
        UsageError, NoInputError, EnvironmentProblem: something in the configuration can't be had.
    """
    train = config.train
    device = choose_device(local_device(train.device))
    check_precision(device, train.precision)
    if train.threads is not None:
        torch.set_num_threads(train.threads)
    dataset = registry.build("data", config.data.name, config.data.options, "train")
    image = image_spec(config, dataset)
    rng.seed_everything(train.seed)
    task = build_task(config, registry, image, device)
    averaged = AveragedNetworks(
        task.networks, task.averaged, halflife_images=train.ema_halflife_images, ramp=train.ema_ramp
    )
    optimizers = make_optimizers(task, config.optimizer, precision=train.precision)
    notes = compile_networks(task) if train.compile else []
    return Session(config, registry, device, dataset, image, task, optimizers, averaged, notes=notes)


def image_spec(config: Config, dataset: DatasetLike) -> ImageSpec:
    """Return the pictures a configuration trains on.

    Raises:
        UsageError: a conditional run on data without labels.
    """
    train = config.train
    styles = getattr(dataset, "styles", [])
    if train.conditional and len(styles) < 2:
        raise UsageError(
            "a conditional run needs labelled pictures, this data set has no styles",
            where="train.conditional",
            hint="put the pictures of each style into a folder of its own",
        )
    return ImageSpec(train.resolution, train.width or train.resolution, labels=len(styles) if train.conditional else 0)


def build_task(config: Config, registry: Registry, image: ImageSpec, device: torch.device) -> TaskLike:
    """Build networks, loss, penalties and the task over them."""
    networks = build_networks(registry, image, arch=config.arch, discriminator=config.discriminator)
    memory_format = _FORMATS[config.train.memory_format]
    networks = {role: net.to(device).to(memory_format=memory_format).train() for role, net in networks.items()}
    loss = registry.build("loss", config.loss.name, config.loss.options)
    penalties = tuple(registry.build("regularizer", chosen.name, chosen.options) for chosen in config.regularizer)
    return registry.build("task", config.task.name, config.task.options, networks, loss=loss, penalties=penalties)
