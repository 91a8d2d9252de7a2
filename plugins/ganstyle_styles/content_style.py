"""Data set `content_style`: a photo, and two crops of one work in some style."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from itertools import accumulate
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from ganstyle.api import Options
from ganstyle.data.reading import read_image
from ganstyle.errors import NoInputError, UsageError

from .crops import log_uniform, random_crop, resized, uniform

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
HELD_OUT = 20  # every 20th photo is for the other splits
_KIND = "Folder, searched with its subfolders"


class ContentStyleOptions(Options):
    """Where the photos and the styles are, and how large crops are taken."""

    photos: Annotated[str | None, Field(description=f"{_KIND}; none: the built-in photos.")] = None
    styles: Annotated[tuple[str, ...], Field(description="Style folders; empty: the built-in paintings.")] = ()
    weights: Annotated[
        tuple[float, ...],
        Field(description="Share of the draws of each style folder; empty: equal shares."),
    ] = ()
    crop: Annotated[int, Field(ge=32, description="Side of a crop in pixels.")] = 192
    style_short_side: Annotated[
        tuple[int, int],
        Field(description="Range of a work's short side, in pixels, before it is cropped."),
    ] = (220, 520)
    photo_zoom: Annotated[
        tuple[float, float],
        Field(description="Range of the photo's zoom; above 1 imitates large pictures."),
    ] = (0.8, 3.0)


class ContentStyle:
    """Map-style data set of `images`, `style` and `other`, uint8 (3, crop, crop) each.

    `other` is a second crop of the work that `style` was cut from, at another scale.
    """

    def __init__(self, options: ContentStyleOptions, split: str) -> None:
        """Find all files.

        Args:
            options: folders and sizes.
            split: `train`, or any other name for the held-out photos.

        Raises:
            NoInputError: a folder holds no picture.
            UsageError: the weights do not fit the folders.
        """
        self.options = options
        photos = pictures_below(_photo_folder(options))
        self.files = [str(p) for i, p in enumerate(photos) if (i % HELD_OUT == 0) == (split != "train")] or [
            str(p) for p in photos
        ]
        self.folders = [pictures_below(folder) for folder in _style_folders(options)]
        weights = options.weights or (1.0,) * len(self.folders)
        if len(weights) != len(self.folders) or min(weights) < 0 or sum(weights) <= 0:
            raise UsageError(
                f"data.weights has {len(weights)} numbers for {len(self.folders)} style folders",
                where="data.weights",
                hint="give one number, 0 or more, for each folder of data.styles",
            )
        self.shares = [part / sum(weights) for part in accumulate(weights)]
        self._works: dict[Path, Tensor] = {}

    def __len__(self) -> int:
        """Return the number of photos."""
        return len(self.files)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """Return `sample` with draws that depend on the index alone."""
        return self.sample(index, torch.Generator().manual_seed(index))

    def sample(self, index: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Return one photo crop and two crops of one work.

        Args:
            index: which photo.
            generator: source of every random draw.

        Returns:
            `images`, `style`, `other`: uint8 (3, crop, crop).
        """
        size, limits = self.options.crop, self.options.style_short_side
        photo = read_image(Path(self.files[index]))
        side = min(photo.shape[1:]) * log_uniform(self.options.photo_zoom, generator)
        images = random_crop(photo, size, short_side=side, generator=generator)
        work = self._work(self._draw(generator))
        style, other = (
            random_crop(work, size, short_side=log_uniform(limits, generator), generator=generator) for _ in range(2)
        )
        return {"images": images, "style": style, "other": other}

    def fingerprint(self) -> str:
        """Return a hash of the options and of every file's name and size."""
        digest = hashlib.sha256(self.options.model_dump_json().encode())
        for path in [*map(Path, self.files), *(p for folder in self.folders for p in folder)]:
            digest.update(f"{path.name}:{path.stat().st_size}\n".encode())
        return digest.hexdigest()[:16]

    def _draw(self, generator: torch.Generator) -> Path:
        """Return a work: first a folder by its share, then any file of it."""
        folder = self.folders[bisect_right(self.shares[:-1], uniform(generator))]
        return folder[int(uniform(generator) * len(folder))]

    def _work(self, path: Path) -> Tensor:
        """Return a work, uint8, decoded once and kept no larger than is ever needed."""
        if path not in self._works:
            work = read_image(path)
            side = min(*work.shape[1:], self.options.style_short_side[1])
            self._works[path] = resized(work, side)
        return self._works[path]


def build_content_style(options: ContentStyleOptions, split: str) -> ContentStyle:
    """Return the data set for `split`; see `ContentStyle`."""
    return ContentStyle(options, split)


def pictures_below(folder: Path) -> list[Path]:
    """Return every picture file in a folder and its subfolders, sorted by path.

    Args:
        folder: an existing folder.

    Raises:
        NoInputError: there is none.
    """
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    if not found:
        raise NoInputError(
            f"no picture in {str(folder)!r}",
            where=str(folder),
            hint=f"put {', '.join(sorted(SUFFIXES))} files there, or set data.photos and data.styles",
        )
    return found


def _photo_folder(options: ContentStyleOptions) -> Path:
    """Return the folder of photos asked for, or the embedded one."""
    if options.photos is not None:
        return Path(options.photos).expanduser()
    from ganstyle.data.embedded import embedded_root  # only the default needs the archive

    return embedded_root() / "photos"


def _style_folders(options: ContentStyleOptions) -> list[Path]:
    """Return the style folders asked for, or the embedded styles, one folder each."""
    if options.styles:
        return [Path(folder).expanduser() for folder in options.styles]
    from ganstyle.data.embedded import embedded_root

    return sorted(p for p in (embedded_root() / "paintings").iterdir() if p.is_dir())
