"""Pictures to be scored: folders, data sets, tensors and pairs of folders, each with an identity by content."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganstyle.api import DatasetLike
from ganstyle.data.names import shown
from ganstyle.data.reading import as_tensor, find_images, read_image
from ganstyle.data.transforms import Preprocess
from ganstyle.errors import InputError, NoInputError

LOSSY_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"})


@dataclass
class ImageSet:
    """Pictures that can be gone through.

    Attributes:
        iterate: starts a new walk over uint8 (3, H, W) pictures of any size.
        count: how many, as far as known; None for a stream.
        identify: computes a hash of the content; None for streams, which can't be read twice.
        lossy: share of JPEG files, in [0, 1].
        skipped: (file, reason) of pictures that can't be read, filled while walking.
    """

    iterate: Callable[[], Iterator[Tensor]]
    count: int | None = None
    identify: Callable[[], str] | None = None
    lossy: float = 0.0
    skipped: list[tuple[str, str]] = field(default_factory=list)

    @cached_property
    def identity(self) -> str:
        """Hash of the content, in hex; empty for a stream."""
        return self.identify() if self.identify else ""


def as_image_set(images: Any) -> ImageSet:
    """Return any pictures as a set.

    Args:
        images: an ImageSet, a folder, uint8 (N, 3, H, W), or an iterable of such batches, of uint8 (3, H, W)
            pictures, or of paths, PIL images and arrays.

    Raises:
        NoInputError: a folder that is missing or holds no pictures.
    """
    if isinstance(images, ImageSet):
        return images
    if isinstance(images, str | os.PathLike):
        return folder_set(Path(images))
    if isinstance(images, Tensor):
        return ImageSet(lambda: iter(images), len(images), lambda: pixel_identity(images))
    if isinstance(images, list | tuple):
        return ImageSet(lambda: _singles(images), identify=lambda: pixel_identity(_singles(images)))
    return ImageSet(lambda: _singles(images))


def _singles(images: Iterable[Any]) -> Iterator[Tensor]:
    for image in images:
        if isinstance(image, Tensor) and image.ndim == 4:
            yield from image
        else:
            yield image if _is_plain(image) else as_tensor(image)


def _is_plain(image: Any) -> bool:
    return isinstance(image, Tensor) and image.dtype == torch.uint8 and image.ndim == 3 and image.shape[0] == 3


def pixel_identity(images: Iterable[Tensor]) -> str:
    """Return a hash of the shapes and values of uint8 pictures, in order."""
    digest = hashlib.sha256()
    for image in images:
        digest.update(repr(tuple(image.shape)).encode())
        digest.update(image.contiguous().cpu().numpy().data)
    return digest.hexdigest()


def folder_set(path: Path | str, *, count: int | None = None) -> ImageSet:
    """Return the pictures below a folder.

    Args:
        path: a folder.
        count: at most so many, spread evenly over the sorted files; None is all.

    Raises:
        NoInputError: no such folder, or no picture in it.
    """
    root = Path(path)
    if not root.is_dir():
        raise NoInputError(f"there is no folder {shown(root)}", where=shown(root), hint="check the path")
    found = find_images(root)
    files = spread(found.files, count)
    if not files:
        message = f"no pictures below {shown(root)} ({len(found.ignored)} other files)"
        raise NoInputError(message, where=shown(root), hint=f"ganstyle data check {shown(root)}")
    images = _files_set(files, root=root)
    images.lossy = sum(file.suffix.lower() in LOSSY_SUFFIXES for file in files) / len(files)
    return images


def _files_set(files: list[Path], root: Path | None = None) -> ImageSet:
    images = ImageSet(lambda: _read_all(files, images.skipped), len(files), lambda: _file_identity(files, root))
    return images


def spread(items: list[Any], count: int | None) -> list[Any]:
    """Return at most count items, evenly spaced, so that no label or name is favoured."""
    if count is None or count >= len(items):
        return items
    return [items[index * len(items) // count] for index in range(count)]


def _read_all(files: list[Path], skipped: list[tuple[str, str]]) -> Iterator[Tensor]:
    skipped.clear()
    for file in files:
        try:
            yield read_image(file)
        except InputError as error:  # one bad file among 10,000 is counted, not fatal
            skipped.append((shown(file), error.message))


def _file_identity(files: list[Path], root: Path | None = None) -> str:
    """Hash names below the root (without one: bare names) and contents."""
    digest = hashlib.sha256()
    for file in sorted(files):
        try:
            with open(file, "rb") as content:
                content_hash = hashlib.file_digest(content, "sha256").hexdigest()
        except OSError:
            return ""  # what can't be read now may be readable next time: no identity, no cache
        name = file.relative_to(root).as_posix() if root else file.name
        digest.update(f"{name}\0{content_hash}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def dataset_set(dataset: DatasetLike, *, preprocess: Preprocess | None = None, count: int | None = None) -> ImageSet:
    """Return the pictures of a data set.

    Args:
        dataset: items are mappings with `images` uint8 (3, H, W).
        preprocess: applied to each; it should hold no chance, see `Preprocess.plain`.
        count: at most so many, evenly spaced; None is all.
    """
    indices = spread(list(range(len(dataset))), count)
    names = getattr(dataset, "files", None) or [f"item {index}" for index in range(len(dataset))]
    lossy = sum(Path(names[index]).suffix.lower() in LOSSY_SUFFIXES for index in indices) / max(1, len(indices))

    def walk() -> Iterator[Tensor]:
        images.skipped.clear()
        for index in indices:
            try:
                yield _prepared(dataset[index], preprocess)
            except InputError as error:
                images.skipped.append((shown(names[index]), error.message))

    images = ImageSet(walk, len(indices), lambda: pixel_identity(walk()), lossy)
    return images


def _prepared(item: Mapping[str, Any], preprocess: Preprocess | None) -> Tensor:
    image = item["images"]
    return preprocess.image(image, torch.Generator().manual_seed(0)) if preprocess else image


@dataclass
class PairSet:
    """Pictures and what they are compared with; walk it once or more.

    Attributes:
        files: (picture, reference) of each pair.
        unmatched: pictures without a reference, by name.
        unused: references without a picture, by name.
        refused: (pair, reason) of pairs of unequal size or unreadable, filled while walking.
    """

    files: list[tuple[Path, Path]]
    unmatched: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.files)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        self.refused.clear()
        for picture, reference in self.files:
            try:
                yield _equal_sizes(read_image(picture), read_image(reference))
            except InputError as error:
                self.refused.append((shown(picture), error.message))

    def images(self) -> ImageSet:
        """Return the pictures as a set of their own, for metrics that need no pairs."""
        return _files_set([picture for picture, _ in self.files])

    def references(self) -> ImageSet:
        """Return the references, each once, as a set of their own."""
        return _files_set(sorted({reference for _, reference in self.files}))


def _equal_sizes(picture: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    if picture.shape != reference.shape:
        sizes = " and ".join(f"{image.shape[2]} x {image.shape[1]}" for image in (picture, reference))
        raise InputError(f"sizes differ ({sizes}); pairs are never resized")
    return picture, reference


def pair_folders(pictures: Path | str, references: Path | str, *, count: int | None = None) -> PairSet:
    """Match pictures to references by name: equal stems, else the longest stem that the picture's begins with.

    `cat.png` and `cat-monet.png` both belong to `cat.jpg`.

    Args:
        pictures: folder.
        references: folder.
        count: at most so many pairs, evenly spaced; None is all.

    Raises:
        NoInputError: a folder is missing or holds no pictures, or nothing matches.
    """
    left, right = (_by_stem(Path(path)) for path in (pictures, references))
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


def _by_stem(path: Path) -> dict[str, list[Path]]:
    folder_set(path)  # says what is wrong with an empty or missing folder
    files = sorted(find_images(path).files, key=lambda file: file.stem)
    return {stem: list(group) for stem, group in groupby(files, key=lambda file: file.stem)}


def _reference(stem: str, references: Mapping[str, list[Path]]) -> Path | None:
    cuts = [stem, *(stem[:end] for end in range(len(stem) - 1, 0, -1) if stem[end] in "-_. ")]
    return next((references[cut][0] for cut in cuts if cut in references), None)
