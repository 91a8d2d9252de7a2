"""A new run that starts from the weights of another: same architecture, whatever of it fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from ganstyle.config import Config
from ganstyle.data.tensors import read_tensors
from ganstyle.engine import checkpoint
from ganstyle.engine.cards import read_card
from ganstyle.engine.opening import AVERAGED, find_model, is_checkpoint
from ganstyle.engine.run import Run, list_runs
from ganstyle.engine.session import Session
from ganstyle.errors import ModelError, NoInputError, UsageError

NAMED = 8  # tensors named in a message, the others counted


@dataclass(frozen=True)
class Source:
    """Weights to start from.

    Attributes:
        path: where they lie.
        architecture: of the generator and whatever else the architecture has.
        judge: architecture of the discriminator.
        images: training images they have seen.
        weights: `<role>/<tensor>` as trained; of a model file the averages, as it has nothing else.
        averages: likewise, averaged.
    """

    path: Path
    architecture: str
    judge: str
    images: int
    weights: dict[str, Tensor] = field(repr=False)
    averages: dict[str, Tensor] = field(repr=False)


def find_source(text: str, runs: Path, *, shipped: Mapping[str, Path] = MappingProxyType({})) -> Path:
    """Return what `--init-from` means: a path, a run by its number or folder's name, or weights that came along.

    Args:
        text: of the user.
        runs: folder of the runs.
        shipped: name of an architecture to the weights that its plugin brings.

    Raises:
        NoInputError: none of these.
    """
    path = Path(text).expanduser()
    if path.exists():
        return path
    found = list_runs(runs)
    named = [run.folder for run in found if text == run.folder.name or (text.isdigit() and int(text) == run.number)]
    if named:
        return named[-1]
    if text in shipped:
        return shipped[text]
    known = ", ".join(run.folder.name for run in found[-5:])
    came = f"; shipped: {', '.join(sorted(shipped))}" if shipped else ""
    hint = f"a run's folder, a checkpoint or a model file; runs in {runs}: {known or 'none'}{came}"
    raise NoInputError(f"there are no weights {text!r}", where="option --init-from", hint=hint)


def read_source(path: Path) -> Source:
    """Read a run's newest valid checkpoint, a checkpoint's folder or a model file.

    Raises:
        NoInputError: there is nothing of that kind.
        ModelError: damaged or foreign.
    """
    if (path / "config.json").is_file():
        newest = checkpoint.newest_valid(Run(path))
        if newest is not None:
            return _of_checkpoint(newest)
    file = find_model(path)
    return _of_checkpoint(checkpoint.load(file.parent)) if is_checkpoint(file) else _of_model(file)


def check_source(config: Config, source: Source) -> None:
    """Refuse weights of another architecture, before a run folder exists.

    Raises:
        UsageError: names both.
    """
    wanted = config.arch.name
    if source.architecture != wanted:
        raise UsageError(
            f"{source.path} holds a {source.architecture}, this run trains a {wanted}",
            where="train.init_from",
            hint=f"--arch {source.architecture}, or weights of a {wanted}",
        )


def start_from(session: Session, source: Source) -> str:
    """Copy into a fresh session what fits, the averages into the averages.

    Args:
        session: just opened; what the source lacks keeps its fresh weights.
        source: where from.

    Returns:
        One message: what was taken, and everything that was not.

    Raises:
        UsageError: another architecture, or not one tensor fits.
    """
    check_source(session.config, source)
    wanted = session.config.arch.name
    judge = session.config.discriminator.name if session.config.discriminator else wanted
    strange = {"discriminator"} if source.judge != judge else set()
    told, taken = [], 0
    for role, network in session.task.networks.items():
        weights = {} if role in strange else _of_role(source.weights, role)
        count, text = _copied(network, weights, role)
        taken += count
        told.append(text)
    if not taken:
        hint = "weights of the same architecture and width; options of the source: its config.json"
        raise UsageError(f"not one tensor of {source.path} fits this run", where="train.init_from", hint=hint)
    for role, network in session.averaged.networks.items():
        _copied(network, _of_role(source.averages, role), role)
    return f"started from {source.path} ({source.images:,} images): " + "; ".join(told)


def provenance(source: Source) -> dict[str, Any]:
    """Return what a run's status keeps of its source."""
    return {"path": str(source.path), "architecture": source.architecture, "images": source.images}


@torch.no_grad()
def _copied(network: nn.Module, weights: Mapping[str, Tensor], role: str) -> tuple[int, str]:
    """Copy what fits; return how many tensors, and a text about all that did not."""
    own = network.state_dict()
    if not weights:
        return 0, f"{role} starts fresh (none there, or of another architecture)"
    fits = {name for name, value in own.items() if name in weights and weights[name].shape == value.shape}
    for name in fits:
        own[name].copy_(weights[name])
    reshaped = [
        f"{name} {_size(weights[name])} there, {_size(own[name])} here" for name in own if name in weights.keys() - fits
    ]
    lists = {"other shapes": reshaped, "fresh": [n for n in own if n not in weights]}
    lists["left there"] = [name for name in weights if name not in own]
    missed = [f"{label}: {_named(names)}" for label, names in lists.items() if names]
    text = f"{role} {len(fits)} of {len(own)} tensors"
    return len(fits), f"{text} ({'; '.join(missed)})" if missed else text


def _size(value: Tensor) -> str:
    return "x".join(map(str, value.shape)) or "scalar"


def _named(names: list[str]) -> str:
    rest = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _of_role(tensors: Mapping[str, Tensor], role: str) -> dict[str, Tensor]:
    prefix = f"{role}/"
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _of_checkpoint(found: checkpoint.Checkpoint) -> Source:
    weights = {name: value for name, value in found.model.items() if not name.startswith(AVERAGED)}
    averages = {name.removeprefix(AVERAGED): x for name, x in found.model.items() if name.startswith(AVERAGED)}
    try:
        config = found.state["config"]
        architecture = config["arch"]["name"]
        judge = (config.get("discriminator") or config["arch"])["name"]
    except (KeyError, TypeError) as error:
        raise ModelError(f"{found.path.name} does not say what it holds: {error}", where=str(found.path)) from None
    return Source(found.path, architecture, judge, found.images, weights, weights | averages)


def _of_model(file: Path) -> Source:
    card = read_card(file)
    weights = read_tensors(file)
    judge = card.discriminator.name if card.discriminator else card.arch.name
    return Source(file, card.arch.name, judge, card.images_seen, weights, weights)
