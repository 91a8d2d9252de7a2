"""Pictures of a folder, decoded once, shrunk to what training needs, and kept while there is room."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor
from torch.nn import functional as F

from ganstyle.data.finding import find_images
from ganstyle.data.names import shown
from ganstyle.data.reading import read_image
from ganstyle.errors import InputError, NoInputError

KEPT_BYTES = 1 << 29
MOST_BAD = 4  # unreadable pictures in a row that are passed over


class Shelf:
    """The pictures of a folder, or a single one.

    Attributes:
        name: of the folder or file, for people.
        files: sorted by path.
    """

    def __init__(self, place: Path, *, short_side: int, hint: str) -> None:
        """Find all files.

        Args:
            place: a folder, searched with its sub-folders, or a picture.
            short_side: larger pictures are shrunk to it.
            hint: what to do if there is none.

        Raises:
            NoInputError: nothing there, or no picture in it.
        """
        whole = place.absolute()
        self.name = whole.name if place.is_dir() else whole.stem
        self.short_side, self.room = short_side, KEPT_BYTES
        if not place.exists():
            raise NoInputError(f"{shown(place)} does not exist", where=shown(place), hint=hint)
        self.files: Sequence[Path] = find_images(place).files
        if not self.files:
            raise NoInputError(f"no picture in {shown(place)}", where=shown(place), hint=hint)
        self._kept: dict[int, Tensor] = {}

    def __len__(self) -> int:
        """Return the number of files."""
        return len(self.files)

    def picture(self, index: int) -> Tensor:
        """Return a picture, uint8 (3, H, W).

        Raises:
            InputError: it can't be read.
        """
        if index in self._kept:
            return self._kept[index]
        image = shrunk(read_image(self.files[index]), self.short_side)
        if image.nbytes <= self.room:
            self.room -= image.nbytes
            self._kept[index] = image
        return image

    def readable(self, index: int) -> Tensor:
        """Return a picture, or the next that can be read.

        Raises:
            InputError: too many in a row can't.
        """
        for step in range(min(MOST_BAD, len(self))):
            try:
                return self.picture((index + step) % len(self))
            except InputError as found:
                error = found
        raise error

    def fingerprint(self) -> str:
        """Return a hash of every file's name and size."""
        digest = hashlib.sha256()
        for path in self.files:
            digest.update(f"{path.name}:{path.stat().st_size}\n".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()[:16]


def shrunk(image: Tensor, short_side: int) -> Tensor:
    """Return uint8 (3, H, W) with at most that short side in pixels, antialiased; never enlarged."""
    scale = short_side / min(image.shape[1:])
    if scale >= 1:
        return image
    sides = [max(1, round(side * scale)) for side in image.shape[1:]]
    return F.interpolate(image[None], size=sides, mode="bilinear", antialias=True)[0]
