"""`ganstyle train`: one run, new or resumed."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganstyle.cli.output import JsonFlag, Output, QuietFlag, command
from ganstyle.cli.ranks import among_ranks, started_ranks
from ganstyle.errors import ModelError, UsageError

if TYPE_CHECKING:
    from ganstyle.config import Config
    from ganstyle.engine.run import Run
    from ganstyle.engine.session import Session
    from ganstyle.registry import Registry

RUNS = Path("runs")
_UNITS = {"": 1, "k": 1_000, "m": 1_000_000}


@command
def train(
    context: typer.Context,
    arch: Annotated[str | None, typer.Option(help="Architecture; `ganstyle arch list`.")] = None,
    loss: Annotated[str | None, typer.Option(help="Adversarial loss; `ganstyle loss list`.")] = None,
    data: Annotated[str | None, typer.Option(help="Folder, zip or data set name; default: embedded paintings.")] = None,
    task: Annotated[str | None, typer.Option(help="What is minimised; default: the architecture's own.")] = None,
    recipe: Annotated[Path | None, typer.Option("--recipe", "-c", help="TOML file with any of the options.")] = None,
    sets: Annotated[
        list[str] | None, typer.Option("--set", help="One option, e.g. arch.z_dim=128. Repeatable.")
    ] = None,
    images: Annotated[str | None, typer.Option(help="Budget of training images shown, e.g. 200k or 5M.")] = None,
    resolution: Annotated[int | None, typer.Option(help="Side of the pictures in pixels.")] = None,
    batch: Annotated[int | None, typer.Option(help="Pictures a step.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Equal seeds give equal runs.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps; a missing one is an error.")] = None,
    nproc: Annotated[
        int | None, typer.Option("--nproc", min=1, help="Train as so many processes of this machine, one for each GPU.")
    ] = None,
    runs: Annotated[Path, typer.Option(help="Folder of the numbered runs.")] = RUNS,
    run: Annotated[Path | None, typer.Option(help="Go on with this run.")] = None,
    resume: Annotated[str, typer.Option(help="auto: from the newest valid checkpoint; none: anew; or a run.")] = "auto",
    override: Annotated[bool, typer.Option(help="Resume although options or the data changed.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check and show the configuration; train nothing.")
    ] = False,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> int | None:
    """Train networks on pictures; without arguments a DCGAN on the embedded paintings."""
    code = started_ranks(nproc, context)
    if code is not None:
        return code
    flags = {
        "arch": arch,
        "loss": loss,
        "data": data,
        "task": task,
        "train.images": parse_count(images),
        "train.resolution": resolution,
        "train.batch": batch,
        "train.seed": seed,
        "train.device": device,
    }
    given = {key: value for key, value in flags.items() if value is not None}
    out = Output(json, quiet)
    if resume not in ("auto", "none"):
        run, resume = Path(resume), "auto"
    options = {"run": run, "runs": runs, "resume": resume, "override": override, "dry_run": dry_run, "out": out}
    among_ranks(partial(_train, given, recipe, sets or [], **options))
    return None


def _train(
    flags: dict[str, Any],
    recipe: Path | None,
    sets: list[str],
    *,
    run: Path | None,
    runs: Path,
    resume: str,
    override: bool,
    dry_run: bool,
    out: Output,
) -> None:
    from ganstyle.config import config_to_dict, resolve, validate
    from ganstyle.registry import default_registry

    registry = default_registry()
    opened = _open(run) if run is not None else None
    base = recipe if opened is None or recipe is not None else opened.config
    try:
        config = resolve(registry, recipe=base, flags=flags, sets=sets)
        validate(config, registry)
    except UsageError as error:
        if opened is None or flags or sets:
            raise
        raise ModelError(error.message, where=str(opened.folder / "config.json"), hint=error.hint) from None
    # What can't be built is refused here, before a run folder exists.
    session = _session(config, registry) if dry_run or opened is None else None
    if dry_run:
        out.result({"config": config_to_dict(config)}, text=_described(config_to_dict(config)))
        return
    if opened is None:
        opened = _create(runs, config_to_dict(config), config.arch.name)
    _fit(config, registry, opened, resume=resume, override=override, out=out, session=session)


def _session(config: Config, registry: Registry) -> Session:
    from ganstyle.engine.session import open_session

    return open_session(config, registry)


def _open(path: Path) -> Run:
    from ganstyle.engine.run import Run

    return Run.open(path)


def _create(root: Path, config: dict[str, Any], name: str) -> Run:
    from ganstyle.engine.run import Run

    return Run.create(root, config, name)


def _check_changes(run: Run, config: dict[str, Any], override: bool) -> None:
    from ganstyle.engine.promise import config_changes

    changes = [change for change in config_changes(run.config, config) if change.effect == "other"]
    if changes and not override:
        first = changes[0]
        raise UsageError(
            f"{first.key} was {first.old!r} when the run started and is {first.new!r} now ({len(changes)} changed)",
            where=str(run.folder / "config.json"),
            hint="leave it as it was, or --override to go on with the new value; the promise is then `approximate`",
        )


def _fit(
    config: Config,
    registry: Registry,
    run: Run,
    *,
    resume: str,
    override: bool,
    out: Output,
    session: Session | None = None,
) -> None:
    from ganstyle.config import config_to_dict
    from ganstyle.engine.training import fit

    with run.lock() as notes, out.progress(config.arch.name, config.train.images) as progress:
        for note in notes:
            out.say(note)
        if resume != "none":
            _check_changes(run, config_to_dict(config), override)
        run.write_config(config_to_dict(config))  # only under the lock: another process may be training it
        out.say(
            f"{run.folder}: {config.arch.name} + {config.loss.name} on {config.data.name}, {config.train.images} images"
        )
        told = _Told(progress, out)
        result = fit(
            config, registry=registry, run=run, resume=resume, allow_changes=override, reporter=told, session=session
        )
    facts = {"run": result.folder, "images": result.images, "model": result.model, "preview": result.preview}
    lines = [f"{name + ':':9}{value}" for name, value in facts.items()]
    out.result(facts, text="\n".join([*lines, f"{'next:':9}ganstyle generate {result.folder}"]))


class _Told:
    """Shows a run's progress on a terminal."""

    def __init__(self, progress: Any, out: Output) -> None:
        self.progress, self.out = progress, out

    def update(self, done: int, **facts: Any) -> None:
        """Move the bar."""
        self.progress.update(done, **facts)

    def say(self, text: str) -> None:
        """Show a line."""
        self.out.say(text)


def parse_count(text: str | None) -> int | None:
    """Read `200k` or `5M`.

    Raises:
        UsageError: not a positive count.
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([kKmM]?)", text)
    count = round(float(match[1]) * _UNITS[match[2].lower()]) if match else 0
    if count < 1:
        raise UsageError(f"{text!r} is not a count of images", where="option --images", hint="--images 200k or 5M")
    return count


def _described(config: dict[str, Any]) -> str:
    import json

    return json.dumps(config, indent=1, ensure_ascii=False)
