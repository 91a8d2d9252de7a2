"""One configuration out of defaults, the architecture's recipe, a recipe file, flags and `--set`; imports no torch.

A section names one component (`arch`, `loss`, `task`, `data`), several (`regularizer`, `metric`, `callback`) or plain
options (`train`, `optimizer`, `preprocess`). A stronger layer that names another component drops the weaker options of
that section; one that names the same component keeps them. A list of components given as a whole (`regularizer = [...]`
or a table in a recipe) replaces the weaker list; a dotted key (`regularizer.r1.gamma`) adds to it.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from ganstyle.api import Architecture, Options, make_options, parse_value, suggest
from ganstyle.errors import UsageError
from ganstyle.registry import SINGLE_KINDS, Registry, default_registry, option_prefix

MAX_RECIPE_BYTES = 1_000_000
LARGEST = 10**12  # of any count: beyond it, arithmetic overflows before anything useful happens
LIST_KINDS = ("regularizer", "metric", "callback")
DEFAULTS: Mapping[str, str] = {"arch": "dcgan", "loss": "bce", "task": "gan", "data": "embedded"}


class TrainOptions(Options):
    """How long, how large, where; `train.*`."""

    images: Annotated[int, Field(ge=1, le=LARGEST, description="Budget: images shown to the networks.")] = 100_000
    batch: Annotated[int, Field(ge=1, le=LARGEST, description="Images per step.")] = 32
    micro_batch: Annotated[
        int | None,
        Field(ge=1, le=LARGEST, description="Images per pass; smaller needs less memory and sums to the same step."),
    ] = None
    resolution: Annotated[int, Field(ge=4, le=8192, description="Height in pixels.")] = 64
    width: Annotated[int | None, Field(ge=4, le=8192, description="Width in pixels; none is square.")] = None
    seed: Annotated[int, Field(ge=0, lt=2**63, description="Equal seeds give equal runs on a CPU.")] = 0
    device: Annotated[
        str, Field(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$", description="auto, cpu, cuda, cuda:N or mps.")
    ] = "auto"
    precision: Annotated[Literal["float32", "bfloat16"], Field(description="Of the networks' arithmetic.")] = "float32"
    threads: Annotated[int | None, Field(ge=1, le=4096, description="CPU threads; none is torch's choice.")] = None
    workers: Annotated[int, Field(ge=0, le=256, description="Processes that read images; 0 reads in this one.")] = 0
    ema_halflife_images: Annotated[
        int,
        Field(ge=0, le=LARGEST, description="Images after which the averaged generator has half forgotten; 0 is off."),
    ] = 10_000
    log_every_steps: Annotated[int, Field(ge=1, le=LARGEST, description="Steps between lines of the log.")] = 20
    save_every_images: Annotated[int, Field(ge=1, le=LARGEST, description="Images between checkpoints.")] = 20_000
    preview_every_images: Annotated[int, Field(ge=1, le=LARGEST, description="Images between preview grids.")] = 10_000
    preview_count: Annotated[int, Field(ge=0, le=1024, description="Pictures in a preview grid; 0 is none.")] = 16
    keep: Annotated[int, Field(ge=2, le=LARGEST, description="Checkpoints kept; never fewer than two.")] = 3
    memory_format: Annotated[
        Literal["contiguous", "channels_last"], Field(description="Layout of image tensors; recipes hold the faster.")
    ] = "contiguous"
    conditional: Annotated[bool, Field(description="Train with the labels of the data.")] = False


class OptimizerOptions(Options):
    """Adam for each phase; `optimizer.*`."""

    lr: Annotated[float, Field(gt=0, description="Learning rate.")] = 2e-4
    betas: Annotated[
        tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]],
        Field(description="Decay of the two running means."),
    ] = (0.5, 0.999)
    eps: Annotated[float, Field(gt=0, description="Added to the root of the second mean.")] = 1e-8
    schedule: Annotated[Literal["constant", "cosine"], Field(description="Course of the learning rate.")] = "constant"
    final_factor: Annotated[float, Field(ge=0, le=1, description="Share of lr left at the end of cosine.")] = 0.1
    clip_norm: Annotated[float | None, Field(gt=0, description="Largest norm of a phase's gradient.")] = None


class PreprocessOptions(Options):
    """From a file to a training image; `preprocess.*`."""

    crop: Annotated[Literal["random", "center", "none"], Field(description="Which part is cut out.")] = "random"
    scale: Annotated[
        tuple[Annotated[float, Field(gt=0, le=1)], Annotated[float, Field(gt=0, le=1)]],
        Field(description="Least and greatest share of the short side that a crop takes; [1, 1] is all of it."),
    ] = (0.8, 1.0)
    rotate_degrees: Annotated[float, Field(ge=0, le=180, description="Greatest random rotation.")] = 0.0
    flip: Annotated[bool, Field(description="Mirror every second image.")] = True


GROUPS: Mapping[str, type[Options]] = {
    "train": TrainOptions,
    "optimizer": OptimizerOptions,
    "preprocess": PreprocessOptions,
}
SECTIONS = (*SINGLE_KINDS, *LIST_KINDS, *GROUPS)


@dataclass(frozen=True)
class Selection:
    """A component by name.

    Attributes:
        name: as registered.
        options: plain JSON values; what is missing takes the component's default.
    """

    name: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Config:
    """Everything a run depends on."""

    arch: Selection = Selection("dcgan")
    loss: Selection = Selection("bce")
    task: Selection = Selection("gan")
    data: Selection = Selection("embedded")
    regularizer: tuple[Selection, ...] = ()
    metric: tuple[Selection, ...] = ()
    callback: tuple[Selection, ...] = ()
    train: TrainOptions = field(default_factory=TrainOptions)
    optimizer: OptimizerOptions = field(default_factory=OptimizerOptions)
    preprocess: PreprocessOptions = field(default_factory=PreprocessOptions)


Assignment = tuple[tuple[str, ...], Any]
"""A key, split at its dots, and the value."""


def resolve(
    registry: Registry,
    *,
    recipe: Path | str | Mapping[str, Any] | None = None,
    flags: Mapping[str, Any] | None = None,
    sets: Sequence[str] = (),
) -> Config:
    """Join the layers: default < the architecture's recipe < recipe < flags < sets.

    Args:
        registry: where names are looked up; no component is imported.
        recipe: a TOML file, a run's `config.json`, or their content.
        flags: dotted key or section to value, e.g. `{"arch": "dcgan", "metric": "fid,ssim", "train.batch": 8}`;
            None is "not given". `data` may be a path: a folder or a zip file.
        sets: `KEY=VALUE`, the value a TOML literal or else text.

    Raises:
        UsageError: an unreadable recipe, an unknown section, component or plain option, or a bad value. Options of
            components are checked by `validate`, which must import them.
    """
    layers = [
        _flat(_read(recipe) if isinstance(recipe, str | os.PathLike) else recipe or {}),
        _flat({key: value for key, value in (flags or {}).items() if value is not None}),
        [_parse_set(text) for text in sets],
    ]
    draft = _Draft(registry)
    for layer in layers:  # once without the architecture's recipe, only to learn which architecture it is
        draft.apply(layer)
    arch = registry.get("arch", draft.single["arch"])
    draft = _Draft(registry)
    draft.single["arch"] = arch.name
    draft.apply(_flat(arch.recipe if isinstance(arch, Architecture) else {}))
    for layer in layers:
        draft.apply(layer)
    return draft.finish()


def validate(config: Config, registry: Registry) -> Config:
    """Resolve every component and return the configuration with every option in it (imports torch).

    Raises:
        UsageError: an unknown component, key or value.
        EnvironmentProblem: a component can't be imported; names its plugin.
    """

    def full(kind: str, selection: Selection) -> Selection:
        model = registry.options_model(registry.get(kind, selection.name))
        options = make_options(model, selection.options, prefix=option_prefix(kind, selection.name))
        return Selection(selection.name, options.model_dump(mode="json"))

    singles = {kind: full(kind, getattr(config, kind)) for kind in SINGLE_KINDS}
    lists = {kind: tuple(full(kind, item) for item in getattr(config, kind)) for kind in LIST_KINDS}
    _check_rules(config)
    return replace(config, **singles, **lists)


def config_to_dict(config: Config, registry: Registry | None = None) -> dict[str, Any]:
    """Return plain JSON with every option, defaults included; it is a valid recipe, too.

    Args:
        config: complete or not.
        registry: where the components' defaults come from; `default_registry()` if None.
    """
    config = validate(config, registry or default_registry())
    document: dict[str, Any] = {}
    for kind in SINGLE_KINDS:
        selection = getattr(config, kind)
        document[kind] = {"name": selection.name, **selection.options}
    for kind in LIST_KINDS:
        document[kind] = {selection.name: selection.options for selection in getattr(config, kind)}
    return document | {group: getattr(config, group).model_dump(mode="json") for group in GROUPS}


def config_from_dict(registry: Registry, mapping: Mapping[str, Any]) -> Config:
    """Read what `config_to_dict` wrote; the mapping is not trusted.

    Raises:
        UsageError: an unknown section, component, key or value.
        EnvironmentProblem: a component can't be imported.
    """
    draft = _Draft(registry)
    draft.apply(_flat(mapping))
    return validate(draft.finish(), registry)


class _Draft:
    """The layers joined so far; each `apply` is stronger than the last."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.single: dict[str, str] = dict(DEFAULTS)
        # By component as well: options of one that a stronger layer passes over are kept, and not looked at.
        self.options: dict[tuple[str, str], dict[str, Any]] = {}
        self.lists: dict[str, dict[str, dict[str, Any]]] = {kind: {} for kind in LIST_KINDS}
        self.groups: dict[str, dict[str, Any]] = {group: {} for group in GROUPS}

    def apply(self, layer: Iterable[Assignment]) -> None:
        """Take one layer; in it, names come before the options that they may drop."""
        for path, value in sorted(layer, key=lambda item: (len(item[0]), item[0][1:] != ("name",))):
            if path[0] in self.single:
                self._apply_single(path, value)
            elif path[0] in self.lists:
                self._apply_list(path, value)
            elif path[0] in self.groups:
                self._apply_group(path, value)
            else:
                raise UsageError(f"there is no section {path[0]!r}; {suggest(path[0], SECTIONS)}", where=".".join(path))

    def _apply_single(self, path: tuple[str, ...], value: Any) -> None:
        kind, *rest = path
        if not rest and isinstance(value, Mapping):
            self.apply(((kind, str(key)), item) for key, item in value.items())
        elif not rest or rest == ["name"]:
            self._choose(kind, _word(value, kind))
        elif len(rest) == 1:
            self.options.setdefault((kind, self.single[kind]), {})[rest[0]] = value
        else:
            raise _too_deep(path)

    def _choose(self, kind: str, name: str) -> None:
        is_new_data = kind == "data" and name not in self.registry.names(kind)
        name, options = _as_dataset(name) if is_new_data else (name, {})
        self.single[kind] = name
        self.options.setdefault((kind, name), {}).update(options)

    def _apply_list(self, path: tuple[str, ...], value: Any) -> None:
        kind, *rest = path
        chosen = self.lists[kind]
        if not rest:
            new = _named_options(value, kind)
            self.lists[kind] = {name: chosen.get(name, {}) | options for name, options in new.items()}
        elif len(rest) == 1:
            chosen[rest[0]] = chosen.get(rest[0], {}) | _table(value, path)
        elif len(rest) == 2:
            chosen[rest[0]] = chosen.get(rest[0], {}) | {rest[1]: value}
        else:
            raise _too_deep(path)

    def _apply_group(self, path: tuple[str, ...], value: Any) -> None:
        group, *rest = path
        if len(rest) > 1:
            raise _too_deep(path)
        self.groups[group].update({rest[0]: value} if rest else _table(value, path))

    def finish(self) -> Config:
        """Return the configuration; names must exist and plain options hold."""
        for kind, name in self.single.items():
            self.registry.get(kind, name)
        for kind, chosen in self.lists.items():
            for name in chosen:
                self.registry.get(kind, name)
        config = Config(
            **{kind: Selection(name, dict(self.options.get((kind, name), {}))) for kind, name in self.single.items()},
            **{
                kind: tuple(Selection(name, dict(o)) for name, o in chosen.items())
                for kind, chosen in self.lists.items()
            },
            **{group: make_options(model, self.groups[group], prefix=group) for group, model in GROUPS.items()},
        )
        _check_rules(config)
        return config


