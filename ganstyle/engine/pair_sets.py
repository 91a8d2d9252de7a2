"""Pairs of pictures matched by file name, and the style that each picture was made in."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from torch import Tensor

from ganstyle.data.names import shown
from ganstyle.data.reading import find_images, read_image
from ganstyle.engine.image_sets import ImageSet, files_set, folder_set, spread
from ganstyle.errors import InputError, NoInputError, UsageError

SEPARATORS = "-_. "
MOST_WORKS = 200  # of one style, evenly chosen


@dataclass
class PairSet:
    """Pictures and what they are compared with; walk it once or more.

    Attributes:
        files: (picture, reference) of each pair.
        unmatched: pictures without a reference, by name.
        unused: references without a picture, by name.
        styles: of each pair; empty if styles don't matter.
        refused: (pair, reason) of pairs of unequal size, unreadable or without a style, filled while walking.
        walked: places among `files` of the pairs that were not refused, filled likewise.
    """

    files: list[tuple[Path, Path]]
    unmatched: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    styles: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    walked: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.files)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor] | tuple[Tensor, Tensor, str]]:
        self.refused.clear()
        self.walked.clear()
        for place, (picture, reference) in enumerate(self.files):
            try:
                pair = self.read(place)
            except InputError as error:
                same = picture.name == reference.name or shown(reference.name) in error.message
                self.refused.append((shown(picture.name), error.message + ("" if same else f" ({reference.name})")))
                continue
            self.walked.append(place)
            yield (*pair, self.styles[place]) if self.styles else pair

    def read(self, place: int) -> tuple[Tensor, Tensor]:
        """Return a pair, uint8 (3, H, W) each, of one size.

        Raises:
            InputError: unreadable, or of unequal size; pairs are never resized.
        """
        picture, reference = self.files[place]
        return _equal_sizes(read_image(picture), read_image(reference))

    def images(self) -> ImageSet:
        """Return the pictures as a set of their own, for metrics that need no pairs."""
        return files_set([picture for picture, _ in self.files])

    def references(self) -> ImageSet:
        """Return the references, each once, as a set of their own."""
        return files_set(sorted({reference for _, reference in self.files}))

    def of_styles(self, names: Collection[str]) -> PairSet:
        """Return the pairs with the style of each: the only one, or the one that its picture's name ends with.

        Args:
            names: of all styles.

        Raises:
            NoInputError: no picture's name ends with a style.
        """
        only = next(iter(names)) if len(names) == 1 else ""
        found = [only or _style_of(picture, names) for picture, _ in self.files]
        kept = [(pair, style) for pair, style in zip(self.files, found, strict=True) if style]
        if not kept:
            raise NoInputError(
                f"no picture's name ends with a style ({', '.join(sorted(names)[:5])})",
                where=shown(self.files[0][0]),
                hint="name pictures PHOTO-STYLE.png, as ganstyle transfer does, or give one style",
            )
        nameless = [f"{shown(pair[0].name)} (names no style)" for pair, style in zip(self.files, found) if not style]
        pairs, styles = [pair for pair, _ in kept], [style for _, style in kept]
        return PairSet(pairs, [*self.unmatched, *nameless], self.unused, styles)


def _equal_sizes(picture: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    if picture.shape != reference.shape:
        sizes = " and ".join(f"{image.shape[2]} x {image.shape[1]}" for image in (picture, reference))
        raise InputError(f"sizes differ ({sizes}); pairs are never resized")
    return picture, reference


def pair_folders(pictures: Path | str, references: Path | str, *, count: int | None = None) -> PairSet:
    """Match pictures to references by name: equal stems, else the longest stem that the picture's begins with.

    `cat.png` and `cat-monet.png` both belong to `cat.jpg`. Where one folder lies in the other, as results do that were
    written beside their photographs, its pictures count on its own side only.

    Args:
        pictures: folder, or one picture.
        references: folder, or one picture.
        count: at most so many pairs, evenly spaced; None is all.

    Raises:
        NoInputError: a folder is missing or holds no pictures, or nothing matches.
    """
    if Path(pictures).is_file() and Path(references).is_file():
        return PairSet([(Path(pictures), Path(references))])
    left, right = _by_stem(Path(pictures), but=Path(references)), _by_stem(Path(references), but=Path(pictures))
    matches = {file: _reference(stem, right) for stem, files in left.items() for file in files}
    pairs = [(file, reference) for file, reference in sorted(matches.items()) if reference]
    used = {reference for _, reference in pairs}
    unused = [file.name for files in right.values() for file in files if file not in used]
    unmatched = [file.name for file, reference in sorted(matches.items()) if not reference]
    if not pairs:
        first = ", ".join(unmatched[:3])
        raise NoInputError(
            f"no picture in {shown(pictures)} has the name of one in {shown(references)} (looked for: {first})",
            where=shown(pictures),
            hint="pairs are matched by file name: cat.png or cat-monet.png with cat.jpg",
        )
    return PairSet(spread(pairs, count), unmatched, sorted(unused))


def _by_stem(path: Path, *, but: Path) -> dict[str, list[Path]]:
    folder_set(path)  # says what is wrong with an empty or missing folder
    files = sorted(find_images(path).files, key=lambda file: file.stem)
    if path.resolve() in but.resolve().parents:
        files = [file for file in files if but.resolve() not in file.resolve().parents]
    return {stem: list(group) for stem, group in groupby(files, key=lambda file: file.stem)}


def _reference(stem: str, references: Mapping[str, list[Path]]) -> Path | None:
    cuts = [stem, *(stem[:end] for end in range(len(stem) - 1, 0, -1) if stem[end] in SEPARATORS)]
    return next((references[cut][0] for cut in cuts if cut in references), None)


def _style_of(picture: Path, names: Collection[str]) -> str:
    """Return the longest style that a file's name ends with, or its folder's name; empty if neither is one."""
    stem = picture.stem
    ends = [name for name in names if stem == name or (stem.endswith(name) and stem[-len(name) - 1] in SEPARATORS)]
    folder = picture.parent.name if picture.parent.name in names else ""
    return max(ends, key=len, default=folder)


class Works(Sequence[Tensor]):
    """Pictures of one style, read when they are looked at, so that memory does not grow with their number.

    Args:
        files: at least one; those that can't be read raise InputError when looked at.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = list(files)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, place: int) -> Tensor:  # type: ignore[override]
        return read_image(self.files[place])


