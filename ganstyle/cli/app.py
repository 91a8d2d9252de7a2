"""The `ganstyle` command: a table of commands, each in a module that is imported only when asked for."""

from __future__ import annotations

import difflib
import importlib
import inspect
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import ganstyle
from ganstyle.cli.output import debugging, is_typer_error, report
from ganstyle.errors import EXIT_OK, EnvironmentProblem, UsageError

PROGRAM = "ganstyle"
HELP = f"""{PROGRAM} {ganstyle.__version__}: learn, store and apply image styles with GANs.

\b
  ganstyle train --arch dcgan --loss bce      train on the embedded paintings
  ganstyle generate                           pictures from the newest run
  ganstyle transfer photo.jpg --style monet   a photograph as a painting
  ganstyle eval --metric fid,ssim             score the newest run
  ganstyle arch list                          what can be combined
"""


@dataclass(frozen=True)
class Command:
    """A row of the command table.

    Attributes:
        target: `module:attribute` below `ganstyle.cli`; a function or a typer.Typer.
        summary: one line for `ganstyle --help`.
        examples: shown first in the command's own help.
    """

    target: str
    summary: str
    examples: tuple[str, ...] = ()


COMMANDS: dict[str, Command] = {
    "train": Command(
        "train:train",
        "Train networks on pictures; without arguments on the embedded paintings.",
        (
            "ganstyle train --arch dcgan --loss bce",
            "ganstyle train --data my_pictures/ --preset good --time 8h",
            "ganstyle train --arch stylegan2 --set discriminator=projected --images 2M --dry-run",
            "ganstyle train --arch stylegan2 --data few/ --init-from runs/0001-stylegan2 --freeze-d 2",
            "ganstyle train --run runs/0001-dcgan --images 400k      go on with a run",
        ),
    ),
    "generate": Command(
        "generate:generate",
        "Sample pictures from a run or a model file.",
        ("ganstyle generate", "ganstyle generate runs/0001-dcgan --count 64 --seed 7"),
    ),
    "project": Command(
        "project:project",
        "Find a real picture in the latent space of a generator.",
        (
            "ganstyle project face.png runs/0001-stylegan2",
            "ganstyle generate runs/0001-stylegan2 --code face.code.safetensors",
        ),
    ),
    "model": Command(
        "model:app",
        "List, show, verify, convert and export models.",
        ("ganstyle model list", "ganstyle model export runs/0001-dcgan --format onnx"),
    ),
    "transfer": Command(
        "transfer:transfer",
        "Turn pictures into paintings.",
        ("ganstyle transfer photo.jpg --style monet", "ganstyle transfer photos/ --style painting.jpg"),
    ),
    "learn": Command(
        "learn:learn",
        "Learn a style from pictures and keep it.",
        ("ganstyle learn my_hand sketches/", "ganstyle learn my_hand sketches/ --time 1m --previews looks/"),
    ),
    "eval": Command(
        "eval:evaluate",
        "Score generated pictures.",
        ("ganstyle eval --metric fid,ssim", "ganstyle eval generated/ --real photos/ --metric fid"),
    ),
    "report": Command(
        "report:report",
        "Write a run's curves, pictures and film anew, as one HTML file.",
        ("ganstyle report", "ganstyle report runs/0001-dcgan"),
    ),
    "study": Command(
        "study:app",
        "Ask people which pictures they prefer; compare runs in one table.",
        ("ganstyle study new ours/ theirs/ -o study.html", "ganstyle study result votes/ --study study.html"),
    ),
    "style": Command("style:app", "List, show, add, remove, share and blend stored styles.", ("ganstyle style list",)),
    "data": Command("data:app", "Check pictures; prepare a fast cache.", ("ganstyle data check my_pictures/",)),
    "arch": Command("components:arch", "List and show architectures.", ("ganstyle arch show dcgan",)),
    "loss": Command("components:loss", "List and show losses.", ("ganstyle loss list",)),
    "metric": Command("components:metric", "List and show metrics.", ("ganstyle metric show fid",)),
    "dataset": Command("components:dataset", "List and show data sets.", ("ganstyle dataset list",)),
    "task": Command("components:task", "List and show training tasks.", ("ganstyle task list",)),
    "regularizer": Command("components:regularizer", "List and show penalties.", ("ganstyle regularizer show r1",)),
    "callback": Command("components:callback", "List and show callbacks of a run.", ("ganstyle callback list",)),
    "backbone": Command(
        "components:backbone", "List and show frozen networks that losses look with.", ("ganstyle backbone list",)
    ),
    "plugin": Command("plugin:app", "List plugins; write a new one.", ("ganstyle plugin new mine",)),
    "doctor": Command("doctor:doctor", "Say what is wrong with this installation.", ("ganstyle doctor",)),
    "version": Command("version:version", "Show versions.", ("ganstyle version --json",)),
}

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".avif", ".tif", ".tiff", ".bmp", ".gif"})
_GLOBAL_FLAGS = frozenset({"--debug", "--no-plugins"})
_ROOT_ONLY = frozenset({"install_completion", "show_completion"})


