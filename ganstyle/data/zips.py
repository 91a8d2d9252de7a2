"""Pictures inside a zip, read in place: nothing is ever unpacked to disk."""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

from torch import Tensor

from ganstyle.data.finding import is_image_name, is_litter
from ganstyle.data.names import shown
from ganstyle.data.pictures import FolderPictures, Pictures, decoded, entry, without_wrapper
from ganstyle.data.reading import picture_from_bytes
from ganstyle.errors import InputError, NoInputError

MAX_DIRECTORY_BYTES = 128 << 20
MAX_MEMBERS = 2_000_000
MAX_MEMBER_BYTES = 1 << 30
MAX_TOTAL_BYTES = 1 << 40
MAX_RATIO = 100
_RATIO_FREE_BYTES = 1 << 20  # tiny pictures of one colour compress without end, and harm nobody

_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    struct.error,
    ValueError,
)


class ZipPictures(Pictures):
    """Pictures in a zip; each process opens it for itself.

    Args:
        path: the zip.
        split: `"train"` or `"test"`; chooses the folder of that name where both exist.
        labels: `"auto"` or `"none"`.
        style: keep only this folder.

    Raises:
        NoInputError: missing, no zip, unsafe, or without pictures.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, split: str = "train", labels: str = "auto", style: str | None = None
    ) -> None:
        self.path = Path(path).expanduser()
        self._open: tuple[int, zipfile.ZipFile] | None = None
        members = _pictures(checked_members(self.path))
        if not members:
            raise NoInputError(f"{shown(self.path)} holds no pictures", where=shown(self.path))
        entries = [entry(member.filename, member.file_size) for member in members]
        entries, self._prefix = without_wrapper(entries, split)
        super().__init__(shown(self.path), entries, labels=labels, style=style)

    def read(self, index: int) -> Tensor:
        """Return one picture, uint8 (3, H, W)."""
        return decoded(picture_from_bytes(self.read_bytes(index), self.entries[index].name))

    def read_bytes(self, index: int) -> bytes:
        """Return a member as it was put in.

        Raises:
            InputError: it is damaged.
        """
        name = self.entries[index].name
        try:
            return self._archive().read(self._prefix + name)
        except (*_DAMAGE, KeyError):
            raise InputError(f"{shown(name)} in {self.where} is damaged", where=self.where) from None

    def _archive(self) -> zipfile.ZipFile:
        # A handle that crossed a fork shares its file position with the parent's.
        if self._open is None or self._open[0] != os.getpid():
            self._open = (os.getpid(), zipfile.ZipFile(self.path))
        return self._open[1]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": None}


def open_pictures(path: str | os.PathLike[str]) -> Pictures:
    """Return the pictures of a folder or a zip, whichever the path is.

    Raises:
        NoInputError: missing, unsafe, or without pictures.
    """
    chosen = Path(path).expanduser()
    return ZipPictures(chosen) if chosen.is_file() and chosen.suffix.lower() == ".zip" else FolderPictures(chosen)


def checked_members(path: Path) -> list[zipfile.ZipInfo]:
    """Return the members of a zip after checks that need nothing unpacked.

    Raises:
        NoInputError: missing, no zip, encrypted, or unsafe: too many or too large members, a ratio that only a bomb
            has, names that leave the folder, links, duplicates.
    """
    name = shown(path)
    if not path.is_file():
        state = "is not a file" if path.exists() else "does not exist"
        raise NoInputError(f"{name} {state}", where=name, hint="check the path after --data")
    try:
        _check_directory_size(path)
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except _DAMAGE:
        raise NoInputError(
            f"{name} is no zip, or a damaged one", where=name, hint="copy or download it again"
        ) from None
    reason = _unsafe_archive(members) or next((why for why in map(_unsafe_member, members) if why), "")
    if reason:
        raise NoInputError(f"{name} is refused: {reason}", where=name, hint="unpack it yourself if you trust it")
    return members


def _check_directory_size(path: Path) -> None:
    """Refuse a list of members that costs gigabytes before `zipfile` reads it whole."""
    with open(path, "rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - 65_557))
        tail = stream.read()
    at = tail.rfind(b"PK\x05\x06")
    directory_bytes = struct.unpack_from("<L", tail, at + 12)[0] if at >= 0 else 0
    if directory_bytes == 0xFFFFFFFF and tail.rfind(b"PK\x06\x06") >= 0:  # zip64 keeps the number in its own record
        directory_bytes = struct.unpack_from("<Q", tail, tail.rfind(b"PK\x06\x06") + 40)[0]
    if directory_bytes > MAX_DIRECTORY_BYTES:
        raise zipfile.BadZipFile("directory")


def _unsafe_archive(members: list[zipfile.ZipInfo]) -> str:
    if len(members) > MAX_MEMBERS:
        return f"it has {len(members)} members, at most {MAX_MEMBERS} are read"
    if len({member.filename for member in members}) != len(members):
        return "it holds two members of one name"
    total = sum(member.file_size for member in members)
    return f"it unpacks to {total} bytes" if total > MAX_TOTAL_BYTES else ""


def _unsafe_member(member: zipfile.ZipInfo) -> str:
    name = shown(member.filename)[:120]
    # orig_filename: zipfile itself cuts names at NUL and turns backslashes on Windows.
    parts = member.orig_filename.replace("\\", "/").split("/")
    if member.orig_filename.startswith(("/", "\\")) or ".." in parts or parts[0][1:2] == ":":
        return f"member {name} points outside the archive"
    if member.flag_bits & 0x1:
        return f"member {name} is encrypted"
    if stat.S_ISLNK(member.external_attr >> 16):
        return f"member {name} is a link"
    if member.file_size > MAX_MEMBER_BYTES:
        return f"member {name} unpacks to {member.file_size} bytes"
    if member.file_size > max(_RATIO_FREE_BYTES, MAX_RATIO * member.compress_size):
        return f"member {name} unpacks to more than {MAX_RATIO} times its size"
    return ""


def _pictures(members: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    chosen = [
        member
        for member in members
        if not member.is_dir()
        and is_image_name(member.filename)
        and not any(is_litter(part) for part in member.filename.split("/"))
    ]
    return sorted(chosen, key=lambda member: member.filename)
