"""Model files: safetensors with a card; enough to sample without the data set, unable to run code."""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ganstyle.api import ImageSpec, TaskLike
from ganstyle.config import Config, config_to_dict
from ganstyle.data.tensors import read_header, read_tensors, write_tensors
from ganstyle.engine.building import build_networks
from ganstyle.engine.cards import CARD_KEY, Card, Named, Shape, read_card
from ganstyle.errors import EnvironmentProblem, ModelError, UsageError
from ganstyle.registry import Registry

SPARE_ELEMENTS = 1 << 26  # for networks that a file needn't hold, such as discriminators and frozen encoders


@dataclass(frozen=True)
class Model:
    """Networks ready to use.

    Attributes:
        networks: role to module, in eval mode, without gradients.
        card: what the file says of itself.
        path: where it came from.
        untrained: the architecture's other roles, which the file does not hold; a task may ask for them.
    """

    networks: dict[str, nn.Module]
    card: Card
    path: Path
    untrained: dict[str, nn.Module] = field(default_factory=dict)

    @property
    def image(self) -> ImageSpec:
        """The pictures these networks make."""
        return ImageSpec(**self.card.image.model_dump())

    @functools.cached_property
    def weights_sha256(self) -> str:
        """The sha256 of the generator's weights, or of the only network's; see `weights_sha256`."""
        return weights_sha256(self.networks.get("generator", next(iter(self.networks.values()))))

    def task(self, registry: Registry) -> TaskLike:
        """Return the task that samples these networks.

        Raises:
            ModelError: the card's task or loss has options that don't fit this version.
        """
        try:
            loss = registry.build("loss", self.card.loss.name, self.card.loss.options)
            penalties = tuple(registry.build("regularizer", one.name, one.options) for one in self.card.penalties)
            task, networks = self.card.task, {**self.untrained, **self.networks}
            return registry.build("task", task.name, task.options, networks, loss=loss, penalties=penalties)
        except UsageError as error:
            raise ModelError(error.message, where=str(self.path), hint=error.hint) from None


def card_of(config: Config, image: ImageSpec, *, registry: Registry, **facts: Any) -> Card:
    """Return the card of networks trained with a configuration; facts are further fields of the card."""

    resolved = config_to_dict(config)

    def named(kind: str, name: str, options: Mapping[str, Any]) -> Named:
        origin = registry.origin(kind, name)
        return Named(name=name, options=dict(options), distribution=origin.distribution, version=origin.version)

    def chosen(kind: str, section: str) -> Named:
        options = dict(resolved[section])
        return named(kind, options.pop("name"), options)

    shape = Shape(height=image.height, width=image.width, channels=image.channels, labels=image.labels)
    parts: dict[str, Any] = {kind: chosen(kind, kind) for kind in ("arch", "task", "loss")}
    if config.discriminator is not None:
        parts["discriminator"] = chosen("arch", "discriminator")
    penalties = [named("regularizer", name, options) for name, options in sorted(resolved["regularizer"].items())]
    return Card(**parts, penalties=penalties, image=shape, **facts)


def save_model(path: Path, networks: Mapping[str, nn.Module], card: Card, *, half: bool = False) -> Path:
    """Write a model file atomically.

    Args:
        path: ends in .safetensors; replaced if it exists.
        networks: the roles to keep.
        card: their description.
        half: store floating point tensors as float16.
    """
    tensors = {
        f"{role}/{key}": _stored(value, half)
        for role, net in networks.items()
        for key, value in net.state_dict().items()
    }
    write_tensors(path, tensors, {CARD_KEY: card.model_dump_json()})
    return path


def _stored(value: Tensor, half: bool) -> Tensor:
    value = value.detach().cpu().contiguous()
    return value.half() if half and value.is_floating_point() else value


def load_model(path: Path, *, registry: Registry, device: torch.device | str = "cpu") -> Model:
    """Read a model file and build its networks.

    Args:
        path: a file written by `save_model`.
        registry: finds the architecture; a card never names code.
        device: where the networks go.

    Raises:
        ModelError: unknown architecture, other shapes, missing or unexpected tensors, damage.
    """
    card = read_card(path)
    shapes = {name: shape for name, (_, shape) in read_header(path).tensors.items()}
    built, expected = _prepared(card, shapes, path=path, registry=registry)
    return _filled(built, read_tensors(path, expected=expected), card=card, path=path, device=device)


