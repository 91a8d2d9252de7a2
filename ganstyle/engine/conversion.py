"""Foreign weights as a ganstyle model: read without running them, matched to an architecture by name or shape."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from ganstyle.api import ImageSpec
from ganstyle.config import resolve
from ganstyle.data.tensors import read_tensors
from ganstyle.engine import unpickling
from ganstyle.engine.model import card_of, save_model
from ganstyle.errors import ModelError, UsageError
from ganstyle.registry import Registry

TIMEOUT_SECONDS = 600
MAX_FILE_BYTES = 8 << 30
_OPTIONAL = "num_batches_tracked"  # a counter that older files lack and that sampling never reads

Shapes = Mapping[str, tuple[int, ...]]


def foreign_tensors(
    path: Path, *, trust_pickle: bool = False, tell: Callable[[str], None] | None = None
) -> dict[str, Tensor]:
    """Return the tensors of a foreign file by name.

    Args:
        path: safetensors, or a .pt or .pth file of torch.save.
        trust_pickle: read the latter, in a process of its own.
        tell: takes a line for the user, e.g. the names that the pickle asks for, before it is read.

    Raises:
        UsageError: a pickle without trust_pickle.
        ModelError: damaged, or asks for more than weights need; nothing of it was run.
    """
    if not is_pickle(path):
        return read_tensors(path)
    if not trust_pickle:
        raise UsageError(
            f"{path.name} is a pickle, which can hold programs",
            where=str(path),
            hint="if you know who made it, add --trust-pickle: it is then read in a process with few rights, and "
            "refused if it asks for anything but tensors; better, ask for a .safetensors file",
        )
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ModelError(f"{path.name} has more than {MAX_FILE_BYTES >> 30} GB", where=str(path))
    names = _child(path, "inspect")["globals"]
    if tell is not None:
        tell(f"{path.name} asks for: {', '.join(names) or 'nothing'}")
    with tempfile.TemporaryDirectory(prefix="ganstyle-") as folder:
        converted = Path(folder) / "converted.safetensors"
        _child(path, "convert", str(converted))
        return read_tensors(converted)


def is_pickle(path: Path) -> bool:
    """Tell whether a file is what torch.save or pickle writes, by its first bytes.

    Raises:
        ModelError: it can't be read.
    """
    try:
        with open(path, "rb") as stream:
            head = stream.read(9)
    except OSError as error:
        raise ModelError(f"{path.name} can't be read: {error.strerror}", where=str(path)) from None
    return head.startswith(b"PK\x03\x04") or (head[:1] == b"\x80" and head[8:] != b"{")


def _child(path: Path, *words: str) -> dict[str, Any]:
    mode, *rest = words
    command = [sys.executable, "-I", str(Path(unpickling.__file__)), mode, str(path.absolute()), *rest]
    environment = {key: os.environ[key] for key in ("PATH", "SYSTEMROOT", "TMPDIR", "TEMP") if key in os.environ}
    environment["OMP_NUM_THREADS"] = "1"
    try:
        done = subprocess.run(  # noqa: S603  our own program, no shell
            command, env=environment, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
        )
        answer = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        answer = {"refused": "reading it needed more memory or time than its size allows"}
    if "refused" in answer:
        raise ModelError(
            f"{path.name} is refused: {answer['refused']}; nothing in it was run",
            where=str(path),
            hint="ask its author for a .safetensors file, or for a plain state dict",
        )
    return answer


def matched(tensors: Mapping[str, Tensor], shapes: Shapes, *, rules: Sequence[str] = ()) -> dict[str, Tensor]:
    """Return tensors under the names that a network gives them.

    Tried in this order: the same names; the same names behind one prefix; the same shapes, if their order leaves no
    choice.

    Args:
        tensors: foreign ones by name.
        shapes: the network's own names and shapes.
        rules: `old=new`: a name that begins with `old` begins with `new` instead; the first that fits counts.

    Raises:
        UsageError: a rule without `=`.
        ModelError: names all missing and unexpected tensors, or what is ambiguous.
    """
    renamed = {_renamed(name, rules): value for name, value in tensors.items()}
    needed = {name: shape for name, shape in shapes.items() if not name.endswith(_OPTIONAL)}
    pairs = _by_name(renamed, needed) or _by_prefix(renamed, needed) or _by_order(renamed, needed)
    if pairs is None:
        raise _mismatch(renamed, needed)
    found = {name: renamed[source] for name, source in pairs.items()}
    for name in set(shapes) - set(needed):
        found[name] = next(iter(found.values())).new_zeros(()).long()
    return found


def _renamed(name: str, rules: Sequence[str]) -> str:
    for rule in rules:
        old, equals, new = rule.partition("=")
        if not equals:
            raise UsageError(f"{rule!r} is no rule", where="--map", hint="--map old=new, e.g. --map netG.=")
        if old and name.startswith(old):
            return new + name[len(old) :]
    return name


def _fits(tensors: Mapping[str, Tensor], pairs: Mapping[str, str], shapes: Shapes) -> bool:
    return all(source in tensors and tuple(tensors[source].shape) == shapes[name] for name, source in pairs.items())


def _by_name(tensors: Mapping[str, Tensor], shapes: Shapes) -> dict[str, str] | None:
    pairs = {name: name for name in shapes}
    return pairs if _fits(tensors, pairs, shapes) else None


def _by_prefix(tensors: Mapping[str, Tensor], shapes: Shapes) -> dict[str, str] | None:
    first = next(iter(shapes))
    prefixes = [name.removesuffix(first) for name in tensors if name.endswith("." + first)]
    fitting = [p for p in prefixes if _fits(tensors, {name: p + name for name in shapes}, shapes)]
    if len(fitting) > 1:
        raise ModelError(
            f"several networks in the file fit: {', '.join(fitting)}", hint=f"choose one: --map {fitting[0]}="
        )
    return {name: fitting[0] + name for name in shapes} if fitting else None


def _by_order(tensors: Mapping[str, Tensor], shapes: Shapes) -> dict[str, str] | None:
    """Pair equal shapes: the same sequence of shapes on both sides, or every shape but once."""
    sources = {name: tuple(value.shape) for name, value in tensors.items() if not name.endswith(_OPTIONAL)}
    if sorted(sources.values()) != sorted(shapes.values()):
        return None
    if list(sources.values()) == list(shapes.values()) or len(set(sources.values())) == len(sources):
        by_shape: dict[tuple[int, ...], list[str]] = defaultdict(list)
        for name, shape in sources.items():
            by_shape[shape].append(name)
        return {name: by_shape[shape].pop(0) for name, shape in shapes.items()}
    return None


def _mismatch(tensors: Mapping[str, Tensor], shapes: Shapes) -> ModelError:
    missing = [f"{name} {shape}" for name, shape in shapes.items() if name not in tensors]
    left_over = [name for name in tensors if name not in shapes and not name.endswith(_OPTIONAL)]
    unexpected = [f"{name} {tuple(tensors[name].shape)}" for name in left_over]
    other = [
        f"{name} is {tuple(tensors[name].shape)}, needed {shape}"
        for name, shape in shapes.items()
        if name in tensors and tuple(tensors[name].shape) != shape
    ]
    parts = {"missing": missing, "not used": unexpected, "of another shape": other}
    told = "; ".join(f"{len(names)} {what}: {', '.join(names)}" for what, names in parts.items() if names)
    return ModelError(
        f"the tensors don't fit the architecture: {told}",
        hint="rename with --map old=new, choose sizes with --set arch.KEY=VALUE and --resolution",
    )


@dataclass(frozen=True)
class Wanted:
    """What foreign weights are said to be.

    Attributes:
        arch: architecture.
        height: of its pictures.
        width: of its pictures.
        styles: names of its labels; none is unconditional.
        sets: options as on the command line.
        role: which network.
        facts: further fields of the card.
    """

    arch: str
    height: int
    width: int
    styles: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    role: str = "generator"
    facts: Mapping[str, Any] = field(default_factory=dict)


def convert_model(
    source: Path,
    target: Path,
    *,
    wanted: Wanted,
    registry: Registry,
    rules: Sequence[str] = (),
    trust_pickle: bool = False,
    tell: Callable[[str], None] | None = None,
) -> Path:
    """Write foreign weights as a model file.

    Args:
        source: see `foreign_tensors`.
        target: model file, replaced if it exists.
        wanted: architecture and card.
        registry: finds the architecture.
        rules: see `matched`.
        trust_pickle: see `foreign_tensors`.
        tell: see `foreign_tensors`.

    Raises:
        UsageError: unknown architecture, option or role; a pickle without trust_pickle.
        ModelError: a file that is refused, or tensors that don't fit.
    """
    config = resolve(registry, flags={"arch": wanted.arch}, sets=wanted.sets)
    image = ImageSpec(wanted.height, wanted.width, labels=len(wanted.styles))
    networks = registry.build("arch", wanted.arch, config.arch.options, image)
    if wanted.role not in networks:
        raise UsageError(f"{wanted.arch} has no {wanted.role!r}; it has {', '.join(networks)}", where="--role")
    network = networks[wanted.role]
    found = foreign_tensors(source, trust_pickle=trust_pickle, tell=tell)
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    network.load_state_dict(matched(found, shapes, rules=rules))
    card = card_of(config, image, registry=registry, styles=list(wanted.styles), **wanted.facts)
    return save_model(target, {wanted.role: network}, card)
