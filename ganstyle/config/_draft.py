"""Joining layers, from the weakest to the strongest."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ganstyle.api import Component, make_options, suggest
from ganstyle.config._groups import GROUPS, OptimizerOptions, PreprocessOptions, TrainOptions
from ganstyle.errors import UsageError
from ganstyle.registry import SINGLE_KINDS, Registry

LIST_KINDS = ("regularizer", "metric", "callback")
REPLACEMENTS: Mapping[str, str] = {"discriminator": "arch"}
"""Sections that may stay empty, and the kind of component that fills them."""
SECTIONS = (*SINGLE_KINDS, *REPLACEMENTS, *LIST_KINDS, *GROUPS)
DEFAULTS: Mapping[str, str] = {"arch": "dcgan", "loss": "bce", "task": "gan", "data": "embedded"}

AUTO = "auto"
OPEN_TO_AUTO = (
    "train.batch",
    "train.ema_halflife_images",
    "train.workers",
    "train.memory_format",
    "regularizer.r1.gamma",
    "regularizer.r2.gamma",
    "task.ada_speed_images",
)
"""Keys that may be `auto`; those of `train`, and of ADA where it is on, are so unless a layer names them."""

Assignment = tuple[tuple[str, ...], Any]
"""A key, split at its dots, and the value."""


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
    """Everything a run depends on.

    Attributes:
        discriminator: an architecture whose discriminator takes the place of the architecture's own; None keeps it.
        automatic: keys of OPEN_TO_AUTO that are still to be chosen (`ganstyle.engine.automatic`); until then they
            hold their defaults.
    """

    arch: Selection = Selection("dcgan")
    loss: Selection = Selection("bce")
    task: Selection = Selection("gan")
    data: Selection = Selection("embedded")
    discriminator: Selection | None = None
    regularizer: tuple[Selection, ...] = ()
    metric: tuple[Selection, ...] = ()
    callback: tuple[Selection, ...] = ()
    train: TrainOptions = field(default_factory=TrainOptions)
    optimizer: OptimizerOptions = field(default_factory=OptimizerOptions)
    preprocess: PreprocessOptions = field(default_factory=PreprocessOptions)
    automatic: tuple[str, ...] = field(default=(), compare=False)


class Draft:
    """The layers joined so far; each `apply` is stronger than the last."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        # A section of REPLACEMENTS without a name is empty.
        self.single: dict[str, str] = dict(DEFAULTS) | dict.fromkeys(REPLACEMENTS, "")
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
                raise UsageError(
                    f"there is no section {path[0]!r}; {suggest(path[0], SECTIONS)}",
                    where=".".join(path),
                    hint="sections: " + ", ".join(SECTIONS),
                )

    def _apply_single(self, path: tuple[str, ...], value: Any) -> None:
        kind, *rest = path
        if not rest and isinstance(value, Mapping):
            self.apply(((kind, str(key)), item) for key, item in value.items())
        elif not rest or rest == ["name"]:
            is_emptied = kind in REPLACEMENTS and value in (None, "none", "")
            self._choose(kind, "" if is_emptied else _word(value, kind))
        elif len(rest) == 1:
            self.options.setdefault((kind, self.single[kind]), {})[rest[0]] = value
        else:
            raise _too_deep(path)

    def _choose(self, kind: str, name: str) -> None:
        is_new_data = kind == "data" and name not in self.registry.names(kind)
        name, options = self._as_dataset(name) if is_new_data else (name, {})
        self.single[kind] = name
        self.options.setdefault((kind, name), {}).update(options)

    def _as_dataset(self, name: str) -> tuple[str, dict[str, Any]]:
        """Read what `--data` got: a path for the data set that the architecture chose, or for one of pictures."""
        found, options = _as_dataset(name)
        chosen = self.single["data"]
        own = find(self.registry, "data", chosen) if options and chosen in self.registry.names("data") else None
        option = getattr(own, "folder", "")
        return (chosen, {option: options["path"]}) if option else (found, options)

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
        for kind, chosen in self.lists.items():
            for name in chosen:
                self.registry.get(kind, name)
        automatic = tuple(key for key in OPEN_TO_AUTO if self._is_open(key))
        sections: dict[str, Any] = {kind: self._selection(kind, name) for kind, name in self.single.items()}
        for kind, chosen in self.lists.items():
            sections[kind] = tuple(Selection(name, dict(options)) for name, options in chosen.items())
        for group, model in GROUPS.items():
            sections[group] = make_options(model, self.groups[group], prefix=group)
        config = Config(**sections, automatic=automatic)
        check_rules(config)
        return config

    def _is_open(self, key: str) -> bool:
        """Whether nobody chose a value; the word `auto` itself is taken out, so that options stay numbers."""
        section, *names, option = key.split(".")
        if section in self.groups:
            values = self.groups[section]
        elif names:
            values = self.lists[section].get(names[0], {})
        else:
            values = self.options.get((section, self.single[section]), {})
        if option not in values:
            return section in self.groups or "ada" in (values.get("augment") or ())
        if values[option] != AUTO:
            return False
        del values[option]
        return True

    def _selection(self, kind: str, name: str) -> Selection | None:
        options = self.options.get((kind, name), {})
        if name:
            find(self.registry, kind, name)
            return Selection(name, dict(options))
        if options:
            key = f"{kind}.{next(iter(options))}"
            raise UsageError(f"{key} is given, but no {kind} is named", where=key, hint=f"--set {kind}=NAME, too")
        return None


def find(registry: Registry, section: str, name: str) -> Component:
    """Return the component that a section names.

    Raises:
        UsageError: unknown; says in which section.
    """
    try:
        return registry.get(REPLACEMENTS.get(section, section), name)
    except UsageError as error:
        where = section if section in REPLACEMENTS else error.where
        raise UsageError(error.message, where=where, hint=error.hint) from None


def check_rules(config: Config) -> None:
    """Check what no single option can: values that must fit together.

    Raises:
        UsageError: two values exclude each other.
    """
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
