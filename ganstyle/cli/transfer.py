"""`ganstyle transfer`: photographs to paintings."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganstyle.cli.output import DeviceOption, JsonFlag, Output, QuietFlag, SeedOption, command
from ganstyle.cli.pipes import PIPE, check_single, received, send
from ganstyle.cli.progress import Counting, StepsOfAll
from ganstyle.cli.transfer_options import (
    AUTO,
    BackboneOption,
    ColorOption,
    DirectionOption,
    DownloadFlag,
    FeatherOption,
    MaskOption,
    MethodOption,
    ModelOption,
    PhotosArgument,
    SheetFlag,
    StepsOption,
    StrengthOption,
    StrokeSizeOption,
    StyleOption,
    VariationsOption,
    existing_mask,
    numbers,
    stroke_sizes,
)
from ganstyle.errors import EXIT_OK, NoInputError, UsageError

if TYPE_CHECKING:
    from ganstyle.data.finding import Found
    from ganstyle.style.bank import Style
    from ganstyle.style.base import BaseModel
    from ganstyle.style.batch import Masks, Outcome
    from ganstyle.style.optimising import Method
    from ganstyle.style.transfer import Brush, TransferOptions
    from ganstyle.style.translation import Translation
    from ganstyle.style.variants import Variant

DEFAULT_OUT = "stylized"
SHEETS = {
    "styles": "ganstyle transfer PHOTO --sheet",
    "strengths": "ganstyle transfer PHOTO --sheet --style monet --strength 0.25,0.5,0.75,1",
    "strokes": "ganstyle transfer PHOTO --sheet --style monet --stroke-size 0.5,1,2,4",
    "variations": "ganstyle transfer PHOTO --sheet --style monet --variations 5",
}
LISTED_RESULTS = 12


@command
def transfer(
    photos: PhotosArgument = None,
    style: StyleOption = None,
    out: Annotated[
        str | None,
        typer.Option("--out", "-o", help=f"Folder of the results, default {DEFAULT_OUT}; or one file; - is stdout."),
    ] = None,
    strength: StrengthOption = "1",
    stroke_size: StrokeSizeOption = AUTO,
    mask: MaskOption = None,
    feather: FeatherOption = None,
    preserve_color: ColorOption = "none",
    variations: VariationsOption = 1,
    method: MethodOption = "fast",
    steps: StepsOption = 150,
    backbone: BackboneOption = None,
    download: DownloadFlag = False,
    max_size: Annotated[
        int | None, typer.Option(help="Shrink to this long side first; default: keep the size.")
    ] = None,
    format: Annotated[str | None, typer.Option(help="jpg, png or webp; default: as the photograph.")] = None,
    quality: Annotated[int, typer.Option(min=1, max=100, help="Of jpg and webp.")] = 95,
    sheet: SheetFlag = False,
    model: ModelOption = None,
    direction: DirectionOption = None,
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
    from ganstyle.style.batch import check_out, check_suffix
    from ganstyle.style.optimising import Method
    from ganstyle.style.transfer import TransferOptions

    output, place = Output(json, quiet), existing_mask(mask, feather=feather)
    strengths, sizes = numbers(strength, option="--strength"), stroke_sizes(stroke_size)
    chosen = Method(method, steps, backbone, download).checked()
    options = TransferOptions(1.0, preserve_color, seed, tile, halo, max_size, feather=feather, method=chosen.record)
    asked = _Asked(options, strengths, sizes, variations, chosen)
    asked.check()
    suffix, target = check_suffix(format), check_out(Path(out or DEFAULT_OUT))
    # All of this before torch is imported: a typing error is told at once.
    translating = _translating(model, direction, asked)
    wanted = _wanted(style, output, sheet=sheet and asked.count == 1, translating=translating)
    how = {"skip_existing": skip_existing, "overwrite": overwrite, "quality": quality, "dry_run": dry_run}
    with received(photos) as files:
        found = _found(files, output, mask=place, sheet=sheet)
        call = _loaded(wanted, asked, model=translating or model, device=device, mask=place, output=output)
        call = replace(call, found=found, out=target, suffix=suffix, how=how)
        if out == PIPE or (out is None and photos == [PIPE]):
            return _sent(call, sheet)
        return _sheets(call) if sheet else _paint(call)


@dataclass(frozen=True)
class _Asked:
    """How each photograph is painted, before styles are loaded."""

    options: TransferOptions
    strengths: list[float]
    stroke_sizes: list[float | None]
    variations: int
    method: Method

    @property
    def count(self) -> int:
        return len(self.strengths) * len(self.stroke_sizes) * self.variations

    def variants(self, groups: list[tuple[Style, ...]]) -> list[Variant]:
        from ganstyle.style.variants import variants_of

        lists: dict[str, Any] = {"strengths": self.strengths, "stroke_sizes": self.stroke_sizes}
        return variants_of(groups, options=self.options, variations=self.variations, **lists)

    def check(self) -> None:
        """Refuse values out of range; the options check themselves."""
        self.variants([()])


@dataclass(frozen=True)
class _Call:
    """What was asked for, with everything loaded."""

    base: BaseModel
    asked: _Asked
    variants: list[Variant]
    output: Output
    masks: Masks | None = None
    brush: Brush | None = None
    ticker: StepsOfAll | None = None
    found: Found | None = None
    out: Path = Path(DEFAULT_OUT)
    suffix: str | None = None
    how: dict[str, Any] = field(default_factory=dict)

    @property
    def photos(self) -> Found:
        """What was found; a pipe has nothing."""
        if self.found is None:
            raise ValueError("a pipe finds no photographs")
        return self.found

    def facts(self) -> dict[str, Any]:
        """What every answer says."""
        names = dict.fromkeys(style.name for variant in self.variants for style in variant.styles)
        asked = self.asked
        return {
            "device": str(self.base.device),
            "styles": list(names),
            "method": asked.method.name,
            "strengths": asked.strengths,
            "stroke_sizes": [size or AUTO for size in asked.stroke_sizes],
            "variations": asked.variations,
            "mask": None if self.masks is None else self.masks.path,
            "out": self.out,
        }


def _found(photos: list[str] | None, output: Output, *, mask: Path | None, sheet: bool) -> Found:
    from ganstyle.data.embedded import embedded_pictures
    from ganstyle.data.finding import MISSING, find_images
    from ganstyle.style.batch import OWN, check_found, without, without_own

    if not photos:
        photos = [str(embedded_pictures("photos")[0])]
        output.say(f"no picture given: painting the embedded {Path(photos[0]).name}")
    if sheet and photos[0] in SHEETS and not Path(photos[0]).exists():
        raise UsageError(f"--sheet takes no {photos[0]!r}", where="option --sheet", hint=SHEETS[photos[0]])
    found = without_own(find_images(photos), [Path(photo) for photo in photos])
    found = check_found(without(found, mask, reason="the mask") if mask else found, where=" ".join(photos))
    for reason in (MISSING, OWN):
        left_out = [path for path, why in found.ignored if why == reason]
        if left_out:
            more = f" and {len(left_out) - 1} more" if len(left_out) > 1 else ""
            output.warn(f"{left_out[0]}{more}: {reason}; left out")
    return found


@dataclass(frozen=True)
class _Translating:
    """A model that translates, and which way."""

    translation: Translation
    direction: str | None


def _translating(model: str | None, direction: str | None, asked: _Asked) -> _Translating | None:
    """Return the model if it is one that translates; refuse what it can't follow."""
    from ganstyle.style.translation import check_asked, translation_of

    found = translation_of(model)
    if found is None and direction is not None:
        raise UsageError(
            "--direction is for models that translate",
            where="option --direction",
            hint="ganstyle train --arch cyclegan makes one; then --model RUN",
        )
    if found is None:
        return None
    how: dict[str, Any] = {"method": asked.method.name, "strengths": asked.strengths, "variations": asked.variations}
    check_asked(**how, has_domains=bool(found.domains))
    return _Translating(found, direction)


