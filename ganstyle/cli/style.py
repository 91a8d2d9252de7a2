"""`ganstyle style`: make, look at and manage stored styles."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganstyle.cli.output import DeviceOption, JsonFlag, Output, QuietFlag, SeedOption, command
from ganstyle.errors import UsageError

if TYPE_CHECKING:
    from ganstyle.style.bank import Entry, Style
    from ganstyle.style.base import BaseModel

app = typer.Typer(help="List, show, add, remove, export and blend stored styles.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help="Name of a stored style.")]
OverwriteFlag = Annotated[bool, typer.Option("--overwrite", help="Replace what has that name.")]
ModelOption = Annotated[str | None, typer.Option(help="Base model: file, run folder or architecture.")]
FitOption = Annotated[int, typer.Option("--fit", "--steps", min=0, help="Refinement steps; 0 is the encoder's answer.")]


@app.command("list")
@command
def list_styles(json: JsonFlag = False, quiet: QuietFlag = False) -> None:
    """List all styles, the shipped ones and yours."""
    from ganstyle.style.bank import StyleBank

    bank = StyleBank()
    entries = list(bank.entries())
    rows = [_row(entry) for entry in entries]
    table = (("style", "title", "works", "from", "note"), rows)
    text = None if rows else f"no styles yet; make one: ganstyle style add NAME PICTURES (kept in {bank.folder})"
    Output(json, quiet).result(
        {"styles": [_facts(entry) for entry in entries], "folder": bank.folder},
        table=table if rows else None,
        text=text,
    )


def _row(entry: Entry) -> tuple[object, ...]:
    card = entry.card
    origin = "shipped" if entry.shipped else "yours"
    return (entry.name, card.title if card else "", card.works if card else "", origin, entry.error)


def _facts(entry: Entry) -> dict[str, Any]:
    from dataclasses import asdict

    facts = asdict(entry.card) if entry.card else {}
    return facts | {"name": entry.name, "path": entry.path, "shipped": entry.shipped, "error": entry.error or None}


@app.command()
@command
def show(
    name: NameArgument,
    thumbnail: Annotated[Path | None, typer.Option(help="Write the style's thumbnail to this file.")] = None,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Show where a style comes from and what it was made for."""
    from ganstyle.style.bank import StyleBank

    bank = StyleBank()
    facts = _facts(bank.entry(name))
    if thumbnail is not None:
        facts["thumbnail"] = _write_thumbnail(bank.load(name), thumbnail)
    shown = {key: value for key, value in facts.items() if value not in ("", None)}
    lines = [f"{key}: {value}" for key, value in shown.items() if key != "fingerprints"]
    Output(json, quiet).result(facts, text="\n".join(lines))


def _write_thumbnail(style: Style, path: Path) -> Path:
    from ganstyle.data.writing import save_image

    picture = style.picture()
    if picture is None:
        raise UsageError(f"style {style.name!r} has no thumbnail", where="option --thumbnail")
    return save_image(picture, path, source_type=None)


