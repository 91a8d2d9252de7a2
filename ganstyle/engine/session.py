"""All that changes while a run trains, and how it goes to and comes from a checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ganstyle.api import Batch, DatasetLike, ImageSpec, TaskLike
from ganstyle.config import Config, config_to_dict
from ganstyle.data.loading import Loader
from ganstyle.engine import rng
from ganstyle.engine.building import build_networks
from ganstyle.engine.device import choose_device
from ganstyle.engine.ema import AveragedNetworks
from ganstyle.engine.environment import describe_environment
from ganstyle.engine.optimizers import GuardedAdam, make_optimizers
from ganstyle.engine.precision import check_precision
from ganstyle.errors import ModelError, UsageError
from ganstyle.registry import Registry

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

    @property
    def fraction(self) -> float:
        """Return the share of the budget done, at most 1."""
        return min(1.0, self.images / self.config.train.images)

    def batches(self) -> Iterator[Batch]:
        """Yield batches on the device from the present image count on, in the networks' memory format."""
        train = self.config.train
        layout = _FORMATS[train.memory_format]
        loader = self.loader(batch=train.batch, counter=self.images, workers=train.workers)
        earlier = self.bad_files
        for batch in loader:
            self.bad_files = sorted({*earlier, *loader.bad_files})
            moved = batch.to(self.device, non_blocking=True)
            yield Batch({key: x.contiguous(memory_format=layout) if x.ndim == 4 else x for key, x in moved.items()})

    def loader(self, *, batch: int, counter: int = 0, workers: int = 0) -> Loader:
        """Return a loader over the training data whose order depends on (seed, counter) alone."""
        train = self.config.train
        preprocess = make_preprocess(self.config)
        return Loader(self.dataset, preprocess, batch=batch, seed=train.seed, counter=counter, workers=workers)

    def tensors(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return (model tensors, training tensors) for a checkpoint."""
        model = {f"{role}/{key}": value for role, net in self.task.networks.items() for key, value in _state(net)}
        model |= {
            f"ema/{role}/{key}": value for role, net in self.averaged.networks.items() for key, value in _state(net)
        }
        train = {
            key: value for optimizer in self.optimizers.values() for key, value in optimizer.state_tensors().items()
        }
        return model, train | rng.capture()[0]

    def facts(self) -> dict[str, Any]:
        """Return the JSON part of a checkpoint."""
        return {
            "step": self.step,
            "images": self.images,
            "lr_scale": self.lr_scale,
            "bad_files": self.bad_files,
            "rng": rng.capture()[1],
            "data": fingerprint(self.dataset),
            "config": config_to_dict(self.config),
            "environment": describe_environment(device=str(self.device)),
            "world_size": 1,
        }

    def load(self, model: Mapping[str, Tensor], train: Mapping[str, Tensor], facts: Mapping[str, Any]) -> list[str]:
        """Go back to a checkpoint; return the names of states that could not be restored.

        Raises:
            ModelError: the checkpoint is of other networks; names all missing and unexpected tensors.
        """
        for prefix, networks in (("", self.task.networks), ("ema/", self.averaged.networks)):
            for role, network in networks.items():
                _load(network, model, f"{prefix}{role}/")
        for optimizer in self.optimizers.values():
            optimizer.load_state_tensors(train)
        self.step, self.images = facts["step"], facts["images"]
        self.lr_scale, self.bad_files = facts["lr_scale"], list(facts["bad_files"])
        return rng.restore(train, facts["rng"])


def _state(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    return iter(network.state_dict().items())


def _load(network: nn.Module, tensors: Mapping[str, Tensor], prefix: str) -> None:
    own = {key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)}
    expected = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    wrong = sorted(set(own) ^ set(expected)) + [k for k in own if k in expected and tuple(own[k].shape) != expected[k]]
    if wrong:
        raise ModelError(
            f"the checkpoint holds another {prefix.rstrip('/')}: {len(wrong)} tensors differ ({', '.join(wrong)})",
            hint="resume with the options that the run was started with (its config.json)",
        )
    network.load_state_dict(own)


def fingerprint(dataset: DatasetLike) -> str:
    """Return what identifies the data set's content, or its size if it offers no fingerprint."""
    own = getattr(dataset, "fingerprint", None)
    return own() if callable(own) else f"{len(dataset)} items"


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
    device = choose_device(train.device)
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
    return Session(config, registry, device, dataset, image, task, optimizers, averaged)


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
