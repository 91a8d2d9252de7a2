"""Find pictures below folders: in sorted order, without the litter of file managers. Imports no torch."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ganstyle.data.names import shown
from ganstyle.errors import EnvironmentProblem

IMAGE_SUFFIXES = frozenset(
    (
        ".jpg .jpeg .jpe .jfif .png .apng .webp .bmp .dib .tif .tiff .gif .avif .ppm .pgm .pbm .pnm .mpo .heic .heif"
    ).split()
)
MISSING = "does not exist"
_LITTER = {"thumbs.db", "desktop.ini", "__macosx"}


@dataclass
class Found:
    """What a search met.

    Attributes:
        files: pictures by their name, sorted within each given path; contents are not looked at.
        ignored: other entries, each with the reason.
        roots: for each file the folder it was found below, so that a tree can be kept.
    """

    files: list[Path] = field(default_factory=list)
    ignored: list[tuple[Path, str]] = field(default_factory=list)
    roots: dict[Path, Path] = field(default_factory=dict)

    def add(self, path: Path, root: Path) -> None:
        """Take a file once, however often it is named."""
        if path not in self.roots:
            self.files.append(path)
            self.roots[path] = root


def is_litter(name: str) -> bool:
    """Tell whether a name belongs to a file manager or is hidden, e.g. `._x.jpg`, `.DS_Store`, `Thumbs.db`."""
    return name.startswith(".") or name.lower() in _LITTER


def is_image_name(name: str) -> bool:
    """Tell by the extension whether a file is worth opening."""
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES


def find_images(paths: Iterable[str | os.PathLike[str]] | str | os.PathLike[str], *, recursive: bool = True) -> Found:
    """List pictures in files and folders.

    A file that is named is taken whatever its name; below a folder, hidden files, other kinds of files and linked
    folders are ignored (links to files are followed).

    Raises:
        EnvironmentProblem: a folder can't be listed.
    """
    found = Found()
    for path in [paths] if isinstance(paths, str | os.PathLike) else paths:
        root = Path(path)
        if root.is_dir():
            _walk(root, root, found, recursive)
        elif root.exists():
            found.add(root, root.parent)
        else:
            found.ignored.append((root, MISSING))
    return found


def _walk(folder: Path, root: Path, found: Found, recursive: bool) -> None:
    pending = [folder]
    while pending:
        current = pending.pop()
        folders: list[Path] = []
        for entry in _entries(current):
            if entry.is_dir(follow_symlinks=True):
                _note_folder(entry, folders, found, recursive)
            else:
                _note_file(entry, root, found)
        pending.extend(reversed(folders))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        name = shown(folder)
        raise EnvironmentProblem(f"folder {name} can't be listed: {error.strerror}", where=name) from None


def _note_folder(entry: os.DirEntry[str], folders: list[Path], found: Found, recursive: bool) -> None:
    path = Path(entry.path)
    if is_litter(entry.name):
        found.ignored.append((path, "hidden"))
    elif entry.is_symlink():
        found.ignored.append((path, "linked folder"))
    elif not recursive:
        found.ignored.append((path, "sub-folder"))
    else:
        folders.append(path)


def _note_file(entry: os.DirEntry[str], root: Path, found: Found) -> None:
    path = Path(entry.path)
    if is_litter(entry.name):
        found.ignored.append((path, "hidden"))
    elif not is_image_name(entry.name):
        found.ignored.append((path, "not an image by its name"))
    else:
        found.add(path, root)