@app.command()
@command
def add(
    name: Annotated[str, typer.Argument(help="What you will type after --style.")],
    pictures: Annotated[list[Path], typer.Argument(help="Pictures or folders of one hand, or one style file.")],
    fit: FitOption = 0,
    title: Annotated[str, typer.Option(help="For people, e.g. 'Claude Monet'.")] = "",
    author: Annotated[str, typer.Option(help="Whose works they are.")] = "",
    licence: Annotated[str, typer.Option(help="Of the works.")] = "",
    source: Annotated[str, typer.Option(help="Where the works come from.")] = "",
    photos: Annotated[Path | None, typer.Option(help="Photographs to refine on; default: embedded ones.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write this file or folder, not your bank.")] = None,
    model: ModelOption = None,
    overwrite: OverwriteFlag = False,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Make a style from pictures and keep it; a style file is taken as it is."""
    from ganstyle.style.bank import StyleBank, check_base
    from ganstyle.style.base import load_base
    from ganstyle.style.card import check_name

    output, bank = Output(json, quiet), StyleBank()
    check_name(name)
    _check_free(bank, name, out, overwrite)
    base = load_base(model, device=device)
    if len(pictures) == 1 and pictures[0].suffix == ".safetensors":
        style = check_base(_imported(pictures[0], name), base)
    else:
        facts = {"title": title, "author": author, "licence": licence, "source": source}
        style = _made(pictures, name, base, {"steps": fit, "seed": seed, "photos": photos, **facts}, output)
    _keep(bank, style, out, overwrite, output)


def _check_free(bank: Any, name: str, out: Path | None, overwrite: bool) -> None:
    """Refuse a taken name before minutes of work."""
    if out is None and not overwrite and name in bank.names():
        raise UsageError(
            f"style {name!r} exists already",
            where=str(bank.entry(name).path),
            hint="choose another name, or --overwrite",
        )


def _imported(path: Path, name: str) -> Style:
    from ganstyle.style.bank import read_style
    from ganstyle.style.selection import renamed

    return renamed(read_style(path), name)


def _made(pictures: list[Path], name: str, base: BaseModel, how: dict[str, Any], output: Output) -> Style:
    from ganstyle.style.learning import read_works, style_of_works

    works = read_works(pictures)
    for what, why in works.skipped:
        output.warn(f"{what}: {why}; left out")
    with output.progress("refining", how["steps"] or None, unit="step") as progress:
        return style_of_works(works, name=name, base=base, progress=lambda done, _total: progress.update(done), **how)


def _keep(bank: Any, style: Style, out: Path | None, overwrite: bool, output: Output) -> None:
    path = _target(style, out)
    written = _export(style, path, overwrite) if path else bank.add(style, overwrite=overwrite)
    size_kb = written.stat().st_size / 1000
    facts = {"style": style.name, "path": written, "works": style.card.works, "fit_steps": style.card.fit_steps}
    output.result(facts, text=f"style {style.name!r} of {style.card.works} pictures: {written} ({size_kb:.0f} kB)")


def _target(style: Style, out: Path | None) -> Path | None:
    from ganstyle.style.card import SUFFIX

    if out is None:
        return None
    return out if out.name.endswith(SUFFIX) else out / f"{style.name}{SUFFIX}"


def _export(style: Style, path: Path, overwrite: bool) -> Path:
    from ganstyle.style.bank import write_style

    return write_style(style, path, overwrite=overwrite)


@app.command()
@command
def remove(name: NameArgument, json: JsonFlag = False, quiet: QuietFlag = False) -> None:
    """Delete one of your styles; shipped ones stay."""
    from ganstyle.style.bank import StyleBank

    path = StyleBank().remove(name)
    Output(json, quiet).result({"style": name, "path": path}, text=f"removed {path}")


@app.command()
@command
def export(
    name: NameArgument,
    out: Annotated[Path, typer.Argument(help="File NAME.style.safetensors, or a folder.")] = Path(),
    overwrite: OverwriteFlag = False,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Write a stored style to a file that others can add."""
    from ganstyle.style.bank import StyleBank

    bank = StyleBank()
    _keep(bank, bank.load(name), out, overwrite, Output(json, quiet))


@app.command()
@command
def blend(
    name: Annotated[str, typer.Argument(help="Of the new style.")],
    parts: Annotated[str, typer.Argument(help="E.g. monet:0.6,van_gogh:0.4.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write this file or folder, not your bank.")] = None,
    model: ModelOption = None,
    overwrite: OverwriteFlag = False,
    device: DeviceOption = "auto",
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Mix styles into a new one."""
    from ganstyle.style import selection
    from ganstyle.style.bank import StyleBank
    from ganstyle.style.base import load_base
    from ganstyle.style.blending import parse_blend
    from ganstyle.style.card import check_name

    bank = StyleBank()
    check_name(name)
    _check_free(bank, name, out, overwrite)
    mixture = selection.blend(parse_blend(parts), bank=bank, base=load_base(model, device=device), name=name)
    _keep(bank, mixture, out, overwrite, Output(json, quiet))


@app.command()
@command
def sheet(
    out: Annotated[Path, typer.Argument(help="Picture to write.")] = Path("styles.png"),
    overwrite: OverwriteFlag = False,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Write one page with the thumbnails of all styles."""
    from ganstyle.data.writing import save_image
    from ganstyle.style.bank import StyleBank
    from ganstyle.style.sheet import thumbnail_sheet

    bank = StyleBank()
    styles = [bank.load(entry.name) for entry in bank.entries() if not entry.error]
    if not styles:
        raise UsageError("there are no styles to show", where=str(bank.folder), hint="ganstyle style add NAME PICTURES")
    path = save_image(thumbnail_sheet(styles), out, overwrite=overwrite, source_type=None)
    Output(json, quiet).result({"path": path, "styles": [style.name for style in styles]}, text=str(path))
