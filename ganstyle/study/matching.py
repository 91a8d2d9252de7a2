"""Which pictures belong together: those of the same name in every method's folder, their content and their style."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ganstyle.data.finding import find_images
from ganstyle.data.names import shown
from ganstyle.errors import NoInputError, UsageError

_JOINTS = "-_. "


@dataclass(frozen=True)
class Item:
    """One picture as every method made it.

    Attributes:
        name: what the files have in common.
        candidates: one file for each method, in the methods' order.
        content: what was painted, if known.
        style: in which style, if known.
    """

    name: str
    candidates: tuple[Path, ...]
    content: Path | None = None
    style: Path | None = None


@dataclass
class Matched:
    """Items, and what found no partner.

    Attributes:
        methods: their names, in the order of the folders.
        items: sorted by name.
        left_out: (file name, reason).
    """

    methods: tuple[str, ...]
    items: list[Item] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)


def match(folders: Sequence[str], *, content: Path | None = None, style: Path | None = None) -> Matched:
    """Match the pictures of several folders by their names, endings left out.

    Where no name is in every folder, the ending that all names of a folder share is left out as well: `cat-monet.png`
    in one folder then belongs to `cat-seurat.png` in another.

    Args:
        folders: at least two, as `FOLDER` or `NAME=FOLDER`.
        content: folder of what was painted; `cat.jpg` belongs to `cat.png` and to `cat-monet.png`.
        style: one picture for all, or a folder: a file or sub-folder whose name ends a picture's name (`monet.jpg`
            for `cat-monet.png`), or a file of the picture's own name.

    Raises:
        UsageError: fewer than two folders, or one folder or name twice.
        NoInputError: no such folder, no pictures, or no name in all of them.
    """
    names, places = _methods(folders)
    found = [_by_name(place) for place in places]
    common = set.intersection(*(set(files) for files in found))
    if not common:
        found = [_without_ending(files) for files in found]
        common = set.intersection(*(set(files) for files in found))
    matched = Matched(names)
    if not common:
        raise _nothing_common(places, found)
    for files in found:
        matched.left_out += [(files[name].name, "not in every folder") for name in sorted(set(files) - common)]
    contents, styles = _contents(content), _styles(style)
    for name in sorted(common):
        _add(matched, Item(name, tuple(files[name] for files in found)), contents, styles)
    if not matched.items:
        reason = matched.left_out[-1]
        raise NoInputError(f"no item is complete: {reason[0]}: {reason[1]}", where=shown(content or style or ""))
    return matched


def _methods(folders: Sequence[str]) -> tuple[tuple[str, ...], list[Path]]:
    given = [_named(text) for text in folders]
    places = [place for _, place in given]
    names = [name or place.resolve().name for name, place in given]
    if len(set(names)) < len(names):  # a/out and b/out: more of the path tells them apart
        names = [name or "/".join(place.resolve().parts[-2:]) for name, place in given]
    if len(places) < 2:
        hint = "ganstyle study new A B -o study.html"
        raise UsageError(f"a study compares at least two folders, got {len(places)}", where="FOLDERS", hint=hint)
    if len({place.resolve() for place in places}) < len(places) or len(set(names)) < len(names):
        raise UsageError("a folder or a name is given twice", where="FOLDERS", hint="name them: ours=A theirs=B")
    return tuple(shown(name) for name in names), places


def _named(text: str) -> tuple[str, Path]:
    name, sign, rest = text.partition("=")
    return (name, Path(rest)) if sign and name and rest and not Path(text).exists() else ("", Path(text))


def _by_name(folder: Path) -> dict[str, Path]:
    """Return the pictures below a folder by their path without the ending; the first of two with one name stays."""
    if not folder.is_dir():
        raise NoInputError(f"there is no folder {shown(folder)}", where=shown(folder), hint="check the path")
    files = find_images(folder).files
    if not files:
        raise NoInputError(f"no pictures below {shown(folder)}", where=shown(folder), hint="check the path")
    found: dict[str, Path] = {}
    for file in files:
        found.setdefault(_key(file.relative_to(folder).with_suffix("")), file)
    return found


def _key(path: Path) -> str:
    return unicodedata.normalize("NFC", shown(path.as_posix()))


def _without_ending(files: Mapping[str, Path]) -> dict[str, Path]:
    """Drop the ending that all names share, from a joint on: `-monet` of `cat-monet`, `dog-monet`."""
    if len(files) < 2:
        return dict(files)
    first = min(files)
    endings = [first[start:] for start, char in enumerate(first) if char in _JOINTS]
    ending = next((ending for ending in endings if all(name.endswith(ending) for name in files)), "")
    short = {name[: len(name) - len(ending)]: file for name, file in files.items()}
    return short if all(short) else dict(files)


def _nothing_common(places: Sequence[Path], found: Sequence[Mapping[str, Path]]) -> NoInputError:
    examples = ", ".join(f"{shown(place.name)}/{min(files)}" for place, files in zip(places, found, strict=True))
    return NoInputError(
        f"no picture has the same name in all {len(places)} folders (looked at: {examples})",
        where=", ".join(shown(place) for place in places),
        hint="pictures are matched by file name: A/cat.png with B/cat.jpg",
    )


def _contents(folder: Path | None) -> dict[str, Path] | None:
    return None if folder is None else _by_name(folder)


def _styles(place: Path | None) -> dict[str, Path] | Path | None:
    """Return the styles by name; of a sub-folder its first picture."""
    if place is None or place.is_file():
        return place
    styles: dict[str, Path] = {}
    for key, file in _by_name(place).items():
        styles.setdefault(key.split("/")[0], file)
    return styles


def _add(matched: Matched, item: Item, contents: dict[str, Path] | None, styles: dict[str, Path] | Path | None) -> None:
    content = _beginning(item.name, contents) if contents is not None else None
    stems = [item.name, *(candidate.stem for candidate in item.candidates)]
    style = next(filter(None, (_ending(stem, styles) for stem in stems)), None) if isinstance(styles, dict) else styles
    if contents is not None and content is None:
        matched.left_out.append((item.name, "its content picture is missing"))
    elif styles is not None and style is None:
        matched.left_out.append((item.name, "its style picture is missing"))
    else:
        matched.items.append(Item(item.name, item.candidates, content, style))


def _beginning(name: str, files: Mapping[str, Path]) -> Path | None:
    cuts = [name, *(name[:end] for end in range(len(name) - 1, 0, -1) if name[end] in _JOINTS)]
    return next((files[cut] for cut in cuts if cut in files), None)


def _ending(name: str, styles: Mapping[str, Path]) -> Path | None:
    cuts = [name, *(name[start + 1 :] for start in range(len(name)) if name[start] in _JOINTS)]
    return next((styles[cut] for cut in cuts if cut in styles), None)
