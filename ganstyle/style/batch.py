"""Many photographs, many styles: names of the results, and a loop that one bad file can't stop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ganstyle.api import suggest
from ganstyle.data.finding import Found
from ganstyle.data.names import safe_name, shown
from ganstyle.data.provenance import STYLISED, read_marks
from ganstyle.data.reading import Picture, open_picture
from ganstyle.data.writing import FORMATS, check_target, save_image
from ganstyle.errors import EXIT_OK, EXIT_SOME_FAILED, InputError, NoInputError, UsageError
from ganstyle.style.bank import Style
from ganstyle.style.base import BaseModel
from ganstyle.style.selection import renamed
from ganstyle.style.sheet import photo_sheet
from ganstyle.style.transfer import TransferOptions, apply_style


@dataclass(frozen=True)
class Job:
    """One result to make."""

    photo: Path
    style: Style
    target: Path


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes:
        photo: input file.
        style: name of the style.
        path: the file written, or that exists already; None if it failed.
        state: `done`, `skipped` or `failed`.
        message: why it failed or was skipped; else notes on the photograph.
    """

    photo: Path
    style: str
    path: Path | None
    state: str
    message: str = ""


def plan(found: Found, styles: Sequence[Style], *, out: Path, suffix: str | None = None) -> list[Job]:
    """Return the jobs, photograph by photograph; results keep the tree and are named `<stem>-<style>.<ext>`.

    Args:
        found: the photographs.
        styles: with different names, see `distinct`.
        out: folder of the results.
        suffix: of the results, e.g. `png`; None keeps the photograph's where it can be written.
    """
    targets = {photo: _stem_and_suffix(photo, found.roots[photo], suffix) for photo in found.files}
    taken = Counter(targets.values())
    jobs = []
    for photo in found.files:
        parent, stem, ending = targets[photo]
        if taken[targets[photo]] > 1:  # a.jpg and a.png, both to png
            stem = f"{stem}-{photo.suffix[1:].lower()}"
        for style in styles:
            jobs.append(Job(photo, style, out / parent / safe_name(f"{stem}-{style.name}{ending}")))
    return jobs


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
    own = [path for path in found.files if path not in asked and read_marks(path).ours]
    kept = Found(
        [path for path in found.files if path not in own],
        [*found.ignored, *((path, "made by ganstyle") for path in own)],
    )
    return replace(kept, roots={path: found.roots[path] for path in kept.files})


def check_found(found: Found) -> Found:
    """Return the search if it found a photograph.

    Raises:
        NoInputError: it didn't; says what there was.
    """
    if found.files:
        return found
    reasons = Counter(reason for _, reason in found.ignored)
    what = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common()) or "nothing"
    raise NoInputError(
        f"no picture to paint: found {what}",
        where=shown(found.ignored[0][0]) if found.ignored else "",
        hint="give pictures or folders of pictures",
    )


def run(
    jobs: Iterable[Job],
    *,
    base: BaseModel,
    options: TransferOptions,
    skip_existing: bool = False,
    overwrite: bool = False,
    quality: int = 95,
) -> Iterator[Outcome]:
    """Do the jobs in order, yielding what became of each.

    Raises:
        EnvironmentProblem: disk, memory or device: the rest would fail as well.
    """
    opened: tuple[Path, Picture | InputError] | None = None
    for job in jobs:
        if skip_existing and job.target.exists():
            yield Outcome(job.photo, job.style.name, job.target, "skipped", "exists")
            continue
        if opened is None or opened[0] != job.photo:
            opened = (job.photo, _opened(job.photo))
        try:
            picture = _usable(opened[1], job.target)
            painting = apply_style(picture, job.style, base=base, options=options)
            path = painting.save(job.target, overwrite=overwrite, quality=quality)
            yield Outcome(job.photo, job.style.name, path, "done", "; ".join(painting.notes))
        except InputError as error:
            yield Outcome(job.photo, job.style.name, None, "failed", error.message)


def _opened(photo: Path) -> Picture | InputError:
    try:
        return open_picture(photo)
    except InputError as error:  # kept: every style of this photograph fails alike
        return error


def _usable(picture: Picture | InputError, target: Path) -> Picture:
    if isinstance(picture, InputError):
        raise picture
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
    """Return photograph to the file of its contact sheet; the tree is kept."""
    return {
        photo: out / photo.parent.relative_to(found.roots[photo]) / safe_name(f"{photo.stem}-sheet.png")
        for photo in found.files
    }


def sheets(
    targets: Mapping[Path, Path],
    styles: Sequence[Style],
    *,
    base: BaseModel,
    options: TransferOptions,
    overwrite: bool = False,
) -> Iterator[Outcome]:
    """Write a contact sheet of all styles for each photograph, yielding what became of it.

    Raises:
        EnvironmentProblem: disk, memory or device: the rest would fail as well.
    """
    facts = {"command": "transfer --sheet", "styles": [style.name for style in styles], "seed": options.seed}
    for photo, target in targets.items():
        try:
            page = photo_sheet(open_picture(photo), styles, base=base, options=options)
        except InputError as error:
            yield Outcome(photo, "sheet", None, "failed", error.message)
            continue
        path = save_image(page, target, overwrite=overwrite, provenance=facts, source_type=STYLISED)
        yield Outcome(photo, "sheet", path, "done")
