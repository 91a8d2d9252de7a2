"""`ganstyle data`: look at pictures before training; prepare a fast cache."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganstyle.cli.output import JsonFlag, Output, QuietFlag, command
from ganstyle.errors import EXIT_OK, EXIT_SOME_FAILED, NoInputError

if TYPE_CHECKING:
    from ganstyle.data.checking import Report

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Check pictures; prepare a fast cache.")

_LISTED = 10
_LARGE_MEGAPIXELS = 300  # about what stays decoded in memory during training (1 GiB)
Resolution = Annotated[int, typer.Option("--resolution", min=4, max=4096, help="Side that training will use, pixels.")]


@app.command()
@command
def check(
    path: Annotated[Path, typer.Argument(help="Folder or zip of pictures; sub-folders are styles.")],
    resolution: Resolution = 64,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> int:
    """Count, measure and compare pictures; name broken ones. Exit 3: some are broken; exit 4: none is usable."""
    from ganstyle.data.checking import check

    output = Output(json, quiet)
    with output.progress("checking", unit="img") as progress:

        def show(done: int, total: int) -> None:
            progress.total = total
            progress.update(done)

        report = check(path, resolution=resolution, progress=show)
    if not report.readable:
        name, reason = report.broken[0]
        raise NoInputError(f"none of {report.found} pictures can be read; {name}: {reason}", where=report.where)
    output.result(report.as_dict(), text=_as_text(report))
    return EXIT_SOME_FAILED if report.broken else EXIT_OK


@app.command()
@command
def prepare(
    path: Annotated[Path, typer.Argument(help="Folder or zip of pictures; sub-folders are styles.")],
    out: Annotated[Path, typer.Argument(help="New folder for the cache.")],
    resolution: Resolution = 64,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written; write nothing.")] = False,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> int:
    """Decode and shrink pictures once, into a cache that trains without decoding."""
    from ganstyle.data.cache import estimated_bytes, prepare
    from ganstyle.data.zips import open_pictures

    output = Output(json, quiet)
    dataset = open_pictures(path)
    facts: dict[str, Any] = {"out": out, "pictures": len(dataset), "resolution": resolution}
    if dry_run:
        output.result(facts | {"bytes_at_most": estimated_bytes(len(dataset), resolution), "dry_run": True})
        return EXIT_OK
    with output.progress("preparing", len(dataset)) as progress:
        manifest = prepare(dataset, out, resolution=resolution, progress=progress.update)
    skipped = manifest["skipped"]
    facts |= {"pictures": manifest["count"], "bytes": manifest["bytes"], "skipped": skipped}
    output.result(facts, text=_prepared_text(out, manifest))
    return EXIT_SOME_FAILED if skipped else EXIT_OK


def _prepared_text(out: Path, manifest: dict[str, Any]) -> str:
    lines = [f"{manifest['count']} pictures, {_megabytes(manifest['bytes'])}, in {out}"]
    lines += [f"skipped: {reason}" for reason in manifest["skipped"][:_LISTED]]
    return "\n".join([*lines, f"train from it: ganstyle train --data {out} --resolution {manifest['resolution']}"])


def _as_text(report: Report) -> str:
    lines = [
        f"{report.where}: {report.readable} of {report.found} pictures can be read, {_megabytes(report.total_bytes)}",
        _counts("formats", report.formats),
        f"sizes: {_size(report.smallest)} to {_size(report.largest)} pixels",
        _counts("short side", report.as_dict()["sizes"]),
        _counts("styles", report.styles),
        _colour(report),
        _counts("ignored", report.ignored),
        *(f"note: {text} ({count})" for text, count in report.notes.most_common(_LISTED)),
        *_listed("broken", [f"{name}: {reason}" for name, reason in report.broken]),
        *_listed("same bytes", [" = ".join(group) for group in report.exact_duplicates]),
        *_listed("look alike", [" ~ ".join(group) for group in report.near_duplicates]),
        *_use(report),
    ]
    return "\n".join(line for line in lines if line)


def _use(report: Report) -> list[str]:
    side = f"{report.resolution}x{report.resolution}"
    lines = [f"training at {side} uses {report.readable} pictures, cropped at random and resized"]
    if report.below:
        lines.append(f"  {report.below} are smaller than {side} and will be enlarged")
    if report.megapixels > _LARGE_MEGAPIXELS:
        lines.append(f"  decoding them each time is slow; faster: ganstyle data prepare {report.where} CACHE")
    if report.styles:
        lines.append(f"  {len(report.styles)} labels: --set train.conditional=true makes use of them")
    if not report.trainable:
        lines.append("  more than 1 % are broken: training would stop; remove or replace them first")
    return lines


def _listed(title: str, entries: list[str]) -> list[str]:
    more = [f"  ... and {len(entries) - _LISTED} more"] if len(entries) > _LISTED else []
    return [f"{title}: {len(entries)}", *(f"  {entry}" for entry in entries[:_LISTED]), *more] if entries else []


def _colour(report: Report) -> str:
    parts = [(report.grayscale, "grayscale"), (report.transparent, "with transparency (shown on white)")]
    return ", ".join(f"{count} {word}" for count, word in parts if count)


def _counts(title: str, counts: dict[str, int]) -> str:
    return f"{title}: " + ", ".join(f"{name} {count}" for name, count in counts.items()) if counts else ""


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB"
