"""`ganstyle arch|loss|metric|dataset|task|regularizer|callback|backbone`: list and show."""

from __future__ import annotations

import json as jsonlib
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganstyle.cli.output import JsonFlag, Output, command

if TYPE_CHECKING:
    from ganstyle.api import Component
    from ganstyle.registry import Registry

NameArgument = Annotated[str, typer.Argument(help="As listed.", show_default=False)]

_PLURALS = {
    "arch": "architectures",
    "loss": "losses",
    "metric": "metrics",
    "data": "data sets",
    "task": "tasks",
    "regularizer": "regularizers",
    "callback": "callbacks",
    "backbone": "backbones",
}
_COMMANDS = {"metric": "eval"}  # that take the component; the others belong to train


def _group(kind: str) -> typer.Typer:
    group = typer.Typer(
        help=f"List and show {_PLURALS[kind]}.", no_args_is_help=True, rich_markup_mode=None, add_completion=False
    )

    @group.command("list", help=f"List the {_PLURALS[kind]} of all plugins.")
    @command
    def list_(json: JsonFlag = False) -> None:
        _list(kind, Output(json))

    @group.command("show", help="Show what one is, where it comes from, and its options.")
    @command
    def show(name: NameArgument, json: JsonFlag = False) -> None:
        _show(kind, name, Output(json))

    return group


def _list(kind: str, out: Output) -> None:
    from ganstyle.registry import default_registry

    registry = default_registry()
    rows = [_summary(registry, component) for component in registry.components(kind)]
    failed = {status.key: status.error for status in registry.plugins if status.error}
    if failed:
        out.warn(f"{len(failed)} plugin(s) failed to load ({', '.join(failed)}); ganstyle doctor says why")
    cells = [[row["name"], row["summary"], row["reference"], row["plugin"]] for row in rows]
    out.result(
        {"kind": kind, "components": rows, "failed_plugins": failed},
        table=(["name", "summary", "reference", "plugin"], cells) if rows else None,
        text=None if rows else f"there are no {_PLURALS[kind]}",
    )


def _summary(registry: Registry, component: Component) -> dict[str, Any]:
    origin = registry.origin(component.kind, component.name)
    return {
        "name": component.name,
        "summary": component.summary,
        "reference": component.reference,
        "plugin": origin.key,
        "version": origin.version,
    }


def _show(kind: str, name: str, out: Output) -> None:
    from ganstyle.api import describe_options
    from ganstyle.registry import default_registry, option_prefix

    registry = default_registry()
    component = registry.get(kind, name)
    facts = _summary(registry, component)
    options = describe_options(registry.options_model(component))
    recipe = dict(getattr(component, "recipe", {}))
    prefix = option_prefix(kind, name)
    keys = ["type", "range", "description"]
    cells = [
        [f"{prefix}.{option['name']}", _text(option["default"]), *(option[key] for key in keys)] for option in options
    ]
    out.result(
        {"kind": kind, **facts, "recipe": recipe, "options": options},
        text=_prose(component, facts, options),
        table=(["option", "default", *keys], cells) if options else None,
    )


def _prose(component: Component, facts: dict[str, Any], options: list[dict[str, Any]]) -> str:
    kind, name = component.kind, component.name
    lines = [f"{name}: {component.summary}"]
    if component.reference:
        lines.append(f"reference: {component.reference}")
    lines.append(f"plugin: {facts['plugin']} {facts['version']}")
    recipe = getattr(component, "recipe", {})
    if recipe:
        lines.append("sets: " + ", ".join(f"{key}={_text(value)}" for key, value in recipe.items()))
    lines.append(f"use: ganstyle {_COMMANDS.get(kind, 'train')} {_usage(kind, name, options)}")
    return "\n".join([*lines, "" if options else "it has no options"])


def _usage(kind: str, name: str, options: list[dict[str, Any]]) -> str:
    from ganstyle.registry import option_prefix

    if kind == "backbone":  # a component of components: tasks name it
        return f"--set task.backbone={name}"
    has_flag = kind in ("arch", "loss", "metric", "data", "task")
    flag = f"--{kind} {name}" if has_flag else "" if options else f"--set {kind}={name}"
    if not options:
        return flag
    value = _text(options[0]["default"])
    quoted = f"'{value}'" if set(value) & set(' []{}"*?$;&|<>()') else value
    return f"{flag} --set {option_prefix(kind, name)}.{options[0]['name']}={quoted}".strip()


def _text(value: Any) -> str:
    """Write a value as `--set` reads it."""
    if value is None:
        return "none"
    return value if isinstance(value, str) else jsonlib.dumps(value)


arch = _group("arch")
loss = _group("loss")
metric = _group("metric")
dataset = _group("data")
task = _group("task")
regularizer = _group("regularizer")
callback = _group("callback")
backbone = _group("backbone")
