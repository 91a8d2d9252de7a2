"""Many photographs, many styles: names of the results, and a loop that one bad file can't stop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ganstyle.api import suggest
from ganstyle.data.finding import IMAGE_SUFFIXES, MISSING, Found
from ganstyle.data.names import safe_name, shown
from ganstyle.data.provenance import STYLISED, read_marks
from ganstyle.data.reading import Picture, open_picture
from ganstyle.data.writing import FORMATS, check_target, save_image
from ganstyle.errors import EXIT_OK, EXIT_SOME_FAILED, InputError, NoInputError, UsageError
from ganstyle.style.bank import Style
from ganstyle.style.base import BaseModel
from ganstyle.style.regions import Regions, mask_of, read_regions
from ganstyle.style.selection import renamed
from ganstyle.style.sheet import photo_sheet
from ganstyle.style.transfer import Brush, apply_styles
from ganstyle.style.variants import Variant

OWN = "made by ganstyle"


@dataclass(frozen=True)
class Job:
    """One result to make.

    Attributes:
        photo: input file.
        variant: how it is painted.
        target: where it goes.
        root: what the photograph's sub-folder is relative to.
    """

    photo: Path
    variant: Variant
    target: Path
    root: Path


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes:
        photo: input file.
        style: label of the variant: the style's name and what else sets the result apart.
        path: the file written, or that exists already; None if it failed.
        state: `done`, `skipped` or `failed`.
        message: why it failed or was skipped; else notes on the photograph.
        hint: what helps if it failed.
        notes: what was changed or left out of the photograph unasked, one sentence each.
    """

    photo: Path
    style: str
    path: Path | None
    state: str
    message: str = ""
    hint: str = ""
    notes: tuple[str, ...] = ()


def plan(found: Found, variants: Sequence[Variant], *, out: Path, suffix: str | None = None) -> list[Job]:
    """Return the jobs, photograph by photograph; results keep the tree and are named `<stem>-<label>.<ext>`.

    Args:
        found: the photographs.
        variants: with different labels, see `distinct`.
        out: folder of the results, or the name of the only one.
        suffix: of the results, e.g. `png`; None keeps the photograph's where it can be written.

    Raises:
        UsageError: several results and one name, or a name of another format.
    """
    if names_picture(out):
        _check_name(out, len(found.files) * len(variants), suffix)
        return [Job(found.files[0], variants[0], out, found.roots[found.files[0]])]
    names = _names(found, suffix)
    return [
        Job(photo, variant, out / parent / safe_name(f"{stem}-{variant.label}{ending}"), found.roots[photo])
        for photo, (parent, stem, ending) in names.items()
        for variant in variants
    ]


def names_picture(out: Path) -> bool:
    """Whether a place for results is the name of a picture, not a folder."""
    return out.suffix.lower() in FORMATS and not out.is_dir()


def check_out(out: Path) -> Path:
    """Return the place for results; one named like a picture of a format that can't be written would become a folder.

    Raises:
        UsageError: it is such a name.
    """
    if out.suffix.lower() in IMAGE_SUFFIXES - FORMATS.keys() and not out.is_dir():
        known = ", ".join(name[1:] for name in FORMATS)
        hint = f"--out {shown(out.with_suffix('.png'))}; known: {known}"
        raise UsageError(f"can't write a picture as {shown(out.name)}", where="option --out", hint=hint)
    return out


def _check_name(out: Path, count: int, suffix: str | None) -> None:
    if count > 1:
        raise UsageError(f"{count} results don't fit into one file", where="option --out", hint="--out FOLDER")
    if suffix is not None and FORMATS[f".{suffix}"] != FORMATS[out.suffix.lower()]:
        hint = f"--out {shown(out.with_suffix(f'.{suffix}'))}"
        raise UsageError(f"{shown(out)} is no name of a {suffix}", where="option --format", hint=hint)


