"""Films to be looked at, frame by frame: folders of frames, GIF, APNG, WebP, and MP4 where PyAV is installed."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageSequence

from ganstyle.data.finding import find_images
from ganstyle.data.names import shown
from ganstyle.data.reading import MAX_ANIMATION_PIXELS, read_image
from ganstyle.errors import EnvironmentProblem, InputError, NoInputError

if TYPE_CHECKING:
    from torch import Tensor

ANIMATIONS = {".gif": "GIF", ".png": "PNG", ".apng": "PNG", ".webp": "WEBP"}
VIDEOS = frozenset({".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi"})
SUFFIXES = VIDEOS | set(ANIMATIONS)


class Film:
    """Frames in order; walking starts anew each time and holds one frame at once.

    Args:
        path: a folder of frames (sorted by name), an animation or a video.

    Raises:
        NoInputError: missing, no film, or a single picture.
        EnvironmentProblem: a video without PyAV.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.name = shown(self.path.name or self.path)
        if not self.path.exists():
            raise NoInputError(f"there is no film {shown(path)}", where=shown(path), hint="check the path")
        if not self.path.is_dir() and self.path.suffix.lower() not in SUFFIXES:
            hint = f"a folder of frames, or one of {', '.join(sorted(SUFFIXES))}"
            raise NoInputError(f"{self.name} is no film", where=shown(path), hint=hint)
        if self.is_video and importlib.util.find_spec("av") is None:
            raise EnvironmentProblem(
                f"{self.name} is a video, and PyAV, which reads videos, is not installed",
                where=shown(path),
                hint="pip install av; or give a folder of frames, a GIF, an APNG or a WebP",
            )

    @property
    def is_video(self) -> bool:
        """Whether PyAV reads it."""
        return not self.path.is_dir() and self.path.suffix.lower() in VIDEOS

    @cached_property
    def count(self) -> int | None:
        """Number of frames; None for a video, which doesn't know.

        Raises:
            InputError: a damaged animation, or fewer than two frames.
        """
        if self.is_video:
            return None
        found = len(self._files) if self.path.is_dir() else self._animation_frames()
        if found < 2:
            raise InputError(f"{self.name} has {found} frames; a film has two or more", where=shown(self.path))
        return found

    @cached_property
    def _files(self) -> list[Path]:
        return find_images(self.path).files

    def _animation_frames(self) -> int:
        try:
            with self._opened() as image:
                frames = int(getattr(image, "n_frames", 1))
                pixels = frames * image.size[0] * image.size[1]
        except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
            raise InputError(f"{self.name} is damaged ({type(error).__name__})", where=shown(self.path)) from None
        if pixels > MAX_ANIMATION_PIXELS:
            raise InputError(f"{self.name} unpacks to {pixels / 1e9:.1f} gigapixels", where=shown(self.path))
        return frames

    def _opened(self) -> Image.Image:
        return Image.open(self.path, formats=[ANIMATIONS[self.path.suffix.lower()]])

    def __iter__(self) -> Iterator[Tensor]:
        """Yield uint8 (3, H, W).

        Raises:
            InputError: a frame can't be read, or has another size than the first.
        """
        size = None
        for number, frame in enumerate(self._frames()):
            size = size or frame.shape
            if frame.shape != size:
                sizes = f"{size[2]} x {size[1]} and {frame.shape[2]} x {frame.shape[1]}"
                raise InputError(f"{self.name}: frames of different sizes ({sizes}, frame {number + 1})")
            yield frame

    def _frames(self) -> Iterator[Tensor]:
        if self.is_video:
            yield from self._video()
        elif self.path.is_dir():
            yield from map(read_image, self._files)
        else:
            yield from self._animated()

    def _animated(self) -> Iterator[Tensor]:
        count = self.count or 0
        with warnings.catch_warnings(action="ignore"), self._opened() as image:
            for number in range(count):
                try:
                    frame = ImageSequence.Iterator(image)[number].convert("RGBA")
                except (OSError, ValueError, SyntaxError, EOFError, IndexError):
                    text = f"{self.name} is damaged: frame {number + 1} can't be read"
                    raise InputError(text, where=shown(self.path)) from None
                white = Image.new("RGBA", frame.size, "white")
                yield _tensor(np.asarray(Image.alpha_composite(white, frame).convert("RGB")))

    def _video(self) -> Iterator[Tensor]:
        import av

        try:
            with av.open(str(self.path)) as container:
                if not container.streams.video:
                    raise InputError(f"{self.name} holds no picture, only sound", where=shown(self.path))
                for frame in container.decode(video=0):
                    turns = round(getattr(frame, "rotation", 0) / 90)  # as phones mark it, counter-clockwise
                    yield _tensor(np.rot90(frame.to_ndarray(format="rgb24"), turns))
        except av.error.FFmpegError:  # its text names codes of packets
            raise InputError(f"{self.name} is damaged or incomplete", where=shown(self.path)) from None


def _tensor(rgb: Any) -> Tensor:
    import torch

    return torch.from_numpy(np.array(rgb, order="C")).permute(2, 0, 1)


def film_pairs(first: Path | str, second: Path | str) -> list[tuple[Film, Film]]:
    """Return films and what they were made from.

    Args:
        first: results: a film; or a folder of films.
        second: sources, likewise; films of folders are matched by equal names, whatever their extensions.

    Raises:
        NoInputError: nothing matches, or a film that is none.
        EnvironmentProblem: a video without PyAV.
    """
    left, right = _films_in(Path(first)), _films_in(Path(second))
    if left is None or right is None:
        return [(Film(first), Film(second))]
    common = sorted(set(left) & set(right))
    if not common:
        text = f"no film in {shown(first)} has the name of one in {shown(second)}"
        raise NoInputError(text, where=shown(first), hint="films are matched by file name: walk.mp4 with walk.gif")
    return [(Film(left[stem]), Film(right[stem])) for stem in common]


def _films_in(folder: Path) -> dict[str, Path] | None:
    """Return the films of a folder by stem; None if it is a film itself, or a folder of frames."""
    if not folder.is_dir():
        return None
    suffixes = VIDEOS | {".gif", ".webp", ".apng"}
    files = [entry for entry in sorted(folder.iterdir()) if entry.is_file() and entry.suffix.lower() in suffixes]
    frames = [entry for entry in folder.iterdir() if entry.suffix.lower() in {".jpg", ".jpeg", ".bmp", ".tif", ".tiff"}]
    stills = frames or [entry for entry in folder.iterdir() if entry.suffix.lower() == ".png"]
    return {file.stem: file for file in files} if files and not stills else None
