"""`ganstyle style`: make, look at and manage stored styles."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganstyle.cli import learn as learning
from ganstyle.cli.output import DeviceOption, JsonFlag, Output, QuietFlag, SeedOption, command
from ganstyle.cli.progress import Counting
from ganstyle.errors import UsageError

if TYPE_CHECKING:
    from ganstyle.style.bank import Entry, Style, StyleBank
    from ganstyle.style.base import BaseModel

app = typer.Typer(help="Make, list, show, remove, export, import, renew and blend stored styles.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help="Name of a stored style.")]


@app.command("list")
@command
def list_styles(json: JsonFlag = False, quiet: QuietFlag = False) -> None:
    """List all styles, the shipped ones and yours."""
    from ganstyle.style.bank import StyleBank

    bank = StyleBank()
    entries = list(bank.entries())
    bases = _shipped_bases(entries)
    rows = [_row(entry, _note(entry, bases)) for entry in entries]
    headings = ("style", "title", "author", "works", "from", "note")
    noted = len(headings) if any(row[-1] for row in rows) else len(headings) - 1
    table = (headings[:noted], [row[:noted] for row in rows])
    text = None if rows else f"no styles yet; make one: ganstyle style add NAME PICTURES (kept in {bank.folder})"
    Output(json, quiet).result(
        {"styles": [_facts(entry) for entry in entries], "folder": bank.folder},
        table=table if rows else None,
        text=text,
    )


def _row(entry: Entry, note: str) -> tuple[object, ...]:
    card, origin = entry.card, "shipped" if entry.shipped else "yours"
    return (entry.name, *((card.title, card.author, card.works) if card else ("", "", "")), origin, note)


def _shipped_bases(entries: Iterable[Entry]) -> set[str]:
    """Return the base models that the shipped styles are for; telling from the weights would mean reading them."""
    return {entry.card.base_sha256 for entry in entries if entry.shipped and entry.card}


def _note(entry: Entry, bases: set[str]) -> str:
    """Return what is wrong with a style, or nothing."""
    if entry.card is None or not bases or entry.card.base_sha256 in bases:
        return entry.error
    return f"of another base model: ganstyle style renew {entry.name}"


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
    note = _note(bank.entry(name), _shipped_bases(bank.entries()))
    lines = {**_described(bank.entry(name)), "note": note, "thumbnail": facts.get("thumbnail", "")}
    Output(json, quiet).result(facts, text="\n".join(f"{key}: {value}" for key, value in lines.items() if value))


def _described(entry: Entry) -> dict[str, str]:
    """Return what a person wants to know of a style; empty where there is nothing to say."""
    card, origin = entry.card, "shipped" if entry.shipped else "yours"
    where = {"file": f"{entry.path} ({entry.path.stat().st_size / 1000:.0f} kB, {origin})"}
    if card is None:
        return {"style": entry.name} | where
    return {
        "style": entry.name,
        "title": card.title,
        "author": card.author,
        "licence": card.licence,
        "source": card.source,
        "made of": learning.counted(card.works, "picture"),
        "refined": learning.refinement(card) or "no",
        "base model": f"{card.base_name} {card.base_sha256[:8]}",
    } | where


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
    time: learning.TimeOption = None,
    steps: learning.StepsOption = None,
    loss: learning.LossOption = "hinge",
    photos: learning.PhotosOption = None,
    title: learning.TitleOption = "",
    author: learning.AuthorOption = "",
    licence: learning.LicenceOption = "",
    source: learning.SourceOption = "",
    lean: learning.LeanFlag = False,
    out: learning.OutOption = None,
    model: learning.ModelOption = None,
    overwrite: learning.OverwriteFlag = False,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Make a style from pictures by the encoder alone and keep it; `ganstyle learn` refines it as well."""
    output, bank = Output(json, quiet), learning.bank_with_room(name, out, overwrite)
    plan = learning.plan_of(time, steps, loss, {"seed": seed, "photos": photos}, default=None)
    if len(pictures) == 1 and pictures[0].suffix == ".safetensors":
        style = _taken_in(pictures[0], name, learning.base_model(model, device), output)
    else:
        facts = {"title": title, "author": author, "licence": licence, "source": source}
        making = learning.Making(output, plan, lean=lean)
        works = making.works(pictures)
        style = making.style(name, works, learning.base_model(model, device), facts)
    learning.keep(bank, style, out, overwrite, output)


def check_style_file(path: Path) -> None:
    """Refuse what is plainly no style file, and say what would do.

    Raises:
        UsageError: it doesn't exist, is a folder, a picture or a web page.
    """
    from ganstyle.data.names import shown
    from ganstyle.data.sniffing import HEAD_BYTES, READABLE, sniff

    where, hint = shown(path), f"ganstyle style add NAME {shown(path)} makes a style of pictures"
    if not path.exists():
        raise UsageError(f"there is no file {where}", where=where, hint="ganstyle style import NAME.style.safetensors")
    if path.is_dir():
        raise UsageError(f"{where} is a folder, no style file", where=where, hint=hint)
    with path.open("rb") as stream:
        kind = sniff(stream.read(HEAD_BYTES))
    if kind in READABLE:
        raise UsageError(f"{where} is a picture, no style file", where=where, hint=hint)
    if kind == "HTML":
        hint = "the download probably failed: fetch the file itself"
        raise UsageError(f"{where} is a web page, no style file", where=where, hint=hint)