def style_works(words: Sequence[str], *, named: Mapping[str, Sequence[Path]] | None = None) -> dict[str, Works]:
    """Return the works of each style that words name.

    Args:
        words: each a picture; a folder of one style's pictures; a folder with a sub-folder for each style; or one of
            the names.
        named: styles that are known by name, with their works.

    Returns:
        Style name -> its works, at most MOST_WORKS, evenly chosen.

    Raises:
        UsageError: two styles of one name.
        NoInputError: a word that is none of these, or a folder without pictures.
    """
    found: dict[str, Works] = {}
    for word in words:
        for name, files in _works_of(word, named or {}).items():
            if name in found:
                raise UsageError(
                    f"two styles are called {shown(name)}", where="--style", hint="rename one of the folders"
                )
            found[name] = Works(spread(files, MOST_WORKS))
    return found


def _works_of(word: str, named: Mapping[str, Sequence[Path]]) -> dict[str, list[Path]]:
    path = Path(word)
    if path.is_file():
        return {path.stem: [path]}
    if path.is_dir():
        return _folder_works(path)
    if word in named:
        return {word: list(named[word])}
    hint = f"a picture, a folder, or one of {', '.join(sorted(named))}" if named else "a picture or a folder"
    raise NoInputError(f"there is no style {shown(word)}", where="--style", hint=hint)


def _folder_works(root: Path) -> dict[str, list[Path]]:
    folder_set(root)  # says what is wrong with an empty one
    files = find_images(root).files
    groups: dict[str, list[Path]] = {}
    for file in files:
        parts = file.relative_to(root).parts
        groups.setdefault(parts[0] if len(parts) > 1 else "", []).append(file)
    if "" in groups:  # pictures at the top: the folder itself is the style
        return {root.resolve().name: files}
    return groups