def model_of(
    card: Card, tensors: Mapping[str, Tensor], *, path: Path, registry: Registry, device: torch.device | str = "cpu"
) -> Model:
    """Build the networks of tensors that are in memory already, e.g. a checkpoint's.

    Args:
        card: what they are.
        tensors: by `<role>/<name>`.
        path: for messages.
        registry: finds the architecture.
        device: where the networks go.

    Raises:
        ModelError: unknown architecture; all missing, unexpected and misshapen tensors in one message.
    """
    shapes = {name: tuple(value.shape) for name, value in tensors.items()}
    built, expected = _prepared(card, shapes, path=path, registry=registry)
    wrong = sorted(name for name in {*shapes, *expected} if shapes.get(name) != expected.get(name))
    if wrong:
        raise ModelError(f"{len(wrong)} tensors don't fit {card.arch.name}: {', '.join(wrong)}", where=str(path))
    return _filled(built, tensors, card=card, path=path, device=device)


def weights_sha256(network: nn.Module) -> str:
    """Return the sha256 of a network's weights: names, shapes and float32 values, in whatever file they are."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(f"{name}{tuple(value.shape)}".encode())
        digest.update(value.detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _prepared(
    card: Card, shapes: Mapping[str, tuple[int, ...]], *, path: Path, registry: Registry
) -> tuple[dict[str, nn.Module], dict[str, tuple[int, ...]]]:
    """Return the card's networks, and the shapes of the tensors that the roles among `shapes` need."""
    roles = {name.partition("/")[0] for name in shapes}
    limit = SPARE_ELEMENTS + 4 * sum(math.prod(shape) for shape in shapes.values())
    built = _build(card, registry, path, limit=limit)
    if not roles or not roles <= set(built):
        raise ModelError(
            f"{path.name} holds roles {sorted(roles)}, {card.arch.name} has {sorted(built)}", where=str(path)
        )
    states = {role: built[role].state_dict() for role in roles}
    return built, {f"{role}/{key}": tuple(x.shape) for role, state in states.items() for key, x in state.items()}


def _filled(
    built: dict[str, nn.Module],
    tensors: Mapping[str, Tensor],
    *,
    card: Card,
    path: Path,
    device: torch.device | str,
) -> Model:
    roles = sorted({name.partition("/")[0] for name in tensors})
    networks = {role: built.pop(role) for role in roles}
    for role, net in networks.items():
        prefix = f"{role}/"
        net.load_state_dict({key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)})
        net.eval().requires_grad_(False).to(device)
    return Model(networks, card, path, untrained=built)


def _build(card: Card, registry: Registry, path: Path, *, limit: int) -> dict[str, nn.Module]:
    try:
        with torch.device("cpu"), _Allowance(limit, path):
            image = ImageSpec(**card.image.model_dump())
            return build_networks(registry, image, arch=card.arch, discriminator=card.discriminator)
    except (UsageError, EnvironmentProblem) as error:
        hint = f"pip install {card.arch.distribution}" if card.arch.distribution not in ("", "ganstyle") else error.hint
        raise ModelError(f"{path.name}: {error.message}", where=str(path), hint=hint) from None


class _Allowance(TorchFunctionMode):
    """Refuses the new tensor with which a lying card would use up memory.

    A first build on the meta device would do as well, but imports torch's compiler: 2.7 s of CPU instead of 0.06 s.
    """

    def __init__(self, elements: int, path: Path) -> None:
        super().__init__()
        self.left, self.path = elements, path

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in _FACTORIES:
            size = kwargs.get("size", args[0] if args and not isinstance(args[0], int) else args)
            self.left -= math.prod(int(side) for side in size if isinstance(side, int))
            if self.left < 0:
                raise ModelError(
                    f"{self.path.name}: its card asks for larger networks than it holds", where=str(self.path)
                )
        return func(*args, **kwargs)


_FACTORIES = frozenset((torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn))
