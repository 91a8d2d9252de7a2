"""The base model: one trained stylizer that every style file is a code for."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ganstyle.api import Architecture, suggest
from ganstyle.data.names import shown
from ganstyle.errors import EnvironmentProblem, ModelError, UsageError
from ganstyle.registry import Registry, default_registry

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import nn

    from ganstyle.style.painters import Code, Pixels, TilePainter

STYLIZER = "stylizer"


@dataclass(frozen=True)
class BaseModel:
    """A stylizer ready to paint.

    Attributes:
        name: its architecture.
        sha256: of its weights; a style fits one base model only.
        painter: paints pieces of pictures.
        device: where it computes, e.g. `cpu` or `cuda`.
        may_fall_back: the user left the device to us, so that a CPU may take over.
        opener: returns the torch module; called when first needed.
    """

    name: str
    sha256: str
    painter: TilePainter
    device: str
    may_fall_back: bool = False
    opener: Callable[[], Any] | None = field(default=None, repr=False, compare=False)

    @property
    def code_length(self) -> int | None:
        """How many numbers a style code has; None where any number will do."""
        return self.painter.code_length

    @property
    def adapter_length(self) -> int:
        """How many numbers of a style's adapter may follow its code; 0 where the base model takes none."""
        return getattr(self.painter, "adapter_length", 0)

    @functools.cached_property
    def stylizer(self) -> Any:
        """The torch module, for what needs more than painting, such as `fitting`; see the plugin contract.

        Raises:
            ModelError: the weights don't fit their architecture.
        """
        if self.opener is None:
            raise ModelError(f"base model {self.name} has no network, it can only paint", where=self.name)
        return self.opener()

    def encode(self, picture: Pixels) -> Code:
        """Return the style code, float32 (D,), of uint8 (H, W, 3) as it is; torch is imported if the painter can't.

        Raises:
            ModelError: the weights don't fit their architecture.
            EnvironmentProblem: something that encoding needs is missing.
        """
        from ganstyle.style.painters import network_code

        if getattr(self.painter, "can_encode", False):
            return cast(Any, self.painter).encode(picture)
        return network_code(self.stylizer, picture, self.device)

    def on_cpu(self) -> BaseModel:
        """Return the base model with a painter on the CPU; this one stays where it is."""
        return replace(self, painter=self.painter.on_cpu(), device="cpu", may_fall_back=False)


def resource_path(resource: str) -> Path:
    """Return where `"package:folder/file"` lies; the package is imported, the file need not exist."""
    package, _, inner = resource.partition(":")
    return Path(str(files(package))) / inner


def base_records(registry: Registry) -> Iterator[Architecture]:
    """Yield the architectures that bring trained weights, in the order of their plugins."""
    for record in registry.components("arch"):
        if isinstance(record, Architecture) and record.weights:
            yield record


def weights_path(model: str | Path | None, registry: Registry) -> Path:
    """Return the model file that a user means.

    Args:
        model: a model file, a run folder, the name of an architecture that brings weights, or None for
            the first of those.
        registry: knows the architectures.

    Raises:
        UsageError: neither a file nor such a name.
        EnvironmentProblem: the weights are not installed.
    """
    if model is not None and Path(model).exists():
        return _model_in(Path(model))
    records = {record.name: record for record in base_records(registry)}
    if model is None:
        return _installed(records)
    if str(model) not in records:
        raise UsageError(
            f"no base model {str(model)!r}; {suggest(str(model), records)}",
            where="option --model",
            hint="a model file, a run folder, or a name of `ganstyle arch list`",
        )
    return _installed({str(model): records[str(model)]})


def _model_in(path: Path) -> Path:
    if not path.is_dir():
        return path
    if not (path / "model.safetensors").is_file():
        message, hint = f"{shown(path)} holds no model.safetensors", "a run folder of ganstyle train, or a model file"
        raise ModelError(message, where=shown(path), hint=hint)
    return path / "model.safetensors"


def _installed(records: dict[str, Architecture]) -> Path:
    paths = [resource_path(record.weights) for record in records.values()]
    for path in paths:
        if path.is_file():
            return path
    raise EnvironmentProblem(
        "no weights of a base model are installed",
        where=str(paths[0]) if paths else "no plugin brings a base model",
        hint="reinstall ganstyle, or train one: ganstyle train --arch adastyle, then --model RUN",
    )


