"""What a data set holds: sizes, formats, styles, broken files, duplicates, and what training will make of it."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ganstyle.data.finding import find_images
from ganstyle.data.names import shown
from ganstyle.data.pictures import FolderPictures, Pictures, existing_folder, split_folder
from ganstyle.data.reading import MAX_BYTES, Picture, open_picture, picture_from_bytes
from ganstyle.data.zips import ZipPictures
from ganstyle.errors import InputError, NoInputError

SIZE_EDGES = (32, 64, 128, 256, 512, 1024, 2048)
NEAR_BITS = 3
MAX_COMPARED = 20_000
_FLAT = 4.0  # pictures with less contrast have no meaningful difference hash


@dataclass
class Report:
    """The findings; counts are of pictures unless said otherwise.

    Attributes:
        where: the folder or zip.
        found: files that are pictures by their name.
        readable: of these.
        total_bytes: of the readable files.
        megapixels: of all readable pictures together.
        broken: (name, reason).
        ignored: other entries, reason to count.
        formats: format to count.
        sizes: short side in pixels, as text, to count.
        smallest: width and height of the picture with the least pixels; (0, 0) if there is none.
        largest: of the one with most.
        styles: sub-folder to count; empty without labels.
        exact_duplicates: groups of names with equal bytes.
        near_duplicates: groups of names that look alike.
        grayscale: without colour.
        transparent: with an alpha channel.
        notes: remark of the reader to count.
        below: smaller than the resolution on their short side, so enlarged.
        resolution: pixels.
    """

    where: str
    found: int = 0
    readable: int = 0
    total_bytes: int = 0
    megapixels: float = 0.0
    broken: list[tuple[str, str]] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    sizes: Counter[str] = field(default_factory=Counter)
    smallest: tuple[int, int] = (0, 0)
    largest: tuple[int, int] = (0, 0)
    styles: Counter[str] = field(default_factory=Counter)
    exact_duplicates: list[list[str]] = field(default_factory=list)
    near_duplicates: list[list[str]] = field(default_factory=list)
    grayscale: int = 0
    transparent: int = 0
    notes: Counter[str] = field(default_factory=Counter)
    below: int = 0
    resolution: int = 64

    @property
    def trainable(self) -> bool:
        """Tell whether training would accept it: at most 1 % broken, at least one file tolerated."""
        return self.readable > 0 and len(self.broken) <= max(1, self.found // 100)

    def take(self, style: str, size_bytes: int, picture: Picture) -> None:
        """Count one readable picture."""
        width, height = picture.size
        self.readable += 1
        self.total_bytes += size_bytes
        self.megapixels += width * height / 1e6
        self.formats[picture.format] += 1
        self.sizes[_bin(min(width, height))] += 1
        self.styles[style] += 1
        self.grayscale += picture.grayscale
        self.transparent += picture.alpha is not None
        self.notes.update(picture.notes)
        self.below += min(width, height) < self.resolution
        sizes = [size for size in (self.smallest, self.largest, (width, height)) if size != (0, 0)]
        self.smallest = min(sizes, key=lambda size: size[0] * size[1])
        self.largest = max(sizes, key=lambda size: size[0] * size[1])

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        plain = {name: dict(value) if isinstance(value, Counter) else value for name, value in vars(self).items()}
        broken = [{"file": name, "reason": reason} for name, reason in self.broken]
        return plain | {"broken": broken, "sizes": _ordered(self.sizes), "trainable": self.trainable}


@dataclass
class _Seen:
    """What is needed to find duplicates."""

    names: list[str] = field(default_factory=list)
    digests: dict[str, list[str]] = field(default_factory=dict)
    hashes: list[int] = field(default_factory=list)
    hashed: list[str] = field(default_factory=list)


def check(
    path: str | os.PathLike[str], *, resolution: int = 64, progress: Callable[[int, int], None] | None = None
) -> Report:
    """Read every picture of a folder or zip once and report.

    Args:
        path: folder or zip.
        resolution: that training will use, pixels.
        progress: called with (done, total).

    Raises:
        NoInputError: the path is missing, unsafe, or holds no picture.
    """
    dataset, ignored = _dataset(Path(path).expanduser())
    report = Report(dataset.where, found=len(dataset), ignored=ignored, resolution=resolution)
    seen = _Seen()
    for index, item in enumerate(dataset.entries):
        try:
            data, picture = _load(dataset, index)
        except InputError as error:
            report.broken.append((shown(item.name), error.message))
        else:
            report.take(item.style if dataset.styles else "", len(data), picture)
            _remember(seen, shown(item.name), data, picture)
        if progress:
            progress(index + 1, len(dataset))
    if not dataset.styles:
        report.styles.clear()
    _compare(seen, report)
    return report


def _dataset(path: Path) -> tuple[Pictures, Counter[str]]:
    if path.is_file() and path.suffix.lower() == ".zip":
        return ZipPictures(path), Counter()
    root = split_folder(existing_folder(path), "train")
    found = find_images(root)
    ignored = Counter(reason for _, reason in found.ignored)
    if not found.files:
        listed = ", ".join(f"{count} {reason}" for reason, count in ignored.most_common()) or "nothing at all"
        raise NoInputError(
            f"folder {shown(root)} holds no pictures; found: {listed}",
            where=shown(root),
            hint="pictures end in .jpg, .png, .webp, .tif, .avif, .gif, .bmp",
        )
    return FolderPictures(root), ignored


def _load(dataset: Pictures, index: int) -> tuple[bytes, Picture]:
    if isinstance(dataset, ZipPictures):
        data = dataset.read_bytes(index)
        return data, picture_from_bytes(data, dataset.entries[index].name)
    if not isinstance(dataset, FolderPictures):
        raise TypeError(f"can't check a {type(dataset).__name__}")
    path = dataset.root / dataset.entries[index].name
    picture = open_picture(path, name=dataset.entries[index].name)
    with open(path, "rb") as stream:
        return stream.read(MAX_BYTES), picture


def _remember(seen: _Seen, name: str, data: bytes, picture: Picture) -> None:
    digest = hashlib.sha256(data).hexdigest()
    seen.digests.setdefault(digest, []).append(name)
    code = difference_hash(picture.on_matte())
    # Equal files are reported once, as such.
    if code is not None and len(seen.digests[digest]) == 1:
        seen.hashes.append(code)
        seen.hashed.append(name)


def difference_hash(rgb: NDArray[np.uint8]) -> int | None:
    """Return 64 bits: is each of 9x8 gray cells darker than its right neighbour? None for a flat picture.

    Source: N. Krawetz, "Kind of like that", 2013.
    """
    gray = Image.fromarray(rgb).convert("L").resize((9, 8), Image.Resampling.BOX)
    cells = np.asarray(gray, np.int16)
    if cells.std() < _FLAT:
        return None
    bits = (cells[:, :-1] < cells[:, 1:]).reshape(-1)
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def _compare(seen: _Seen, report: Report) -> None:
    report.exact_duplicates = [names for names in seen.digests.values() if len(names) > 1]
    if len(seen.hashes) > MAX_COMPARED:
        report.notes[f"near-duplicates were looked for among the first {MAX_COMPARED} only"] += 1
    report.near_duplicates = near_groups(seen.hashes[:MAX_COMPARED], seen.hashed)


def near_groups(hashes: list[int], names: list[str], *, bits: int = NEAR_BITS) -> list[list[str]]:
    """Return groups of names whose hashes differ in at most so many bits from another one of the group."""
    parent = list(range(len(hashes)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for first, second in _near_pairs(hashes, bits):
        parent[root(second)] = root(first)
    groups: dict[int, list[str]] = {}
    for index in range(len(hashes)):
        groups.setdefault(root(index), []).append(names[index])
    return [group for group in groups.values() if len(group) > 1]


def _near_pairs(hashes: list[int], bits: int) -> Iterator[tuple[int, int]]:
    codes = np.asarray(hashes, np.uint64)
    for index in range(len(codes) - 1):
        differing = (codes[index + 1 :] ^ codes[index]).view(np.uint8).reshape(-1, 8)
        distance = np.unpackbits(differing, axis=1).sum(axis=1)
        for offset in np.flatnonzero(distance <= bits):
            yield index, index + 1 + int(offset)


def _bin(side: int) -> str:
    below = [edge for edge in SIZE_EDGES if edge <= side]
    if not below:
        return f"under {SIZE_EDGES[0]}"
    above = [edge for edge in SIZE_EDGES if edge > side]
    return f"{below[-1]} to {above[0] - 1}" if above else f"{below[-1]} and more"


def _ordered(sizes: Counter[str]) -> dict[str, int]:
    order = [_bin(side) for side in (0, *SIZE_EDGES)]
    return {label: sizes[label] for label in order if label in sizes}
