"""`ganstyle transfer`: photographs to paintings."""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganstyle.cli.output import DeviceOption, JsonFlag, Output, QuietFlag, SeedOption, command
from ganstyle.errors import EXIT_OK, NoInputError, UsageError

if TYPE_CHECKING:
    from ganstyle.data.finding import Found
    from ganstyle.data.reading import Picture
    from ganstyle.style.bank import Style
    from ganstyle.style.base import BaseModel
    from ganstyle.style.batch import Outcome
    from ganstyle.style.transfer import TransferOptions

MAX_STDIN_BYTES = 1 << 30
DEFAULT_OUT = "stylized"
LISTED_RESULTS = 12
STYLE_HELP = "A name, name:0.6,name:0.4, a picture, a folder of pictures or a style file; repeat it for several."


@command
def transfer(
    photos: Annotated[
        list[str] | None, typer.Argument(help="Pictures and folders; - reads stdin; none: an embedded photograph.")
    ] = None,
    style: Annotated[list[str] | None, typer.Option("--style", "-s", help=STYLE_HELP)] = None,
    out: Annotated[
        str | None, typer.Option("--out", "-o", help=f"Folder of the results, default {DEFAULT_OUT}; - is stdout.")
    ] = None,
    strength: Annotated[float, typer.Option(help="0 is the photograph, 1 the full style, up to 1.5.")] = 1.0,
    preserve_color: Annotated[
        str, typer.Option(help="none; luma: colour of each pixel; match: mean and spread of the colours.")
    ] = "none",
    max_size: Annotated[
        int | None, typer.Option(help="Shrink to this long side first; default: keep the size.")
    ] = None,
    format: Annotated[str | None, typer.Option(help="jpg, png or webp; default: as the photograph.")] = None,
    quality: Annotated[int, typer.Option(min=1, max=100, help="Of jpg and webp.")] = 95,
    sheet: Annotated[bool, typer.Option("--sheet", help="One page per photograph, in all styles.")] = False,
    model: Annotated[str | None, typer.Option(help="Base model: file, run folder or architecture.")] = None,
    tile: Annotated[int | None, typer.Option(help="Side of the tiles of large pictures, in pixels.")] = None,
    halo: Annotated[int, typer.Option(help="Pixels read around each tile.")] = 168,
    skip_existing: Annotated[bool, typer.Option("--skip-existing", help="Leave results that exist.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results; default: write name-2.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written; write nothing.")] = False,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> int:
    """Paint pictures in stored styles, or in the style of any picture.

    Results are named STEM-STYLE.EXT, keep the folders' tree, orientation and transparency, and hold no location.
    """
    output = Output(json, quiet)
    wanted = _wanted(style, output, sheet=sheet)  # before torch is imported: a typing error is told at once

    from ganstyle.style.batch import check_suffix
    from ganstyle.style.transfer import TransferOptions

    options = TransferOptions(strength, preserve_color, seed, tile, halo, max_size)
    suffix = check_suffix(format)
    if photos == ["-"] or out == "-":
        base, styles = _loaded(wanted, model=model, device=device)
        return _pipe(photos, styles, out=out, base=base, options=options, suffix=suffix)
    found = _found(photos, output)
    base, styles = _loaded(wanted, model=model, device=device)
    call = _Call(
        found=found,
        styles=styles,
        base=base,
        options=options,
        output=output,
        out=Path(out or DEFAULT_OUT),
        suffix=suffix,
        dry_run=dry_run,
        how={"skip_existing": skip_existing, "overwrite": overwrite, "quality": quality},
    )
    return _sheets(call) if sheet else _paint(call)


@dataclass(frozen=True)
class _Call:
    """What was asked for, with everything loaded."""

    found: Found
    styles: list[Style]
    base: BaseModel
    options: TransferOptions
    output: Output
    out: Path
    suffix: str | None
    dry_run: bool
    how: dict[str, Any]

    def facts(self) -> dict[str, Any]:
        """What every answer says."""
        names = [style.name for style in self.styles]
        return {"device": str(self.base.device), "styles": names, "out": self.out}


def _found(photos: list[str] | None, output: Output) -> Found:
    from ganstyle.data.embedded import embedded_pictures
    from ganstyle.data.finding import find_images
    from ganstyle.style.batch import check_found, without_own

    if not photos:
        photos = [str(embedded_pictures("photos")[0])]
        output.say(f"no picture given: painting the embedded {Path(photos[0]).name}")
    if "-" in photos:
        raise UsageError("- (stdin) can't be mixed with other pictures", where="PHOTOS", hint="ganstyle transfer -")
    found = check_found(without_own(find_images(photos), [Path(photo) for photo in photos]))
    for path, reason in found.ignored:
        if reason in {"does not exist", "made by ganstyle"}:
            output.warn(f"{path}: {reason}; left out")
    return found


def _wanted(style: list[str] | None, output: Output, *, sheet: bool) -> list[str]:
    """Return what was asked for after --style, or the default; refuse what can't be."""
    from ganstyle.style.bank import StyleBank
    from ganstyle.style.selection import check_wanted, default_style

    bank = StyleBank()
    for text in style or ():
        check_wanted(text, bank)
    if style:
        return style
    usable = [entry.name for entry in bank.entries() if not entry.error]
    chosen = usable if sheet and usable else [default_style(bank)]
    output.say(f"no --style given: using {', '.join(chosen)}")
    return chosen


def _loaded(wanted: list[str], *, model: str | None, device: str) -> tuple[BaseModel, list[Style]]:
    from ganstyle.style.bank import StyleBank
    from ganstyle.style.base import load_base
    from ganstyle.style.batch import distinct
    from ganstyle.style.selection import select_style

    base, bank = load_base(model, device=device), StyleBank()
    return base, distinct(select_style(text, bank=bank, base=base) for text in wanted)


def _paint(call: _Call) -> int:
    from ganstyle.style.batch import plan, run

    jobs = plan(call.found, call.styles, out=call.out, suffix=call.suffix)
    if call.dry_run:
        rows = [(job.photo, job.style.name, job.target) for job in jobs]
        headings = ("photo", "style", "result")
        listed = [dict(zip(headings, row, strict=True)) for row in rows]
        call.output.result(call.facts() | {"dry_run": True, "jobs": listed}, table=(headings, rows))
        return EXIT_OK
    return _watched(call, run(jobs, base=call.base, options=call.options, **call.how), len(jobs))


def _watched(call: _Call, outcomes: Iterator[Outcome], total: int) -> int:
    """Show each outcome as it comes, then the summary; return the exit code."""
    done = []
    with call.output.progress("painting", total) as progress:
        for outcome in outcomes:
            done.append(outcome)
            progress.advance(1)
            if outcome.state == "failed":
                call.output.warn(f"{outcome.message} (the others go on)")
    return _summarised(done, call)


def _summarised(outcomes: list[Outcome], call: _Call) -> int:
    from ganstyle.style.batch import exit_code

    code = exit_code(outcomes)
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    if code == NoInputError.code and not call.output.json:
        raise NoInputError(
            f"none of {len(outcomes)} pictures could be painted: {failed[0].message}",
            where=str(failed[0].photo),
            hint="ganstyle data check FOLDER tells what is wrong with each",
        )
    counts = {state: sum(o.state == state for o in outcomes) for state in ("done", "skipped", "failed")}
    text = ", ".join(f"{count} {state}" for state, count in counts.items() if count) + f"; results in {call.out}"
    written = [outcome.path for outcome in outcomes if outcome.state == "done"]
    if len(written) <= LISTED_RESULTS:
        text = "\n".join([text, *map(str, written)])
    call.output.result(call.facts() | counts | {"results": outcomes}, text=text)
    return code


def _sheets(call: _Call) -> int:
    from ganstyle.style.batch import sheet_targets, sheets

    targets = sheet_targets(call.found, call.out)
    if call.dry_run:
        table = (("photo", "sheet"), list(targets.items()))
        call.output.result(call.facts() | {"dry_run": True, "sheets": targets}, table=table)
        return EXIT_OK
    made = sheets(targets, call.styles, base=call.base, options=call.options, overwrite=bool(call.how["overwrite"]))
    return _watched(call, made, len(targets))


def _pipe(
    photos: list[str] | None,
    styles: list[Style],
    *,
    out: str | None,
    base: BaseModel,
    options: TransferOptions,
    suffix: str | None,
) -> int:
    """Read one picture from stdin, or write one to stdout, or both."""
    from ganstyle.style.transfer import apply_style

    if photos is None or len(photos) != 1 or len(styles) != 1:
        raise UsageError("a pipe takes one picture and one style", where="-", hint="ganstyle transfer - --style monet")
    stem = "stdin" if photos[0] == "-" else Path(photos[0]).stem
    painting = apply_style(_piped(photos[0]), styles[0], base=base, options=options)
    name = f"{stem}-{styles[0].name}.{suffix or 'png'}"
    if out not in (None, "-"):
        painting.save(Path(out or "") / name)
        return EXIT_OK
    with tempfile.TemporaryDirectory() as folder:
        sys.stdout.buffer.write(painting.save(Path(folder) / name).read_bytes())
    sys.stdout.buffer.flush()
    return EXIT_OK


def _piped(source: str) -> Picture:
    from ganstyle.data.reading import open_picture

    if source != "-":
        return open_picture(source)
    data = sys.stdin.buffer.read(MAX_STDIN_BYTES + 1)
    if not data or len(data) > MAX_STDIN_BYTES:
        raise NoInputError("stdin holds no picture" if not data else "stdin holds more than 1 GB", where="-")
    return open_picture(io.BytesIO(data), name="stdin")
