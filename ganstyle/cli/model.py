"""`ganstyle model`: what models there are, what they are, whether they are whole; into and out of other forms."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganstyle.cli.output import JsonFlag, Output, QuietFlag, command
from ganstyle.errors import EXIT_OK, GanstyleError, ModelError, UsageError

if TYPE_CHECKING:
    from ganstyle.data.tensors import Header
    from ganstyle.engine.cards import Card

app = typer.Typer(help="List, show, verify, convert and export models.", no_args_is_help=True)

SourceArgument = Annotated[Path, typer.Argument(help="Run, checkpoint folder or model file.")]
OverwriteFlag = Annotated[bool, typer.Option("--overwrite", help="Replace what has that name.")]


@app.command("list")
@command
def list_models(
    runs: Annotated[Path, typer.Option(help="Folder of the runs.")] = Path("runs"),
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """List the models of your runs and those that came with ganstyle."""
    rows = [_listed(path, origin) for path, origin in _places(runs)]
    keys = ("name", "from", "arch", "size", "labels", "images", "error")
    table = (("model", *keys[1:-1], "note"), [tuple(row[key] for key in keys) for row in rows])
    text = None if rows else f"no models in {runs}; make one: ganstyle train"
    Output(json, quiet).result({"models": rows}, table=table if rows else None, text=text)


def _places(runs: Path) -> Iterator[tuple[Path, str]]:
    from ganstyle.registry import default_registry

    for path in sorted(runs.glob("*/model.safetensors")):
        yield path, "run"
    if runs.is_dir():
        yield from ((path, "file") for path in sorted(runs.glob("*.safetensors")))
    registry = default_registry()
    for record in registry.components("arch"):
        weights = getattr(record, "weights", "")
        if weights:
            yield _resource(weights), "shipped"


def _resource(text: str) -> Path:
    from ganstyle.style.base import resource_path

    return resource_path(text)


def _listed(path: Path, origin: str) -> dict[str, Any]:
    from ganstyle.engine.cards import read_card

    facts: dict[str, Any] = {"name": str(path.parent if origin == "run" else path.stem), "from": origin, "path": path}
    try:
        card = read_card(path)
    except GanstyleError as error:
        return facts | {"arch": "", "size": "", "labels": 0, "images": 0, "error": error.message}
    size = f"{card.image.width}x{card.image.height}"
    return facts | {
        "arch": card.arch.name,
        "size": size,
        "labels": card.image.labels,
        "images": card.images_seen,
        "error": "",
    }


@app.command()
@command
def show(
    source: SourceArgument,
    tensors: Annotated[bool, typer.Option("--tensors/--no-tensors", help="List every tensor.")] = True,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Show what a model is: card, checksum and tensors; nothing of it is loaded."""
    from ganstyle.data.tensors import read_header
    from ganstyle.engine.cards import read_card

    path = _card_file(source)
    card, header = read_card(path), read_header(path)
    facts: dict[str, Any] = {"path": path, "sha256": _sha256(path), "bytes": path.stat().st_size}
    facts |= card.model_dump() | {"parameters": _parameters(header)}
    rows = [(name, dtype, "x".join(map(str, shape)) or "scalar") for name, (dtype, shape) in header.tensors.items()]
    machine = facts | {
        "tensors": [{"name": row[0], "type": row[1], "shape": header.tensors[row[0]][1]} for row in rows]
    }
    text = "\n".join(_lines(card, facts))
    Output(json, quiet).result(machine, text=text, table=(("tensor", "type", "shape"), rows) if tensors else None)


def _card_file(source: Path) -> Path:
    """Return the model file; a checkpoint has no card of its own, its run's model file has."""
    path = source / "model.safetensors" if source.is_dir() else source
    if (path.parent / "MANIFEST.json").is_file():
        raise UsageError(
            f"{path.parent.name} is a checkpoint, which holds no card",
            where=str(path.parent),
            hint=f"ganstyle model show {path.parent.parent.parent}, or ganstyle model export CHECKPOINT FILE",
        )
    return path


def _sha256(path: Path) -> str:
    import hashlib

    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _parameters(header: Header) -> int:
    import math

    return sum(math.prod(shape) for _, shape in header.tensors.values())


