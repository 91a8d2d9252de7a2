"""From layers to a configuration, and to JSON and back."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ganstyle.api import Architecture, make_options
from ganstyle.config._draft import LIST_KINDS, REPLACEMENTS, Assignment, Config, Draft, Selection, check_rules, find
from ganstyle.config._groups import GROUPS
from ganstyle.config._presets import preset_keys
from ganstyle.config._recipe import flat, parse_set, read_recipe
from ganstyle.registry import SINGLE_KINDS, Registry, default_registry, option_prefix

JUDGING = ("loss", "regularizer", "task")


def resolve(
    registry: Registry,
    *,
    preset: str | None = None,
    recipe: Path | str | Mapping[str, Any] | None = None,
    flags: Mapping[str, Any] | None = None,
    sets: Sequence[str] = (),
) -> Config:
    """Join the layers: default < architecture's recipe < discriminator's < preset < recipe < flags < sets.

    Of the recipe of a replaced discriminator only what concerns judging is taken: loss, penalties and task.

    Args:
        registry: where names are looked up; no component is imported.
        preset: budget and size by a word, see PRESETS.
        recipe: a TOML file, a run's `config.json`, or their content.
        flags: dotted key or section to value, e.g. `{"arch": "dcgan", "metric": "fid,ssim", "train.batch": 8}`;
            None is "not given". `data` may be a path: a folder or a zip file.
        sets: `KEY=VALUE`, the value a TOML literal or else text.

    Raises:
        UsageError: an unreadable recipe, an unknown section, component or plain option, or a bad value. Options of
            components are checked by `validate`, which must import them.
    """
    layers = [
        flat(preset_keys(preset)),
        flat(read_recipe(recipe) if isinstance(recipe, str | os.PathLike) else recipe or {}),
        flat({key: value for key, value in (flags or {}).items() if value is not None}),
        [parse_set(text) for text in sets],
    ]
    draft = Draft(registry)
    for layer in layers:  # once without the architecture's recipe, only to learn which architecture it is
        draft.apply(layer)
    arch, judge = draft.single["arch"], draft.single["discriminator"]
    draft = Draft(registry)
    draft.single["arch"] = arch
    draft.apply(_recipe_of(registry, arch))
    if judge:
        draft.apply(item for item in _recipe_of(registry, judge, "discriminator") if item[0][0] in JUDGING)
    for layer in layers:
        draft.apply(layer)
    return draft.finish()


def _recipe_of(registry: Registry, name: str, section: str = "arch") -> list[Assignment]:
    component = find(registry, section, name)
    return flat(component.recipe if isinstance(component, Architecture) else {})


def validate(config: Config, registry: Registry) -> Config:
    """Resolve every component and return the configuration with every option in it (imports torch).

    Raises:
        UsageError: an unknown component, key or value.
        EnvironmentProblem: a component can't be imported; names its plugin.
    """

    def full(kind: str, selection: Selection | None) -> Selection | None:
        if selection is None:
            return None
        model = registry.options_model(find(registry, kind, selection.name))
        prefix = kind if kind in REPLACEMENTS else option_prefix(kind, selection.name)
        options = make_options(model, selection.options, prefix=prefix)
        return Selection(selection.name, options.model_dump(mode="json"))

    sections: dict[str, Any] = {kind: full(kind, getattr(config, kind)) for kind in (*SINGLE_KINDS, *REPLACEMENTS)}
    sections |= {kind: tuple(full(kind, item) for item in getattr(config, kind)) for kind in LIST_KINDS}
    check_rules(config)
    return replace(config, **sections)


def config_to_dict(config: Config, registry: Registry | None = None) -> dict[str, Any]:
    """Return plain JSON with every option, defaults included; it is a valid recipe, too.

    Args:
        config: complete or not.
        registry: where the components' defaults come from; `default_registry()` if None.
    """
    config = validate(config, registry or default_registry())
    document: dict[str, Any] = {}
    for kind in (*SINGLE_KINDS, *REPLACEMENTS):
        selection = getattr(config, kind)
        document[kind] = selection and {"name": selection.name, **selection.options}
    for kind in LIST_KINDS:
        document[kind] = {selection.name: selection.options for selection in getattr(config, kind)}
    return document | {group: getattr(config, group).model_dump(mode="json") for group in GROUPS}


def config_from_dict(registry: Registry, mapping: Mapping[str, Any]) -> Config:
    """Read what `config_to_dict` wrote; the mapping is not trusted.

    Raises:
        UsageError: an unknown section, component, key or value.
        EnvironmentProblem: a component can't be imported.
    """
    draft = Draft(registry)
    draft.apply(flat(mapping))
    return validate(draft.finish(), registry)