def _wanted(
    style: list[str] | None, output: Output, *, sheet: bool, translating: _Translating | None = None
) -> list[str]:
    """Return what was asked for after --style, or the default; refuse what can't be."""
    from ganstyle.style.bank import StyleBank
    from ganstyle.style.selection import check_wanted, default_style

    if translating is not None:
        return translating.translation.check(style or (), translating.direction, sheet=sheet)
    bank = StyleBank()
    for text in style or ():
        check_wanted(text, bank)
    if style:
        return style
    usable = [entry.name for entry in bank.entries() if not entry.error]
    chosen = usable if sheet and usable else [default_style(bank)]
    output.say(f"no --style given: using {', '.join(chosen)}")
    return chosen


def _loaded(
    wanted: list[str],
    asked: _Asked,
    *,
    model: str | _Translating | None,
    device: str,
    mask: Path | None,
    output: Output,
) -> _Call:
    from ganstyle.style.bank import StyleBank
    from ganstyle.style.base import load_base
    from ganstyle.style.batch import Masks, distinct
    from ganstyle.style.optimising import optimising_brush, works_of
    from ganstyle.style.selection import select_style

    bank, brush = StyleBank(), None
    if isinstance(model, _Translating):
        way: dict[str, Any] = {"direction": model.direction, "device": device}
        base, found, brush = model.translation.opened(wanted, asked.options, **way)
        styles = distinct(found)
    else:
        base = load_base(model, device=device)
        with Counting(output.progress) as told:
            styles = distinct(select_style(text, bank=bank, base=base, warn=output.warn, watch=told) for text in wanted)
    groups: list[tuple[Style, ...]] = [tuple(styles)] if mask else [(style,) for style in styles]
    masks = Masks(mask, len(styles), asked.options.feather) if mask else None
    call = _Call(base, asked, asked.variants(groups), output, masks, brush)
    if asked.method.name == "fast":
        return call
    works = {style.name: works_of(text, style, bank=bank) for text, style in zip(wanted, styles, strict=True)}
    ticker = StepsOfAll()
    how: dict[str, Any] = {"steps": asked.method.steps, "backbone": asked.method.build(), "progress": ticker}
    return replace(call, ticker=ticker, brush=optimising_brush(base, works, **how))