def _lines(card: Card, facts: dict[str, Any]) -> Iterator[str]:
    shape = f"{card.image.width}x{card.image.height}, {card.image.channels} channels"
    yield f"{card.name or facts['path']}: {card.arch.name} {shape}, {facts['parameters']:,} numbers"
    yield f"options: {_options(card.arch.options)}"
    judge = f", judged by {card.discriminator.name}" if card.discriminator else ""
    yield f"trained: task {card.task.name}, loss {card.loss.name}{judge}, {card.images_seen:,} images shown"
    known = {
        "styles": ", ".join(card.styles),
        "data": card.data,
        "data licence": card.data_licence,
        "training images": f"{card.training_images:,}" if card.training_images else "",
        "licence": card.licence,
    }
    yield from (f"{key}: {value}" for key, value in known.items() if value)
    yield from (f"metric {key}: {_scored(value)}" for key, value in card.metrics.items())
    yield f"sha256: {facts['sha256']}"
    yield f"written by: ganstyle {card.ganstyle}"


def _scored(score: Any) -> str:
    """Return a score in words; what is no score of this version as it is."""
    if not isinstance(score, dict) or not isinstance(score.get("value"), int | float):
        return str(score)
    counts = (score.get("n_fake"), score.get("n_real"))
    facts = {
        "": score.get("protocol"),
        "pictures, real ones: ": " against ".join(map(str, counts)) if all(counts) else None,
        "after images: ": f"{score['images']:,}" if isinstance(score.get("images"), int) else None,
    }
    told = "; ".join(f"{name}{value}" for name, value in facts.items() if value)
    return f"{score['value']:.4g}" + (f" ({told})" if told else "")