def _names(found: Found, suffix: str | None) -> dict[Path, tuple[Path, str, str]]:
    """Return folder, stem and ending of the results of each photograph; no two are equal."""
    plain = {photo: _stem_and_suffix(photo, found.roots[photo], suffix) for photo in found.files}
    taken = Counter(plain.values())
    alike = Counter((name, photo.suffix.lower()) for photo, name in plain.items())
    given: Counter[tuple[Path, str, str]] = Counter()
    names = {}
    for photo, (parent, stem, ending) in plain.items():
        name = parent, stem, ending
        if taken[name] > alike[name, photo.suffix.lower()]:  # a.jpg and a.png, both to png
            stem = f"{stem}-{photo.suffix[1:].lower()}"
        given[parent, stem, ending] += 1
        count = given[parent, stem, ending]
        # one/a.jpg and two/a.jpg, both named one by one
        names[photo] = parent, f"{stem}-{count}" if count > 1 else stem, ending
    return names


def _stem_and_suffix(photo: Path, root: Path, suffix: str | None) -> tuple[Path, str, str]:
    own = photo.suffix.lower()
    ending = f".{suffix}" if suffix else own if own in FORMATS else ".png"
    return photo.parent.relative_to(root), photo.stem, ending


def distinct(styles: Iterable[Style]) -> list[Style]:
    """Return the styles with different names: the second `monet` becomes `monet-2`."""
    result: list[Style] = []
    for style in styles:
        taken = {other.name for other in result}
        names = (style.name, *(f"{style.name}-{number}" for number in range(2, len(taken) + 3)))
        result.append(renamed(style, next(name for name in names if name not in taken)))
    return result


def check_suffix(suffix: str | None) -> str | None:
    """Return the output format if it can be written.

    Raises:
        UsageError: it can't.
    """
    if suffix is not None and f".{suffix}" not in FORMATS:
        known = [name[1:] for name in FORMATS]
        raise UsageError(f"unknown format {suffix!r}; {suggest(suffix, known)}", where="option --format")
    return suffix


def without_own(found: Found, named: Iterable[Path]) -> Found:
    """Return the search without pictures that ganstyle made, unless they were named one by one."""
    asked = set(named)
    return _without(found, [p for p in found.files if p not in asked and read_marks(p).ours], OWN)


def without(found: Found, place: Path, *, reason: str) -> Found:
    """Return the search without a file, or without all that lies in a folder."""
    whole = place.resolve()
    return _without(found, [p for p in found.files if whole in (p.resolve(), *p.resolve().parents)], reason)


def _without(found: Found, left_out: Sequence[Path], reason: str) -> Found:
    kept = Found(
        [path for path in found.files if path not in left_out],
        [*found.ignored, *((path, reason) for path in left_out)],
    )
    return replace(kept, roots={path: found.roots[path] for path in kept.files})


def check_found(found: Found, *, where: str = "") -> Found:
    """Return the search if it found a photograph.

    Args:
        found: the search.
        where: it was.

    Raises:
        NoInputError: it didn't; says what there was.
    """
    if found.files:
        return found
    where = shown(found.ignored[0][0]) if found.ignored else where
    hint = "give pictures or folders of pictures"
    reasons = Counter(reason for _, reason in found.ignored)
    if set(reasons) == {MISSING}:
        count = len(found.ignored)
        message = f"{where} {MISSING}" if count == 1 else f"none of {count} files exists"
        raise NoInputError(message, where=where, hint=hint)
    what = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
    raise NoInputError(f"no picture to paint{f', only: {what}' if what else ''}", where=where, hint=hint)


@dataclass(frozen=True)
class Masks:
    """Where the regions of each photograph come from.

    Attributes:
        path: one mask for all photographs, or a folder of masks named like the photographs.
        styles: how many regions each has.
        feather: see `Regions`.
    """

    path: Path
    styles: int
    feather: float | None = None

    def of(self, photo: Path, root: Path) -> Regions:
        """Return the regions of a photograph.

        Raises:
            InputError: there is no mask, or it can't be used.
        """
        path = mask_of(photo, self.path, root=root) if self.path.is_dir() else self.path
        return read_regions(open_picture(path), styles=self.styles, name=shown(path.name), feather=self.feather)