def _paint(call: _Call) -> int:
    from ganstyle.style.batch import plan

    jobs = plan(call.photos, call.variants, out=call.out, suffix=call.suffix)
    if call.how["dry_run"]:
        rows = [(job.photo, job.variant.label, job.target) for job in jobs]
        headings = ("photo", "style", "result")
        listed = [dict(zip(headings, row, strict=True)) for row in rows]
        call.output.result(call.facts() | {"dry_run": True, "jobs": listed}, table=(headings, rows))
        return EXIT_OK
    return _watched(call, _paintings(call), len(jobs))


def _paintings(call: _Call) -> Iterator[Outcome]:
    from ganstyle.style.batch import plan, run

    jobs = plan(call.photos, call.variants, out=call.out, suffix=call.suffix)
    how = {name: call.how[name] for name in ("skip_existing", "overwrite", "quality")}
    return run(jobs, base=call.base, masks=call.masks, brush=call.brush, **how)


def _watched(call: _Call, outcomes: Iterator[Outcome], total: int, *, each: int = 1) -> int:
    """Show each outcome as it comes, then the summary; return the exit code."""
    done, unit, many = [], "img", total > 1
    if call.ticker is not None:
        total, unit = total * each * call.asked.method.steps * len(call.variants[0].styles), "step"
    try:
        with call.output.progress("painting", total, unit) as progress:
            if call.ticker is not None:
                call.ticker.bar = progress
            for outcome in outcomes:
                done.append(outcome)
                if call.ticker is None:
                    progress.advance(1)
                if outcome.state == "failed" and many:
                    call.output.warn(f"{outcome.message} (the others go on)")
    except KeyboardInterrupt:
        call.output.say(f"{len(done)} done so far; the same command with --skip-existing goes on")
        raise
    _tell_notes(done, call.output)
    return _summarised(done, call)


def _tell_notes(outcomes: list[Outcome], output: Output) -> None:
    """Say what was changed or left out of photographs, each kind of note once."""
    noted: dict[str, list[str]] = {}
    for outcome in outcomes:
        for note in outcome.notes:
            noted.setdefault(note, []).append(outcome.photo.name)
    for note, names in noted.items():
        others = len(set(names)) - 1
        output.say(f"note: {names[0]}{f' and {others} more' if others else ''}: {note}")


def _summarised(outcomes: list[Outcome], call: _Call) -> int:
    from ganstyle.style.batch import exit_code, names_picture

    code = exit_code(outcomes)
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    if code == NoInputError.code and not call.output.json:
        count = len({outcome.photo for outcome in outcomes})
        raise NoInputError(
            f"none of {count} pictures could be painted: {failed[0].message}" if count > 1 else failed[0].message,
            where=str(failed[0].photo),
            hint=failed[0].hint or "ganstyle data check FOLDER tells what is wrong with each",
        )
    counts = {state: sum(o.state == state for o in outcomes) for state in ("done", "skipped", "failed")}
    text = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    text += "" if names_picture(call.out) else f"; results in {call.out}"
    written = [outcome.path for outcome in outcomes if outcome.state == "done"]
    if len(written) <= LISTED_RESULTS:
        text = "\n".join([text, *map(str, written)])
    call.output.result(call.facts() | counts | {"results": outcomes}, text=text)
    return code


def _sheets(call: _Call) -> int:
    from ganstyle.style.batch import sheet_targets

    targets = sheet_targets(call.photos, call.out)
    if call.how["dry_run"]:
        table = (("photo", "sheet"), list(targets.items()))
        call.output.result(call.facts() | {"dry_run": True, "sheets": targets}, table=table)
        return EXIT_OK
    return _watched(call, _sheets_made(call), len(targets), each=len(call.variants))


def _sheets_made(call: _Call) -> Iterator[Outcome]:
    from ganstyle.style.batch import sheets

    how = {name: call.how[name] for name in ("overwrite", "skip_existing")}
    return sheets(call.photos, call.variants, out=call.out, base=call.base, masks=call.masks, brush=call.brush, **how)


def _sent(call: _Call, sheet: bool) -> int:
    """Write the only result to stdout, a PNG unless another format is asked for."""
    results = 1 if sheet else len(call.variants)
    check_single(len(call.photos.files), results, json=call.output.json, dry_run=call.how["dry_run"])
    with tempfile.TemporaryDirectory() as folder:
        call = replace(call, out=Path(folder), suffix=call.suffix or "png")
        _tell_notes(send((_sheets_made if sheet else _paintings)(call)), call.output)
    return EXIT_OK