def _check_rules(config: Config) -> None:
    train, scale = config.train, config.preprocess.scale
    if train.micro_batch is not None and train.micro_batch > train.batch:
        raise UsageError(
            f"train.micro_batch {train.micro_batch} is larger than train.batch {train.batch}",
            where="train.micro_batch",
            hint=f"--set train.micro_batch={train.batch}",
        )
    if scale[0] > scale[1]:
        raise UsageError(
            f"preprocess.scale goes from {scale[0]} down to {scale[1]}",
            where="preprocess.scale",
            hint=f"--set preprocess.scale=[{scale[1]}, {scale[0]}]",
        )


def _as_dataset(name: str) -> tuple[str, dict[str, Any]]:
    """Read what `--data` got: a path, or a name (not that of a component)."""
    path = Path(name).expanduser()
    is_path = any(separator in name for separator in (os.sep, os.altsep, "/") if separator) or name in {".", ".."}
    if not is_path and not path.exists():
        return name, {}
    return "zip" if path.suffix.lower() == ".zip" else "folder", {"path": str(path)}


def _named_options(value: Any, kind: str) -> dict[str, dict[str, Any]]:
    if value is None or value in ("none", ""):
        return {}
    if isinstance(value, Mapping):
        return {str(name): _table(options, (kind, str(name))) for name, options in value.items()}
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list | tuple) or not all(isinstance(item, str) for item in items):
        raise UsageError(f"{kind}: expected names, found {value!r}", where=kind, hint=f'{kind} = ["a", "b"] or "a,b"')
    return {name.strip(): {} for item in items for name in item.split(",") if name.strip()}