class LazyGroup(TyperGroup):
    """A group that lists commands from the table and imports one only to run it."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import a command's module and return the command; None when there is no such name."""
        return load_command(cmd_name) if cmd_name in COMMANDS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command; a picture's path in its place means `transfer`."""
        name = args[0]
        if name not in COMMANDS:
            if not _is_picture(name):
                raise _unknown_command(name)
            args = ["transfer", *args]
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the table; no module is imported, so none can break it."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, row.summary) for name, row in COMMANDS.items()])


app = typer.Typer(
    cls=LazyGroup,
    help=HELP,
    rich_markup_mode=None,  # rich costs 0.1 s, which every --help would pay
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def _globals(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    no_plugins: Annotated[bool, typer.Option("--no-plugins", help="Load the built-in components only.")] = False,
    version: Annotated[bool, typer.Option("--version", "-V", help="Show the version.")] = False,
) -> None:
    if debug:
        os.environ["GANSTYLE_DEBUG"] = "1"
    if no_plugins:
        # An environment variable, so that processes we start hold to it as well.
        os.environ["GANSTYLE_NO_PLUGINS"] = "1"
    if version:
        typer.echo(f"{PROGRAM} {ganstyle.__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def load_command(name: str) -> Any:
    """Import one command of the table.

    Raises:
        EnvironmentProblem: its module can't be imported.
    """
    row = COMMANDS[name]
    module, _, attribute = row.target.partition(":")
    try:
        found = getattr(importlib.import_module(f"ganstyle.cli.{module}"), attribute)
    except Exception as error:
        if debugging():
            raise
        message = f"command {name!r} can't be loaded: {type(error).__name__}: {error}"
        raise EnvironmentProblem(message, where=f"ganstyle.cli.{module}", hint="ganstyle doctor") from error
    command = typer.main.get_command(found if isinstance(found, typer.Typer) else _single(found))
    return _described(command, name, row)


def _single(function: Any) -> typer.Typer:
    single = typer.Typer(rich_markup_mode=None, add_completion=False)
    single.command()(function)
    return single


def _described(command: Any, name: str, row: Command) -> Any:
    """Name the command and put its examples first, then the prose of its docstring."""
    command.name, command.rich_markup_mode = name, None
    command.params = [p for p in command.params if p.name not in _ROOT_ONLY]
    command.context_settings.setdefault("help_option_names", ["-h", "--help"])
    prose = re.split(r"^(?:Args|Raises|Returns):$", inspect.cleandoc(command.help or row.summary), flags=re.MULTILINE)
    examples = "\n".join(f"  {example}" for example in row.examples)
    command.help = f"\b\n{examples}\n\n{prose[0].strip()}" if examples else prose[0].strip()
    for nested in getattr(command, "commands", {}).values():
        nested.rich_markup_mode = None
    return command


def _is_picture(name: str) -> bool:
    return Path(name).suffix.lower() in PICTURE_SUFFIXES and Path(name).is_file()


def _unknown_command(name: str) -> UsageError:
    close = difflib.get_close_matches(name, COMMANDS, n=3, cutoff=0.5)
    hint = " or ".join(f"ganstyle {word}" for word in close)
    if Path(name).suffix.lower() in PICTURE_SUFFIXES:
        return UsageError(f"there is no picture {name!r}", where="command line", hint="check the path")
    return UsageError(
        f"unknown command {name!r}",
        where="command line",
        hint=f"did you mean: {hint}?" if close else "all commands: ganstyle --help",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: words after `ganstyle`; None takes them from the command line.

    Returns:
        The exit code of ganstyle.errors.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # an ASCII terminal must not turn a name into a traceback
            stream.reconfigure(errors="backslashreplace")
    words = _global_flags_first(list(sys.argv[1:] if arguments is None else arguments))
    try:
        code = typer.main.get_command(app).main(words, prog_name=PROGRAM, standalone_mode=False, obj=words)
        sys.stdout.flush()
        return code if isinstance(code, int) else EXIT_OK
    except (Exception, KeyboardInterrupt) as error:
        return _report(error, json="--json" in words)


def _global_flags_first(words: list[str]) -> list[str]:
    """Let `ganstyle train --debug` work: global options may stand anywhere before `--`."""
    end = words.index("--") if "--" in words else len(words)
    flags = [word for word in words[:end] if word in _GLOBAL_FLAGS]
    return flags + [word for word in words[:end] if word not in _GLOBAL_FLAGS] + words[end:]


def _report(error: BaseException, *, json: bool) -> int:
    if isinstance(error, typer.Exit):
        return error.exit_code
    if not is_typer_error(error) or isinstance(error, typer.Abort):
        return report(error, json=json)
    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(error.ctx.get_help())  # type: ignore[attr-defined]
        return EXIT_OK
    return report(_from_typer(error), json=json)


def _from_typer(error: Any) -> UsageError:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else PROGRAM
    hint = f"{path} --help"
    option = getattr(error, "option_name", None)
    if option and context:
        known = [name for parameter in context.command.params for name in parameter.opts]
        close = difflib.get_close_matches(option, [*known, *_GLOBAL_FLAGS], n=2, cutoff=0.5)
        hint = f"did you mean {' or '.join(close)}? All: {hint}" if close else hint
    message = error.message if option else error.format_message()
    return UsageError(message[:1].lower() + message[1:].rstrip("."), where=path, hint=hint)