def load_base(
    model: str | Path | None = None, *, registry: Registry | None = None, device: str = "auto", graph: bool = True
) -> BaseModel:
    """Load a base model.

    Args:
        model: see `weights_path`.
        registry: default `default_registry()`.
        device: `auto`, `cpu`, `cuda` or `mps`.
        graph: on the CPU, paint and encode through the architecture's graph if it has one; torch is then imported
            only for what needs the network itself, such as refining a style.

    Raises:
        ModelError: a damaged or foreign file, or a model that paints nothing.
        EnvironmentProblem: no weights, or the device is missing.
    """
    registry = registry or default_registry()
    path, place = weights_path(model, registry), _place(device)
    found = _graph_base(path, registry) if graph and place == "cpu" else None
    return found or _torch_base(path, registry, place, may_fall_back=device == "auto")


def _place(device: str) -> str:
    """Return the device to use; torch, which takes seconds to import, is asked only where there may be a GPU."""
    from ganstyle.style.graph import may_have_gpu

    if device == "cpu" or (device == "auto" and not may_have_gpu()):
        return "cpu"
    from ganstyle.engine.device import choose_device

    return str(choose_device(device))


def _graph_base(path: Path, registry: Registry) -> BaseModel | None:
    """Return the base model with a painter that needs no torch, if its architecture has one."""
    from ganstyle.data.tensors import read_arrays
    from ganstyle.engine.cards import read_card
    from ganstyle.style.graph import graph_painter

    card = read_card(path)
    if card.arch.name not in registry.names("arch"):
        return None
    record = cast(Architecture, registry.get("arch", card.arch.name))
    prefix = f"{STYLIZER}/"
    stored = read_arrays(path, prefix=prefix) if record.graph else {}
    weights = {name.removeprefix(prefix): array for name, array in stored.items()}
    painter = graph_painter(record, card.arch.options, weights)
    if painter is None:
        return None
    return BaseModel(card.arch.name, weights_sha256(weights), painter, "cpu", False, lambda: _stylizer(path, registry))


def _stylizer(path: Path, registry: Registry) -> Any:
    return _torch_base(path, registry, "cpu").stylizer


def _torch_base(path: Path, registry: Registry, device: str, *, may_fall_back: bool = False) -> BaseModel:
    from ganstyle.engine.model import load_model

    loaded = load_model(path, registry=registry, device=device)
    if STYLIZER not in loaded.networks:
        raise ModelError(
            f"{path.name} is a model of {loaded.card.arch.name}, which has no stylizer and no translator",
            where=str(path),
            hint="give a model of `ganstyle train --arch adastyle`, cut or cyclegan",
        )
    return base_of(loaded.networks[STYLIZER], loaded.card.arch.name, device, may_fall_back=may_fall_back)


def base_of(stylizer: nn.Module, name: str, device: torch.device | str, *, may_fall_back: bool = False) -> BaseModel:
    """Return the base model of a stylizer, which goes to the device and to evaluation mode."""
    import torch

    from ganstyle.style.painters import TorchPainter

    sha256 = fingerprint(stylizer)
    # 1.3 times faster on CPUs (512 px, one thread); measured, not assumed.
    placed = stylizer.eval().requires_grad_(False).to(device).to(memory_format=torch.channels_last)
    painter = TorchPainter(placed, str(device))
    return BaseModel(name, sha256, painter, str(device), may_fall_back, lambda: placed)


def fingerprint(stylizer: nn.Module) -> str:
    """Return the sha256 of the weights: names, shapes and float32 values, however the file was written."""
    return weights_sha256({name: value.detach().float().cpu().numpy() for name, value in stylizer.state_dict().items()})


def weights_sha256(weights: Mapping[str, NDArray[Any]]) -> str:
    """Return the sha256 of arrays by name: names, shapes and float32 values; `fingerprint` of a network with them."""
    import numpy as np

    digest = hashlib.sha256()
    for name, value in sorted(weights.items()):
        digest.update(f"{name}{tuple(value.shape)}".encode())
        digest.update(np.ascontiguousarray(value, dtype=np.float32).tobytes())
    return digest.hexdigest()