def run(
    jobs: Iterable[Job],
    *,
    base: BaseModel,
    masks: Masks | None = None,
    brush: Brush | None = None,
    skip_existing: bool = False,
    overwrite: bool = False,
    quality: int = 95,
) -> Iterator[Outcome]:
    """Do the jobs in order, yielding what became of each.

    Args:
        jobs: see `plan`.
        base: the base model.
        masks: regions of each photograph.
        brush: paints instead of the base model.
        skip_existing: leave results that exist.
        overwrite: replace results that exist; else a free name is taken.
        quality: of lossy formats.

    Raises:
        EnvironmentProblem: disk, memory or device: the rest would fail as well.
    """
    jobs, read = list(jobs), _reader(masks)
    inputs = {job.photo.resolve() for job in jobs}
    for job in jobs:
        label = job.variant.label
        if skip_existing and job.target.exists():
            yield Outcome(job.photo, label, job.target, "skipped", "exists")
            continue
        try:
            picture, regions = read(job.photo, job.root)
            how: dict[str, Any] = {"base": base, "regions": regions, "options": job.variant.options, "brush": brush}
            painting = apply_styles(_usable(picture, job.target), job.variant.styles, **how)
            replace_it = overwrite and job.target.resolve() not in inputs  # never somebody's photograph
            path = painting.save(job.target, overwrite=replace_it, quality=quality)
            notes = (*picture.notes, *painting.shortages)
            yield Outcome(job.photo, label, path, "done", "; ".join(painting.notes), notes=notes)
        except InputError as error:
            yield Outcome(job.photo, label, None, "failed", error.message, error.hint)


def _reader(masks: Masks | None) -> Callable[[Path, Path], tuple[Picture, Regions | None]]:
    """Return a reader of photographs with their regions that remembers the last: its variants follow each other."""
    last: list[tuple[Path, tuple[Picture, Regions | None] | InputError]] = []

    def read(photo: Path, root: Path) -> tuple[Picture, Regions | None]:
        if not last or last[0][0] != photo:
            last.clear()  # first: two decoded photographs of 100 megapixels need not be held at once
            last.append((photo, _opened(photo, masks, root)))
        found = last[0][1]
        if isinstance(found, InputError):
            raise found
        return found

    return read


def _opened(photo: Path, masks: Masks | None, root: Path) -> tuple[Picture, Regions | None] | InputError:
    try:
        return open_picture(photo, keep_icc=True), masks.of(photo, root) if masks else None
    except InputError as error:  # kept: every variant of this photograph fails alike
        return error


def _usable(picture: Picture, target: Path) -> Picture:
    try:
        check_target(target, picture.size)
    except UsageError as error:  # too large for the format: a matter of this photograph alone
        raise InputError(error.message, where=error.where, hint="--format png") from None
    return picture


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """Return the exit code of a batch: 0 done, 3 some failed, 4 all failed."""
    failed = sum(outcome.state == "failed" for outcome in outcomes)
    if not failed:
        return EXIT_OK
    return NoInputError.code if failed == len(outcomes) else EXIT_SOME_FAILED


def sheet_targets(found: Found, out: Path) -> dict[Path, Path]:
    """Return photograph to the file of its contact sheet; the tree is kept.

    Raises:
        UsageError: several sheets and one name.
    """
    if names_picture(out):
        _check_name(out, len(found.files), None)
        return {found.files[0]: out}
    names = _names(found, "png")
    return {photo: out / parent / safe_name(f"{stem}-sheet{end}") for photo, (parent, stem, end) in names.items()}


def sheets(
    found: Found,
    variants: Sequence[Variant],
    *,
    out: Path,
    base: BaseModel,
    masks: Masks | None = None,
    brush: Brush | None = None,
    skip_existing: bool = False,
    overwrite: bool = False,
) -> Iterator[Outcome]:
    """Write a contact sheet of all variants for each photograph, yielding what became of it.

    Raises:
        EnvironmentProblem: disk, memory or device: the rest would fail as well.
    """
    facts: dict[str, Any] = {"command": "transfer --sheet", "cells": [variant.label for variant in variants]}
    facts["seed"] = variants[0].options.seed
    read = _reader(masks)
    for photo, target in sheet_targets(found, out).items():
        if skip_existing and target.exists():
            yield Outcome(photo, "sheet", target, "skipped", "exists")
            continue
        try:
            picture, regions = read(photo, found.roots[photo])
            page = photo_sheet(picture, variants, base=base, regions=regions, brush=brush)
        except InputError as error:
            yield Outcome(photo, "sheet", None, "failed", error.message, error.hint)
            continue
        path = save_image(page, target, overwrite=overwrite, provenance=facts, source_type=STYLISED)
        yield Outcome(photo, "sheet", path, "done", notes=picture.notes)
