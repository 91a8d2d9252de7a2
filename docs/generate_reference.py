"""Write docs/reference.md from the code: exit codes, commands, configuration keys, components (`make docs`)."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ganstyle import errors
from ganstyle.api import KINDS, Component, Options, describe_options
from ganstyle.cli.app import COMMANDS, load_command
from ganstyle.config import OptimizerOptions, PreprocessOptions, TrainOptions
from ganstyle.registry import Registry, load_registry

PAGE = Path(__file__).parent / "reference.md"
HEADER = "# Reference\n\nWritten by `make docs` from the code; a test checks that it is current.\n"
SECTIONS = {"train": TrainOptions, "optimizer": OptimizerOptions, "preprocess": PreprocessOptions}
COMMAND_OF_KIND = {"data": "dataset"}


def page(registry: Registry) -> str:
    """Return the whole page."""
    parts = [HEADER, *exit_codes(), *commands(), *configuration(), *components(registry)]
    return "\n".join(part.rstrip() + "\n" for part in parts)


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", "\\|") or " "


def exit_codes() -> Iterator[str]:
    """Yield the table of exit codes, from ganstyle.errors."""
    found = {c.code: c for c in vars(errors).values() if inspect.isclass(c) and issubclass(c, errors.GanstyleError)}
    found[errors.NoInputError.code] = errors.NoInputError
    rows = {code: (kind.kind, kind.__doc__.strip().splitlines()[0]) for code, kind in found.items()}
    rows |= {
        errors.EXIT_OK: ("ok", "Done."),
        1: ("internal", "A bug in ganstyle; `--debug` shows where."),
        errors.EXIT_SOME_FAILED: ("some_failed", "Some inputs of a batch failed, the others are done."),
        errors.EXIT_SECOND_INTERRUPT: ("interrupted", "Stopped at once by Ctrl-C."),
    }
    yield "## Exit codes\n"
    yield table(("code", "kind", "meaning"), ((code, *rows[code]) for code in sorted(rows)))


def commands() -> Iterator[str]:
    """Yield one section for each command, with its examples, arguments and options."""
    yield "## Commands\n"
    yield "Global, before or after the command: `--debug` (tracebacks), `--no-plugins` (built-ins only)."
    for name, row in COMMANDS.items():
        command = load_command(name)
        yield f"### ganstyle {name}\n\n{row.summary}\n"
        yield "\n".join(["```sh", *row.examples, "```"])
        nested = getattr(command, "commands", None)
        for title, part in [(f"{name} {key}", value) for key, value in nested.items()] if nested else [(name, command)]:
            yield from _command(title, part, titled=nested is not None)


def _command(title: str, command: Any, *, titled: bool) -> Iterator[str]:
    if titled:
        yield f"#### ganstyle {title}\n\n{_prose(command.help)}\n"
    rows = [(f"`{_spelling(p)}`", _default(p), getattr(p, "help", "") or "") for p in command.params]
    rows = [row for row in rows if "--help" not in row[0]]
    if rows:
        yield table(("option", "default", "meaning"), rows)


def _prose(text: str | None) -> str:
    return re.split(r"^(?:Args|Raises|Returns):$", inspect.cleandoc(text or ""), flags=re.MULTILINE)[0].strip()


def _spelling(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return (parameter.name or "").upper()
    return ", ".join([*parameter.opts, *parameter.secondary_opts])


def _default(parameter: Any) -> str:
    value = parameter.default
    return "" if value is None or value is False or callable(value) else f"`{value}`"


def configuration() -> Iterator[str]:
    """Yield the keys that every run has."""
    yield "## Configuration\n"
    yield (
        "On the command line `--set train.batch=16`, in a recipe file `[train]` and `batch = 16`. "
        "Default < the architecture's recipe < recipe file < flags < `--set`."
    )
    for section, model in SECTIONS.items():
        yield f"### {section}\n"
        yield _options(section, model)


def components(registry: Registry) -> Iterator[str]:
    """Yield every component with its options."""
    for kind in KINDS:
        yield f"## {kind}\n"
        yield f"`ganstyle {COMMAND_OF_KIND.get(kind, kind)} list` and `show NAME` give the same."
        if not registry.components(kind):
            yield "None yet."
        for component in registry.components(kind):
            yield from _component(registry, kind, component)


def _component(registry: Registry, kind: str, component: Component) -> Iterator[str]:
    reference = f" ({component.reference})" if component.reference else ""
    yield f"### {component.name}\n\n{component.summary}{reference}\n"
    prefix = kind if kind in ("arch", "loss", "task", "data") else f"{kind}.{component.name}"
    model = registry.options_model(component)
    yield _options(prefix, model) if model.model_fields else "No options."
    if recipe := getattr(component, "recipe", None):
        yield "Recipe: " + ", ".join(f"`{key}={value}`" for key, value in recipe.items())


def _options(prefix: str, model: type[Options]) -> str:
    rows = [
        (f"`{prefix}.{o['name']}`", f"{o['type']} {o['range']}".strip(), f"`{_value(o['default'])}`", o["description"])
        for o in describe_options(model)
    ]
    return table(("key", "values", "default", "meaning"), rows)


def _value(default: object) -> object:
    return "none" if default is None else str(default).lower() if isinstance(default, bool) else default


if __name__ == "__main__":
    PAGE.write_text(page(load_registry(plugins=False)), encoding="utf-8")
