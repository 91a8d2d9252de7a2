"""Map-style data sets of picture files; sub-folders are labels (styles)."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganstyle.api import suggest
from ganstyle.data.finding import find_images
from ganstyle.data.names import shown
from ganstyle.data.reading import Picture, open_picture
from ganstyle.errors import NoInputError, UsageError


@dataclass(frozen=True)
class Entry:
    """One picture of a data set.

    Attributes:
        name: path below the root, with forward slashes.
        size_bytes: of the file.
        style: its first folder below the root; empty at the top.
    """

    name: str
    size_bytes: int
    style: str


def entry(name: str, size_bytes: int) -> Entry:
    """Return the entry of a name with forward slashes."""
    return Entry(name, size_bytes, name.split("/")[0] if "/" in name else "")


class Pictures:
    """What folders and zips have in common: names, labels, a fingerprint.

    Items hold `images` uint8 (3, H, W) and, if every picture lies in a style folder, `labels` (int).

    Args:
        where: the root, for messages.
        entries: sorted by name.
        labels: `"auto"` (first folder names) or `"none"`.
        style: keep only this folder.

    Raises:
        NoInputError: no picture is left.
        UsageError: the style is unknown.
    """

    def __init__(self, where: str, entries: Sequence[Entry], *, labels: str = "auto", style: str | None = None) -> None:
        self.where = where
        self.entries = list(entries)
        if style is not None:
            self.entries = _of_style(self.entries, style, where)
        self.files = [item.name for item in self.entries]
        names = sorted({item.style for item in self.entries})
        self.styles: list[str] = names if labels == "auto" and names and "" not in names else []

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: int) -> dict[str, Any]:
        item: dict[str, Any] = {"images": self.read(index)}
        if self.styles:
            item["labels"] = self.label(index)
        return item

    def label(self, index: int) -> int:
        """Return the number of a picture's style in `styles`."""
        return self.styles.index(self.entries[index].style)

    def read(self, index: int) -> Tensor:
        """Return one picture, uint8 (3, H, W).

        Raises:
            InputError: it can't be read.
        """
        raise NotImplementedError

    def fingerprint(self) -> str:
        """Return a sha256 over count, names and sizes: another one means that the data changed."""
        digest = hashlib.sha256(f"{len(self)}\n".encode())
        for item in self.entries:
            digest.update(f"{item.name}\0{item.size_bytes}\n".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()


class FolderPictures(Pictures):
    """Pictures below a folder, read when asked for.

    Args:
        path: the folder.
        split: `"train"` or `"test"`; chooses the sub-folder of that name where both exist, else all are used.
        labels: `"auto"` or `"none"`.
        style: keep only this sub-folder.

    Raises:
        NoInputError: the folder is missing or holds no picture.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, split: str = "train", labels: str = "auto", style: str | None = None
    ) -> None:
        self.root = split_folder(existing_folder(path), split)
        found = find_images(self.root)
        entries = [entry(file.relative_to(self.root).as_posix(), _size(file)) for file in found.files]
        if not entries:
            raise NoInputError(
                f"folder {shown(self.root)} holds no pictures ({len(found.ignored)} other entries)",
                where=shown(self.root),
                hint=f"ganstyle data check {shown(self.root)}",
            )
        super().__init__(shown(self.root), entries, labels=labels, style=style)

    def read(self, index: int) -> Tensor:
        """Return one picture, uint8 (3, H, W)."""
        return decoded(open_picture(self.root / self.entries[index].name))


def decoded(picture: Picture) -> Tensor:
    """Return uint8 (3, H, W) on white, in the decoder's memory order (channels last), which `Preprocess` takes as is.

    Turning 400x320 pixels to the other order and back costs more than resizing them to 64x64.
    """
    return torch.from_numpy(np.array(picture.on_matte(), order="C")).permute(2, 0, 1)


def existing_folder(path: str | os.PathLike[str]) -> Path:
    """Return the path of a folder.

    Raises:
        NoInputError: there is none.
    """
    folder = Path(path).expanduser()
    if folder.is_dir():
        return folder
    state = "is a file, not a folder" if folder.exists() else "does not exist"
    raise NoInputError(f"folder {shown(folder)} {state}", where=shown(folder), hint="check the path after --data")


def split_folder(root: Path, split: str) -> Path:
    """Return `root/train` or `root/test` where both exist, else root."""
    if all((root / name).is_dir() for name in ("train", "test")):
        return root / split
    return root


def without_wrapper(entries: list[Entry], split: str) -> tuple[list[Entry], str]:
    """Drop the one folder that an archive is often packed with, then choose `train/` or `test/` where both exist.

    Returns:
        entries named from there on, and the prefix taken off.
    """
    prefix = ""
    for _ in range(2):
        folders = {item.style for item in entries}
        deeper = all(item.name.count("/") >= 2 for item in entries)
        if folders >= {"train", "test"}:
            folder = split
        elif len(folders) == 1 and deeper:
            folder = folders.pop()
        else:
            break
        prefix += folder + "/"
        kept = [item for item in entries if item.style == folder]
        entries = [entry(item.name.removeprefix(folder + "/"), item.size_bytes) for item in kept]
    return entries, prefix


def _of_style(entries: list[Entry], style: str, where: str) -> list[Entry]:
    chosen = [item for item in entries if item.style == style]
    if not chosen:
        known = {item.style for item in entries} - {""}
        raise UsageError(f"{where} has no style {style!r}; {suggest(style, known)}", where="data.style")
    return chosen


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # vanished meanwhile: reading it will say so
        return 0