def _options(options: dict[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in options.items()) or "none"


@app.command()
@command
def verify(
    source: SourceArgument,
    sha256: Annotated[str | None, typer.Option("--sha256", help="What the file's checksum must be.")] = None,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> int:
    """Check a model: checksum, header, shapes, finite numbers, and that its networks can be built."""
    from ganstyle.engine.export import file_sha256, stored_sha256
    from ganstyle.engine.opening import find_model, is_checkpoint, open_model
    from ganstyle.registry import default_registry

    path = find_model(source)
    found = file_sha256(path)
    checkpoint = is_checkpoint(path)
    expected = sha256.lower() if sha256 else (None if checkpoint else stored_sha256(path))
    if expected is not None and expected != found:
        raise ModelError(
            f"{path.name} has sha256 {found}, expected {expected}", where=str(path), hint="copy or download it again"
        )
    model = open_model(source, registry=default_registry())
    origin = "MANIFEST.json" if checkpoint else "--sha256" if sha256 else "the .sha256 file" if expected else ""
    verdict = f"as {origin} says" if origin else "unknown origin: nothing to compare the checksum with"
    roles = sorted(model.networks)
    facts = {"path": path, "sha256": found, "checksum": origin or None, "roles": roles, "arch": model.card.arch.name}
    text = f"{path}: whole ({model.card.arch.name}: {', '.join(roles)}; finite)\nsha256 {found}: {verdict}"
    Output(json, quiet).result(facts | {"valid": True}, text=text)
    return EXIT_OK


@app.command()
@command
def export(
    source: SourceArgument,
    out: Annotated[Path | None, typer.Argument(help="File to write; default: NAME.safetensors or NAME.onnx.")] = None,
    format: Annotated[str | None, typer.Option(help="safetensors or onnx; default: by the file's name.")] = None,
    half: Annotated[bool, typer.Option("--half", help="Half precision: half the size.")] = False,
    role: Annotated[list[str] | None, typer.Option(help="Networks to keep; default: all. Repeatable.")] = None,
    overwrite: OverwriteFlag = False,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Write a model for others: safetensors with a checksum beside it, or an ONNX graph with its measured error."""
    kind = _format(format, out)
    target = out or Path(f"{_stem(source)}.{kind}")
    if half and kind == "onnx":
        raise UsageError("ONNX graphs are written in single precision", where="--half", hint="leave --half out")
    if target.exists() and not overwrite:
        raise UsageError(f"{target} exists", where=str(target), hint="choose another name, or --overwrite")
    facts = _export_onnx(source, target) if kind == "onnx" else _export_safetensors(source, target, half, role)
    Output(json, quiet).result(facts)


def _format(given: str | None, out: Path | None) -> str:
    kind = given or ("onnx" if out is not None and out.suffix == ".onnx" else "safetensors")
    if kind not in ("safetensors", "onnx"):
        raise UsageError(f"unknown format {kind!r}", where="--format", hint="safetensors or onnx")
    if out is not None and out.suffix != f".{kind}":
        raise UsageError(f"{out.name!r} does not end in .{kind}", where=str(out), hint=str(out.with_suffix(f".{kind}")))
    return kind


def _stem(source: Path) -> str:
    return source.resolve().name if source.is_dir() else source.stem


def _export_safetensors(source: Path, target: Path, half: bool, roles: list[str] | None) -> dict[str, Any]:
    from ganstyle.engine.export import export_safetensors, file_sha256
    from ganstyle.engine.opening import open_model
    from ganstyle.registry import default_registry

    model = open_model(source, registry=default_registry())
    path = export_safetensors(model, target, half=half, roles=roles or None)
    return {"path": path, "sha256": file_sha256(path), "bytes": path.stat().st_size, "half": half}


def _export_onnx(source: Path, target: Path) -> dict[str, Any]:
    from ganstyle.engine.export import check_onnx, export_onnx
    from ganstyle.engine.opening import open_model
    from ganstyle.registry import default_registry

    check_onnx()
    done = export_onnx(open_model(source, registry=default_registry()), target)
    return {
        "path": done.path,
        "sidecar": done.sidecar,
        "opset": done.opset,
        "max_difference_to_pytorch": done.max_difference,
        "bytes": done.path.stat().st_size,
    }


@app.command()
@command
def convert(
    source: Annotated[Path, typer.Argument(help="Foreign weights: .safetensors, .pt or .pth.")],
    arch: Annotated[str, typer.Option(help="Architecture whose weights they are.")],
    out: Annotated[Path | None, typer.Argument(help="File to write; default: NAME-ARCH.safetensors.")] = None,
    resolution: Annotated[int, typer.Option(min=4, max=1024, help="Height of its pictures.")] = 64,
    width: Annotated[int | None, typer.Option(min=4, max=1024, help="Width; default: the height.")] = None,
    styles: Annotated[str, typer.Option(help="Names of its labels with commas, if conditional.")] = "",
    sets: Annotated[list[str] | None, typer.Option("--set", help="E.g. arch.z_dim=128. Repeatable.")] = None,
    rules: Annotated[list[str] | None, typer.Option("--map", help="old=new beginnings of names. Repeatable.")] = None,
    role: Annotated[str, typer.Option(help="Which network they are.")] = "generator",
    trust_pickle: Annotated[bool, typer.Option("--trust-pickle", help="Read .pt files, in a child process.")] = False,
    name: Annotated[str, typer.Option(help="What users call it.")] = "",
    data: Annotated[str, typer.Option(help="What it was trained on.")] = "",
    licence: Annotated[str, typer.Option(help="Of the weights.")] = "",
    overwrite: OverwriteFlag = False,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Turn foreign weights into a model file; a pickle is read only with --trust-pickle, and never run."""
    from ganstyle.engine.conversion import Wanted, convert_model
    from ganstyle.registry import default_registry

    output, target = Output(json, quiet), out or Path(f"{source.stem}-{arch}.safetensors")
    if target.exists() and not overwrite:
        raise UsageError(f"{target} exists", where=str(target), hint="choose another name, or --overwrite")
    labels = tuple(word.strip() for word in styles.split(",") if word.strip())
    facts = {"name": name, "licence": licence, "data": data or f"unknown; imported from {source.name}"}
    wanted = Wanted(arch, resolution, width or resolution, labels, tuple(sets or ()), role, facts)
    path = convert_model(
        source,
        target,
        wanted=wanted,
        registry=default_registry(),
        rules=rules or (),
        trust_pickle=trust_pickle,
        tell=output.say,
    )
    output.result({"path": path, "sha256": _sha256(path), "arch": arch}, text=f"{path}: {arch} {role}")
