"""`ganstyle plugin list|new`: what is installed, and the start of one's own."""

from __future__ import annotations

import json as jsonlib
import keyword
import os
import re
import shutil
import tempfile
from importlib import resources, util
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganstyle.cli.output import JsonFlag, Output, command
from ganstyle.errors import UsageError

if TYPE_CHECKING:
    from ganstyle.registry import PluginStatus

TEMPLATE = "plugin_template.json"
PLACEHOLDER = "example"
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LONGEST_NAME = 30

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)


@app.command("list", help="List installed plugins and what became of each.")
@command
def list_(json: JsonFlag = False) -> None:
    """List the plugins in loading order, those that failed included."""
    from ganstyle.registry import default_registry

    rows = [_described(status) for status in default_registry().plugins]
    cells = [
        [row["plugin"], row["version"], row["state"], row["error"] or ", ".join(row["components"])] for row in rows
    ]
    Output(json).result(
        {"plugins": rows},
        table=(["plugin", "version", "state", "components"], cells) if rows else None,
        text=None if rows else "there are no plugins",
    )


def _described(status: PluginStatus) -> dict[str, Any]:
    components = [f"{component.kind}.{component.name}" for component in status.components]
    facts = {"plugin": status.key, "version": status.version, "state": status.state, "error": status.error}
    return {**facts, "built_in": status.built_in, "components": components}


@app.command("new", help="Write a plugin project with an architecture, a loss, a metric and tests that pass.")
@command
def new(
    name: Annotated[str, typer.Argument(help="Lower case letters, digits, underscores.", show_default=False)],
    folder: Annotated[Path, typer.Option("--dir", help="Where to put the project's folder.")] = Path("."),
    json: JsonFlag = False,
) -> None:
    """Write the project `ganstyle-NAME`; nothing is overwritten."""
    check_name(name)
    project = folder / f"ganstyle-{name.replace('_', '-')}"
    files = write_project(name, project)
    steps = [f"pip install -e {project}", f"python -m pytest {project}", f"ganstyle train --arch {name} --loss {name}"]
    Output(json).result(
        {"name": name, "folder": str(project), "files": files, "next": steps},
        text="\n".join([f"{project}: {len(files)} files", *(f"next: {step}" for step in steps)]),
    )


def check_name(name: str) -> None:
    """Check that a plugin of this name can live beside what is installed.

    Raises:
        UsageError: not a name, or taken by a component or a package.
    """
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME or keyword.iskeyword(name):
        close = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_0123456789")[:_LONGEST_NAME].strip("_")
        hint = (
            f"ganstyle plugin new {close}" if _NAME.fullmatch(close) and not keyword.iskeyword(close) else "e.g. brush"
        )
        raise UsageError(
            f"{name!r} can't name a plugin: lower case letters, digits, underscores, at most {_LONGEST_NAME}",
            where="argument NAME",
            hint=hint,
        )
    taken = _taken_by(name)
    if taken:
        raise UsageError(f"the name {name!r} is taken by {taken}", where="argument NAME", hint=f"e.g. my_{name}")


def _taken_by(name: str) -> str:
    from ganstyle.registry import default_registry

    registry = default_registry()
    for kind in ("arch", "loss", "metric"):
        if name in registry.names(kind):
            return f"{kind} {name!r} of plugin {registry.origin(kind, name).key}"
    package = f"ganstyle_{name}"
    return f"the installed package {package}" if util.find_spec(package) else ""


def write_project(name: str, project: Path) -> list[str]:
    """Write the files of the template, all or none.

    Args:
        name: takes the place of the template's.
        project: the new folder.

    Returns:
        The files, relative to the folder.

    Raises:
        UsageError: the folder exists.
    """
    if os.path.lexists(project):
        raise UsageError(
            f"{project} exists", where="--dir", hint="choose another name or --dir; nothing was overwritten"
        )
    files = {_filled(path, name): _filled(text, name) for path, text in _template().items()}
    project.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{project.name}.", dir=project.parent))
    try:
        for path, text in files.items():
            (part / path).parent.mkdir(parents=True, exist_ok=True)
            (part / path).write_text(text, encoding="utf-8", newline="\n")
        part.chmod(0o755)  # mkdtemp makes private folders
        part.rename(project)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return list(files)


def _template() -> dict[str, str]:
    return jsonlib.loads(resources.files("ganstyle.cli").joinpath(TEMPLATE).read_text(encoding="utf-8"))


def _filled(text: str, name: str) -> str:
    """Put the name in place of the template's; distributions are spelled with hyphens."""
    text = text.replace(f"ganstyle-{PLACEHOLDER}", f"ganstyle-{name.replace('_', '-')}")
    return text.replace(PLACEHOLDER, name)
