"""Pictures to be scored: folders, data sets and tensors, each with an identity by content."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

import ganstyle
from ganstyle.api import DatasetLike
from ganstyle.data.names import shown
from ganstyle.data.reading import as_tensor, find_images, read_image
from ganstyle.data.transforms import Preprocess
from ganstyle.engine.content_index import files_identity, spread
from ganstyle.engine.encodings import LOOKED_AT, Encoding, encoding_of
from ganstyle.errors import InputError, NoInputError


@dataclass
class ImageSet:
    """Pictures that can be gone through.

    Attributes:
        iterate: starts a new walk over uint8 (3, H, W) pictures of any size.
        count: how many, as far as known; None for a stream.
        identify: computes a hash of the content; None for streams, which can't be read twice.
        skipped: (file, reason) of pictures that can't be read, filled while walking.
        unread: their places, counted from 0, filled likewise.
        read: one picture by its place, if that is quicker than walking.
        read_many: several by their places, if that is quicker still.
        name: what a picture is called, by its place.
        inspect: finds out how the pictures were stored.
    """

    iterate: Callable[[], Iterator[Tensor]]
    count: int | None = None
    identify: Callable[[], str] | None = None
    skipped: list[tuple[str, str]] = field(default_factory=list)
    unread: list[int] = field(default_factory=list)
    read: Callable[[int], Tensor] | None = None
    read_many: Callable[[Sequence[int]], Sequence[Tensor]] | None = None
    name: Callable[[int], str] | None = None
    inspect: Callable[[], Encoding] | None = None

    @cached_property
    def identity(self) -> str:
        """Hash of the content, in hex; empty for a stream."""
        return self.identify() if self.identify else ""

    @cached_property
    def encoding(self) -> Encoding:
        """How the pictures were stored; nothing is known of tensors and samples."""
        return self.inspect() if self.inspect else Encoding()

    def pick(self, numbers: Sequence[int], *, unread: Collection[int] = ()) -> dict[int, tuple[str, Tensor]]:
        """Return some pictures with their names.

        Args:
            numbers: places among the readable pictures, counted from 0.
            unread: places of those that a walk left out.

        Returns:
            number -> (name, uint8 (3, H, W)); pictures that can't be had (any more) are missing.
        """
        places = self._places(max(numbers, default=-1) + 1, unread)
        names = {number: self.name(places[number]) if self.name else f"number {number + 1}" for number in numbers}
        if self.read_many is not None:
            read = self.read_many([places[number] for number in numbers])
            return {number: (names[number], image) for number, image in zip(numbers, read, strict=True)}
        if self.read is None:
            walked = dict(enumerate(islice(self.iterate(), len(places))))
            return {number: (names[number], walked[number]) for number in numbers if number in walked}
        found = {}
        for number in numbers:
            try:
                found[number] = (names[number], self.read(places[number]))
            except InputError:  # it was readable when it was scored
                continue
        return found

    def _places(self, count: int, unread: Collection[int]) -> list[int]:
        missing, places, place = set(unread), list[int](), 0
        while len(places) < count:
            if place not in missing:
                places.append(place)
            place += 1
        return places


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
        read = images.__getitem__
        return ImageSet(lambda: iter(images), len(images), lambda: pixel_identity(images), read=read)
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


def indexed_set(
    count: int, read: Callable[[int], Tensor], name: Callable[[int], str], *, identify: Callable[[], str]
) -> ImageSet:
    """Return pictures that can be read one by one; a bad one among 10,000 is counted, not fatal.

    Args:
        count: how many.
        read: uint8 (3, H, W) by place; raises InputError.
        name: by place.
        identify: computes a hash of the content.
    """

    def walk() -> Iterator[Tensor]:
        images.skipped.clear()
        images.unread.clear()
        for place in range(count):
            try:
                image = read(place)
            except InputError as error:
                images.skipped.append((name(place), error.message))
                images.unread.append(place)
                continue
            yield image

    images = ImageSet(walk, count, identify, read=read, name=name)
    return images


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
    return files_set(files, root=root)


def files_set(files: Sequence[Path], root: Path | None = None) -> ImageSet:
    """Return picture files as a set.

    Args:
        files: in the order of the walk.
        root: of all of them; names in the identity are relative to it.
    """

    def name(place: int) -> str:
        return shown(files[place].relative_to(root) if root else files[place].name)

    images = indexed_set(
        len(files), lambda place: read_image(files[place]), name, identify=lambda: files_identity(files, root)
    )
    images.inspect = lambda: encoding_of([file.name for file in files], spread(list(files), LOOKED_AT))
    return images


def dataset_set(dataset: DatasetLike, *, preprocess: Preprocess | None = None, count: int | None = None) -> ImageSet:
    """Return the pictures of a data set.

    Args:
        dataset: items are mappings with `images` uint8 (3, H, W).
        preprocess: applied to each; it should hold no chance, see `Preprocess.plain`.
        count: at most so many, evenly spaced; None is all.
    """
    indices = spread(list(range(len(dataset))), count)
    names = getattr(dataset, "files", None) or [f"item {index}" for index in range(len(dataset))]
    images = indexed_set(
        len(indices),
        lambda place: _prepared(dataset[indices[place]], preprocess),
        lambda place: shown(names[indices[place]]),
        identify=lambda: _stored_identity(dataset, indices, preprocess) or pixel_identity(images.iterate()),
    )
    chosen = [names[index] for index in indices]
    images.inspect = lambda: _stored_encoding(dataset, indices, chosen)
    return images


def _prepared(item: Mapping[str, Any], preprocess: Preprocess | None) -> Tensor:
    image = item["images"]
    return preprocess.image(image, torch.Generator().manual_seed(0)) if preprocess else image


def _stored_identity(dataset: Any, indices: Sequence[int], preprocess: Preprocess | None) -> str:
    """Hash the files behind a data set, which spares decoding them; empty if there are none that we know."""
    root, archive = getattr(dataset, "root", None), getattr(dataset, "path", None)
    names = [dataset.files[index] for index in indices] if hasattr(dataset, "files") else []
    if isinstance(root, Path) and names and (root / names[0]).is_file():
        content = files_identity([root / name for name in names], root)
    elif isinstance(archive, Path) and archive.suffix.lower() == ".zip" and hasattr(dataset, "read_bytes"):
        content = files_identity([archive])
    else:
        return ""
    if not content:
        return ""
    change = sorted(vars(preprocess).items()) if preprocess else "as it is"
    parts = (content, *names, repr(change), ganstyle.__version__)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def _stored_encoding(dataset: Any, indices: Sequence[int], names: Sequence[str]) -> Encoding:
    if not getattr(dataset, "files", None):
        return Encoding()
    return encoding_of(names, _openings(dataset, spread(list(indices), LOOKED_AT)))


def _openings(dataset: Any, indices: Sequence[int]) -> Iterator[Path | BinaryIO]:
    root = getattr(dataset, "root", None)
    for index in indices:
        if hasattr(dataset, "read_bytes"):
            try:
                yield io.BytesIO(dataset.read_bytes(index))
            except InputError:
                continue
        elif isinstance(root, Path):
            yield root / dataset.files[index]