def _taken_in(path: Path, name: str | None, base: BaseModel, output: Output) -> Style:
    """Return the style of a file, which is not trusted; one of another base model is encoded again."""
    from ganstyle.style.bank import read_style
    from ganstyle.style.reencoding import suited
    from ganstyle.style.selection import renamed

    check_style_file(path)
    style = read_style(path)
    return suited(renamed(style, name or style.name), base, warn=output.warn, keep="")


@app.command("import")
@command
def import_(
    files: Annotated[list[Path], typer.Argument(help="Style files, e.g. from `ganstyle style export`.")],
    name: Annotated[str | None, typer.Option(help="Another name; for one file.")] = None,
    model: learning.ModelOption = None,
    overwrite: learning.OverwriteFlag = False,
    device: DeviceOption = "auto",
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Take in style files of others; they are checked first, and all of them are taken or none."""
    if name is not None and len(files) > 1:
        raise UsageError(f"one name for {len(files)} files", where="option --name", hint="import them one by one")
    output, base = Output(json, quiet), learning.base_model(model, device)
    styles = [_taken_in(path, name, base, output) for path in files]
    names = [style.name for style in styles]
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        raise UsageError(f"two files hold a style {double[0]!r}", where="files", hint="import one of them with --name")
    hint = "--name OTHER_NAME, or --overwrite"
    banks = [learning.bank_with_room(name, None, overwrite, hint=hint) for name in names]
    paths = [bank.add(style, overwrite=overwrite) for bank, style in zip(banks, styles, strict=True)]
    lines = [f"style {style.name!r}: {path}" for style, path in zip(styles, paths, strict=True)]
    lines.append(f"paint with it: ganstyle transfer photo.jpg --style {names[0]}")
    output.result({"styles": names, "paths": paths}, text="\n".join(lines))


@app.command()
@command
def renew(
    names: Annotated[list[str] | None, typer.Argument(help="Your styles; default: all that don't fit.")] = None,
    time: learning.TimeOption = None,
    steps: learning.StepsOption = None,
    loss: learning.LossOption = "hinge",
    photos: learning.PhotosOption = None,
    model: learning.ModelOption = None,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Make your styles anew for a new base model, from the small pictures that they carry."""
    from ganstyle.style.bank import StyleBank

    output, bank = Output(json, quiet), StyleBank()
    plan = learning.plan_of(time, steps, loss, {"seed": seed, "photos": photos}, default=None)
    base = learning.base_model(model, device)
    making, rows = learning.Making(output, plan), []
    for entry in [bank.entry(name) for name in names or bank.names()]:
        if names or not (entry.shipped or entry.error):
            rows.append((entry.name, _renewed(bank, entry.name, making, base)))
    facts = {"styles": [{"name": name, "what": what} for name, what in rows]}
    output.result(facts, table=(("style", "what"), rows) if rows else None, text=None if rows else "you have no styles")


def _renewed(bank: StyleBank, name: str, making: learning.Making, base: BaseModel) -> str:
    from ganstyle.style.reencoding import encoded_again, is_for, pictures_of, works_of

    style = bank.load(name)
    if is_for(style, base) and not making.plan.wanted():
        return "fits already"
    pictures, kind = pictures_of(style)
    if not pictures:
        return f"carries no pictures; learn it again: ganstyle learn {name} PICTURES --overwrite"
    if is_for(style, base):
        bank.add(making.continued(style, works_of(pictures), base), overwrite=True)
        return f"refined further on its {kind}"
    again = encoded_again(style, pictures, base)
    bank.add(making.refined(again, works_of(pictures), base), overwrite=True)
    return f"made anew from its {kind}"


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
    with_pictures: Annotated[
        bool | None, typer.Option("--with-pictures/--without-pictures", help="Default: if their licence is public.")
    ] = None,
    overwrite: learning.OverwriteFlag = False,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Write a stored style to a file that others can import.

    Small pictures of the works, from which a later base model can make the style anew, go along only if the style's
    licence says public domain or Creative Commons, or if asked for.
    """
    from dataclasses import replace

    from ganstyle.style.bank import StyleBank
    from ganstyle.style.card import is_public

    bank, output = StyleBank(), Output(json, quiet)
    style = bank.load(name)
    if style.samples and not (is_public(style.card.licence) if with_pictures is None else with_pictures):
        output.say("without small pictures of the works, whose licence is not known as public: --with-pictures")
        style = replace(style, samples=())
    learning.keep(bank, style, out, overwrite, output, use="others take it in: ganstyle style import {}")


@app.command()
@command
def blend(
    name: Annotated[str, typer.Argument(help="Of the new style.")],
    parts: Annotated[str, typer.Argument(help="E.g. monet:0.6,van_gogh:0.4.")],
    out: learning.OutOption = None,
    model: learning.ModelOption = None,
    overwrite: learning.OverwriteFlag = False,
    device: DeviceOption = "auto",
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Mix styles into a new one."""
    from ganstyle.style import selection
    from ganstyle.style.blending import parse_blend

    output, bank = Output(json, quiet), learning.bank_with_room(name, out, overwrite)
    base = learning.base_model(model, device)
    with Counting(output.progress) as watch:
        mixture = selection.blend(parse_blend(parts), bank=bank, base=base, name=name, warn=output.warn, watch=watch)
    learning.keep(bank, mixture, out, overwrite, output)


@app.command()
@command
def sheet(
    out: Annotated[Path, typer.Argument(help="Picture to write.")] = Path("styles.png"),
    overwrite: learning.OverwriteFlag = False,
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
