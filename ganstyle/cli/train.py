"""`ganstyle train`: one run, new or resumed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganstyle.cli.output import JsonFlag, Output, QuietFlag, command
from ganstyle.cli.progress import duration, size
from ganstyle.cli.ranks import among_ranks, started_ranks
from ganstyle.config import parse_count, parse_duration
from ganstyle.errors import ModelError, UsageError

if TYPE_CHECKING:
    from ganstyle.config import Config
    from ganstyle.engine.promise import Change
    from ganstyle.engine.run import Run
    from ganstyle.engine.session import Session
    from ganstyle.registry import Registry

RUNS = Path("runs")
SHORT_LOOK_S = 3.0  # of a dry run at the speed
Sets = Annotated[list[str] | None, typer.Option("--set", help="One option, e.g. arch.z_dim=128. Repeatable.")]
OtherJudge = Annotated[str | None, typer.Option(help="Another architecture's discriminator judges, e.g. projected.")]
StartFrom = Annotated[
    str | None,
    typer.Option(help="Start from the weights of a run (path, number), checkpoint, model file, or adastyle's own."),
]
FrozenLayers = Annotated[int | None, typer.Option(min=0, help="Lower layers of D that don't learn, for few images.")]
Restarts = Annotated[
    int, typer.Option(min=1, help="Train so many short starts, halve them by score, and go on with the best.")
]
Processes = Annotated[
    int | None, typer.Option("--nproc", min=1, help="Train as so many processes of this machine, one for each GPU.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check and show the configuration; train nothing.")]


@command
def train(
    context: typer.Context,
    arch: Annotated[str | None, typer.Option(help="Architecture; `ganstyle arch list`.")] = None,
    loss: Annotated[str | None, typer.Option(help="Adversarial loss; `ganstyle loss list`.")] = None,
    data: Annotated[str | None, typer.Option(help="Folder, zip or data set name; default: embedded paintings.")] = None,
    task: Annotated[str | None, typer.Option(help="What is minimised; default: the architecture's own.")] = None,
    recipe: Annotated[Path | None, typer.Option("--recipe", "-c", help="TOML file with any of the options.")] = None,
    sets: Sets = None,
    preset: Annotated[str | None, typer.Option(help="Budget and size: quick, good or best.")] = None,
    images: Annotated[str | None, typer.Option(help="Budget of training images shown, e.g. 200k or 5M.")] = None,
    time: Annotated[str | None, typer.Option(help="Budget as a time, e.g. 2h, 90m or 1h30m; becomes images.")] = None,
    resolution: Annotated[int | None, typer.Option(help="Side of the pictures in pixels.")] = None,
    batch: Annotated[int | None, typer.Option(help="Pictures a step.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Equal seeds give equal runs.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps; a missing one is an error.")] = None,
    discriminator: OtherJudge = None,
    init_from: StartFrom = None,
    freeze_d: FrozenLayers = None,
    metric: Annotated[str | None, typer.Option(help="Scores while training, e.g. fid; `ganstyle metric list`.")] = None,
    eval_every: Annotated[str | None, typer.Option(help="Images between scores, e.g. 50k.")] = None,
    on_collapse: Annotated[str | None, typer.Option(help="What an alarm does; see `train.on_collapse`.")] = None,
    callback: Annotated[str | None, typer.Option(help="Observers, e.g. tensorboard.")] = None,
    restarts: Restarts = 1,
    nproc: Processes = None,
    runs: Annotated[Path, typer.Option(help="Folder of the numbered runs.")] = RUNS,
    run: Annotated[Path | None, typer.Option(help="Go on with this run.")] = None,
    resume: Annotated[str, typer.Option(help="auto: from the newest valid checkpoint; none: anew; or a run.")] = "auto",
    override: Annotated[bool, typer.Option(help="Resume although options or the data changed.")] = False,
    dry_run: DryRun = False,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> int | None:
    """Train networks on pictures; without arguments a DCGAN on the embedded paintings."""
    code = started_ranks(nproc, context)
    if code is not None:
        return code
    if resume not in ("auto", "none"):
        run, resume = Path(resume), "auto"
    check_budgets(run, {"--init-from": init_from, "--time": time, "--preset": preset}, images=images)
    flags = {
        "arch": arch,
        "loss": loss,
        "data": data,
        "task": task,
        "discriminator": discriminator,
        "metric": metric,
        "callback": callback,
        "train.images": parse_count(images),
        "train.resolution": resolution,
        "train.batch": batch,
        "train.seed": seed,
        "train.device": device,
        "train.eval_every_images": parse_count(eval_every),
        "train.on_collapse": on_collapse,
        "train.init_from": _source(init_from, runs),
        "task.freeze_d": freeze_d,
    }
    plan = Plan(flags, recipe, sets or [], preset=preset, seconds=parse_duration(time))
    how = {"resume": resume, "allow_changes": override, "restarts": restarts}
    among_ranks(partial(_train, plan, run=run, runs=runs, how=how, dry_run=dry_run, out=Output(json, quiet)))
    return None


@dataclass(frozen=True)
class Plan:
    """What the user asked for, layer by layer.

    Attributes:
        flags: dotted key to value; None is not given.
        recipe: a file.
        sets: `KEY=VALUE`.
        preset: a word.
        seconds: for the run; None is a budget in images.
    """

    flags: dict[str, Any]
    recipe: Path | None
    sets: list[str]
    preset: str | None = None
    seconds: float | None = None

    def resolved(self, registry: Registry, opened: Run | None) -> Config:
        """Join the layers; a run that goes on begins with its own configuration.

        Raises:
            UsageError: of what the user said; a ModelError if it is the run's configuration that doesn't hold.
        """
        from ganstyle.config import resolve, validate

        base = self.recipe if opened is None or self.recipe is not None else opened.config
        try:
            config = resolve(registry, preset=self.preset, recipe=base, flags=self.flags, sets=self.sets)
            validate(config, registry)
            return config
        except UsageError as error:
            if opened is None or self.sets or any(value is not None for value in self.flags.values()):
                raise
            raise ModelError(error.message, where=str(opened.folder / "config.json"), hint=error.hint) from None


def check_budgets(run: Path | None, of_a_new_run: dict[str, str | None], *, images: str | None) -> None:
    """Refuse options that exclude each other.

    Raises:
        UsageError: an option of a new run beside `--run`, or a time beside a count of images.
    """
    hints = {
        "--init-from": "--run goes on with a run; --init-from begins a new one with its weights",
        "--preset": "a run goes on with its own options; for more images: --images",
        "--time": "a run's budget is a count: --images",
    }
    given = [option for option, value in of_a_new_run.items() if value is not None]
    for option in given if run is not None else []:
        raise UsageError(f"--run and {option} exclude each other", where=f"option {option}", hint=hints[option])
    if "--time" in given and images is not None:
        hint = "--time is turned into a count of images by measuring; give one of them"
        raise UsageError("--time and --images exclude each other", where="option --images", hint=hint)


def _source(text: str | None, runs: Path) -> str | None:
    if text is None:
        return None
    from ganstyle.engine.transfer_start import find_source
    from ganstyle.registry import default_registry
    from ganstyle.style.base import base_records, resource_path

    shipped = {record.name: resource_path(record.weights) for record in base_records(default_registry())}
    return str(find_source(text, runs, shipped=shipped))


def _check_source(config: Config) -> None:
    from ganstyle.engine.transfer_start import check_source, read_source

    check_source(config, read_source(Path(str(config.train.init_from))))


def _train(plan: Plan, *, run: Path | None, runs: Path, how: dict[str, Any], dry_run: bool, out: Output) -> None:
    from ganstyle.config import config_to_dict
    from ganstyle.registry import default_registry

    registry = default_registry()
    opened = _open(run) if run is not None else None
    config = plan.resolved(registry, opened)
    if opened is None:
        config = _settled(config, registry, seconds=plan.seconds, out=out)
    # What can't be built is refused here, before a run folder exists.
    session = _session(config, registry) if dry_run or opened is None else None
    if session is not None and config.train.init_from is not None:
        _check_source(config)
    if dry_run:
        _show(config, registry, out)
        return
    if opened is None:
        opened = _create(runs, config_to_dict(config), config.arch.name)
    _fit(config, registry, opened, how=how, out=out, session=session)


def _settled(config: Config, registry: Registry, *, seconds: float | None, out: Output) -> Config:
    from ganstyle.engine.automatic import settle

    config, lines = settle(config, registry, seconds=seconds)
    for line in lines:
        out.say(line)
    return config


def _show(config: Config, registry: Registry, out: Output) -> None:
    """Show a configuration and what it would cost; stdout gets the configuration alone, which is a recipe."""
    from ganstyle.config import config_to_dict
    from ganstyle.engine.budget import measure

    found, document = measure(config, registry, seconds=SHORT_LOOK_S), config_to_dict(config)
    estimate = {
        "seconds": round(found.seconds_for(config.train.images)),
        "images_per_second": round(found.images_per_second, 2),
        "memory_bytes": found.memory_bytes,
        "disk_bytes": (config.train.keep + 1) * found.checkpoint_bytes,
    }
    out.say(
        f"estimated: {duration(estimate['seconds'])} for {config.train.images:,} images "
        f"({found.images_per_second:.3g} images/s over {found.steps} steps), "
        f"memory {size(estimate['memory_bytes'])}, disk {size(estimate['disk_bytes'])} for checkpoints"
    )
    out.result({"config": document, "estimate": estimate}, text=_described(document))


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
        listed = "; ".join(map(_in_words, changes))
        raise UsageError(
            f"options changed since the run started: {listed}",
            where=str(run.folder / "config.json"),
            hint="leave them as they were, or --override to go on so; the promise is then `approximate`",
        )


def _in_words(change: Change) -> str:
    """Return a change in words; an option that came with an upgrade may differ from what the code did before it."""
    if change.old is None:
        return f"{change.key} was not set, or came with an upgrade, and is {change.new!r} now"
    return f"{change.key} was {change.old!r} and is {change.new!r} now"


def _fit(
    config: Config, registry: Registry, run: Run, *, how: dict[str, Any], out: Output, session: Session | None = None
) -> None:
    from ganstyle.config import config_to_dict
    from ganstyle.engine.device import choose_device
    from ganstyle.engine.restarts import train_with_restarts

    with run.lock() as notes, out.progress(config.arch.name, config.train.images) as progress:
        for note in notes:
            out.say(note)
        if how["resume"] != "none":
            _check_changes(run, config_to_dict(config), how["allow_changes"])
        run.write_config(config_to_dict(config))  # only under the lock: another process may be training it
        out.say(
            f"{run.folder}: {config.arch.name} + {config.loss.name} on {config.data.name}, "
            f"{config.train.images} images, {choose_device(config.train.device)}"
        )
        told = _Told(progress, out)
        result = train_with_restarts(config, registry=registry, run=run, reporter=told, session=session, **how)
    facts = {"run": result.folder, "images": result.images, "model": result.model, "preview": result.preview}
    lines = [f"{name + ':':9}{value}" for name, value in facts.items()]
    out.result(facts, text="\n".join([*lines, f"{'next:':9}{_next(result.folder, result.model)}"]))


def _next(run: Path, model: Path) -> str:
    """Return the command that uses a trained model: painters and translators want photographs."""
    from ganstyle.data.tensors import read_header

    roles = {name.partition("/")[0] for name in read_header(model).tensors}
    paints = roles & {"stylizer", "translator"}
    return f"ganstyle transfer PHOTOS --model {run}" if paints else f"ganstyle generate {run}"


class _Told:
    """Shows a run's progress on a terminal."""

    def __init__(self, progress: Any, out: Output) -> None:
        self.progress, self.out = progress, out

    def update(self, done: int, **facts: Any) -> None:
        """Move the bar."""
        if facts:
            facts["memory"] = size(peak_memory())
        self.progress.update(done, **facts)

    def say(self, text: str) -> None:
        """Show a line."""
        self.out.say(text)


def peak_memory() -> int:
    """Return the most bytes that a GPU held for this process, or, without one, that the process held; 0 is unknown."""
    import sys

    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    if sys.platform == "win32":
        return 0
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # kilobytes, except there
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _described(config: dict[str, Any]) -> str:
    import json

    return json.dumps(config, indent=1, ensure_ascii=False)
