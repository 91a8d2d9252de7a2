"""Data sets `unpaired`, two folders that nobody matched, and `domains`, one sub-folder for each kind of picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor

from ganstyle.api import Options
from ganstyle.errors import NoInputError, UsageError

from .shelf import Shelf

TWO_FOLDERS = "ganstyle train --arch cut --data PHOTOS --set data.styles=PAINTINGS"
SUB_FOLDERS = "ganstyle train --arch multistyle --data FOLDER, with a sub-folder for each kind of picture"
_SHORT_SIDE = "Larger pictures are shrunk to this short side when they are read."


class UnpairedOptions(Options):
    """Where the photographs and the styles are."""

    path: Annotated[
        str | None, Field(description="Photographs: folder or picture; with trainA and trainB inside, both sides.")
    ] = None
    styles: Annotated[str | None, Field(description="Pictures to imitate: folder or picture.")] = None
    short_side: Annotated[int, Field(ge=16, le=4096, description=_SHORT_SIDE)] = 640


class Unpaired:
    """Map-style data set of `images` and `style`, uint8 (3, H, W) of any size; the second is any of its folder.

    Attributes:
        files: of the photographs, for messages.
        sides: names of the two folders.
        goal: the works alone, for scores while training.
    """

    def __init__(self, options: UnpairedOptions, split: str) -> None:
        """Find all files.

        Args:
            options: folders.
            split: `train` or `test`, which matters where the folder holds trainA, trainB, testA and testB.

        Raises:
            NoInputError: a folder is missing or holds no picture.
            UsageError: one folder alone.
        """
        photos, styles = _places(options, split)
        self.photos, self.works = (
            Shelf(place, short_side=options.short_side, hint=TWO_FOLDERS) for place in (photos, styles)
        )
        self.files, self.goal = [str(path) for path in self.photos.files], Works(self.works)
        self.sides = [self.photos.name, self.works.name]

    def __len__(self) -> int:
        """Return the number of photographs."""
        return len(self.photos)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """Return `sample` with draws that depend on the index alone."""
        return self.sample(index, torch.Generator().manual_seed(index))

    def sample(self, index: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Return a photograph and a random work; the generator is the only source of chance.

        Raises:
            InputError: the photograph, or several works in a row, can't be read.
        """
        work = self.works.readable(_drawn(len(self.works), generator))
        return {"images": self.photos.picture(index), "style": work}

    def fingerprint(self) -> str:
        """Return a hash of the names and sizes of both folders' files."""
        return f"{self.photos.fingerprint()}-{self.works.fingerprint()}"


class Works:
    """Map-style data set of `images`, uint8 (3, H, W): what results should look like.

    Attributes:
        files: for messages.
    """

    def __init__(self, shelf: Shelf) -> None:
        """Show the pictures of a shelf."""
        self.shelf, self.files = shelf, [str(path) for path in shelf.files]

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.shelf)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """Return a picture.

        Raises:
            InputError: it can't be read.
        """
        return {"images": self.shelf.picture(index)}


class DomainsOptions(Options):
    """Where the domains are."""

    path: Annotated[
        str | None, Field(description="Folder with a sub-folder for each kind of picture; none: the built-in ones.")
    ] = None
    short_side: Annotated[int, Field(ge=16, le=4096, description=_SHORT_SIDE)] = 640


class Domains:
    """Map-style data set of `images`, `style` and `other`, uint8 (3, H, W), and `label`, the domain of the latter two.

    Domains are drawn alike often, however many pictures they have.

    Attributes:
        files: all pictures, for messages.
        styles: names of the domains.
    """

    def __init__(self, options: DomainsOptions, split: str) -> None:
        """Find all files.

        Args:
            options: the folder.
            split: all splits are the same.

        Raises:
            NoInputError: no folder, fewer than two sub-folders, or one without pictures.
        """
        root = _embedded("paintings") if options.path is None else Path(options.path).expanduser()
        if not root.is_dir():
            raise NoInputError(f"{str(root)!r} is no folder", where="data.path", hint=SUB_FOLDERS)
        folders = sorted(entry for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))
        if len(folders) < 2:
            names = ", ".join(folder.name for folder in folders) or "none"
            reason = f"translation between domains needs two sub-folders or more, found {names}"
            raise NoInputError(reason, where=str(root), hint=SUB_FOLDERS)
        self.shelves = [Shelf(folder, short_side=options.short_side, hint=SUB_FOLDERS) for folder in folders]
        self.styles = [folder.name for folder in folders]
        self.places = [(shelf, index) for shelf in self.shelves for index in range(len(shelf))]
        self.files = [str(shelf.files[index]) for shelf, index in self.places]

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.places)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return `sample` with draws that depend on the index alone."""
        return self.sample(index, torch.Generator().manual_seed(index))

    def sample(self, index: int, generator: torch.Generator) -> dict[str, Any]:
        """Return a picture, a domain, and two of its pictures; the generator is the only source of chance.

        Raises:
            InputError: the picture, or several of the domain in a row, can't be read.
        """
        shelf, place = self.places[index]
        label = _drawn(len(self.shelves), generator)
        wanted = self.shelves[label]
        style, other = (wanted.readable(_drawn(len(wanted), generator)) for _ in range(2))
        return {"images": shelf.picture(place), "style": style, "other": other, "label": label}

    def fingerprint(self) -> str:
        """Return a hash of the names and sizes of all files."""
        return "-".join(shelf.fingerprint() for shelf in self.shelves)


def build_unpaired(options: UnpairedOptions, split: str) -> Unpaired:
    """Return the data set for `split`; see `Unpaired`."""
    return Unpaired(options, split)


def build_domains(options: DomainsOptions, split: str) -> Domains:
    """Return the data set for `split`; see `Domains`."""
    return Domains(options, split)


def _places(options: UnpairedOptions, split: str) -> tuple[Path, Path]:
    if options.path is None:
        works = _embedded("paintings") / "monet" if options.styles is None else Path(options.styles).expanduser()
        return _embedded("photos"), works
    photos = Path(options.path).expanduser()
    if options.styles is not None:
        return photos, Path(options.styles).expanduser()
    both = [photos / f"{name}{side}" for name in (split, "train") for side in "AB"]
    for pair in (both[:2], both[2:]):
        if all(folder.is_dir() for folder in pair):
            return pair[0], pair[1]
    raise UsageError(
        "one folder alone can't be translated: the pictures to imitate are missing",
        where="data.styles",
        hint=TWO_FOLDERS,
    )


def _embedded(part: str) -> Path:
    from ganstyle.data.embedded import embedded_root  # only the defaults need the archive

    return embedded_root() / part


def _drawn(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (), generator=generator))