def _word(value: Any, kind: str) -> str:
    if not isinstance(value, str):
        raise UsageError(f"{kind}: expected a name, found {value!r}", where=kind, hint=f"ganstyle {kind} list")
    return value


def _table(value: Any, path: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        key = ".".join(path)
        raise UsageError(f"{key}: expected options, found {value!r}", where=key, hint=f"--set {key}.OPTION=VALUE")
    return {str(key): item for key, item in value.items()}


def _too_deep(path: tuple[str, ...]) -> UsageError:
    key = ".".join(path)
    return UsageError(
        f"there is no key {key!r}: it has too many parts", where=key, hint="e.g. arch.z_dim, metric.fid.images"
    )


def _flat(mapping: Mapping[str, Any]) -> list[Assignment]:
    return list(_assignments(mapping))


def _assignments(mapping: Mapping[str, Any]) -> Iterator[Assignment]:
    for key, value in mapping.items():
        yield _split(str(key)), value


def _split(key: str) -> tuple[str, ...]:
    path = tuple(part.strip() for part in key.split("."))
    if not all(path):
        raise UsageError(f"{key!r} is no key", where=key, hint="e.g. arch.z_dim, train.batch, metric.fid.images")
    return path


def _parse_set(text: str) -> Assignment:
    key, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--set {text}: expected KEY=VALUE", where="--set", hint="e.g. --set train.batch=16")
    return _split(key), parse_value(value.strip())


def _read(recipe: str | os.PathLike[str]) -> Mapping[str, Any]:
    path = Path(recipe)
    try:
        if not path.is_file():
            raise UsageError(f"there is no recipe {str(path)!r}", where=str(path), hint="-c takes a TOML file")
        with path.open("rb") as file:
            data = file.read(MAX_RECIPE_BYTES + 1)
    except OSError as error:
        raise UsageError(f"can't read the recipe: {error.strerror}", where=str(path)) from None
    if len(data) > MAX_RECIPE_BYTES:
        raise UsageError(f"the recipe is larger than {MAX_RECIPE_BYTES:,} bytes", where=str(path))
    return _parse(data, path)


def _parse(data: bytes, path: Path) -> Mapping[str, Any]:
    try:
        text = data.decode()
        document = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except RecursionError:
        raise UsageError("the recipe is nested too deeply", where=str(path)) from None
    except ValueError as error:  # not UTF-8, not TOML, or an absurdly long number
        raise UsageError(f"the recipe is not valid: {error}", where=str(path), hint='e.g. arch = "dcgan"') from None
    if not isinstance(document, Mapping):
        raise UsageError("the recipe is no table", where=str(path))
    return document
