"""Read one picture safely: regular files only, sniffed, capped before decoding, oriented, in sRGB.

What can go wrong with a file is an `InputError` in our own words; Pillow's text reaches nobody. Imports no torch.
"""

from __future__ import annotations

import io
import os
import stat
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Union

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from ganstyle.data.finding import Found, find_images
from ganstyle.data.names import shown
from ganstyle.data.pixels import oriented, to_arrays
from ganstyle.data.sniffing import HEAD_BYTES, READABLE, REFUSALS, sniff
from ganstyle.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["MAX_PIXELS", "Found", "Picture", "as_array", "as_tensor", "find_images", "open_picture", "read_image"]

MAX_PIXELS = 178_000_000
MAX_BYTES = 1 << 30
MAX_ANIMATION_PIXELS = 2_000_000_000

ImageLike = Union[str, os.PathLike[str], Image.Image, NDArray[Any], "Tensor"]

# Pillow keeps its limits in module variables; whoever changes one holds this lock and puts it back.
_PILLOW_LIMITS = threading.RLock()


@dataclass(frozen=True)
class Picture:
    """A decoded picture in sRGB, upright.

    Attributes:
        rgb: uint8 (H, W, 3), not multiplied by alpha.
        alpha: uint8 (H, W), or None where the file has no transparency.
        grayscale: the file has no colour.
        format: Pillow's name of the format, e.g. `"PNG"`.
        notes: what was changed or ignored on the way, one sentence each.
        icc: the colour profile of the file, if asked for.
    """

    rgb: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None = None
    grayscale: bool = False
    format: str = ""
    notes: tuple[str, ...] = ()
    icc: bytes | None = field(default=None, repr=False)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.rgb.shape[1], self.rgb.shape[0]

    def on_matte(self, matte: tuple[int, int, int] = (255, 255, 255)) -> NDArray[np.uint8]:
        """Return uint8 (H, W, 3), transparent parts showing the matte colour."""
        if self.alpha is None:
            return self.rgb
        alpha = self.alpha[..., None].astype(np.uint32)
        mixed = self.rgb * alpha + np.asarray(matte, np.uint32) * (255 - alpha)
        return ((mixed + 127) // 255).astype(np.uint8)


@dataclass(frozen=True)
class _Request:
    """What was asked of `open_picture`, handed down as one value."""

    name: str
    max_pixels: int
    allow_truncated: bool
    frame: int
    keep_icc: bool


def read_image(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS, allow_truncated: bool = False) -> Tensor:
    """Read a picture file.

    Args:
        path: file of a format in `sniffing.READABLE`.
        max_pixels: refuse a larger picture before decoding it.
        allow_truncated: accept a file that ends early; the missing part is grey or black.

    Returns:
        uint8 (3, H, W), sRGB, upright, transparency on white.

    Raises:
        InputError: the file is missing, no image, damaged or too large.
    """
    picture = open_picture(path, max_pixels=max_pixels, allow_truncated=allow_truncated)
    return _tensor(picture.on_matte())


def open_picture(
    source: str | os.PathLike[str] | BinaryIO,
    *,
    max_pixels: int = MAX_PIXELS,
    allow_truncated: bool = False,
    frame: int = 0,
    keep_icc: bool = False,
    name: str | None = None,
) -> Picture:
    """Decode a picture with everything that a caller may need to write it back.

    Args:
        source: path, or a seekable binary stream, read from its beginning.
        max_pixels: refuse a larger picture before decoding it.
        allow_truncated: accept a file that ends early.
        frame: which frame of an animation, from 0.
        keep_icc: return the file's colour profile as well.
        name: how messages call a stream.

    Raises:
        InputError: the file is missing, no image, damaged or too large.
    """
    if isinstance(source, str | os.PathLike):
        label = shown(name or source)
        with _regular_file(Path(source), label) as stream:
            return _read(stream, _Request(label, max_pixels, allow_truncated, frame, keep_icc), Path(source).suffix)
    label = shown(name or str(getattr(source, "name", "") or "the picture"))
    return _read(source, _Request(label, max_pixels, allow_truncated, frame, keep_icc), Path(label).suffix)


def as_tensor(image: ImageLike) -> Tensor:
    """Return any picture as uint8 (3, H, W).

    Args:
        image: path, PIL image, array (H, W), (H, W, 1|3|4) or tensor (H, W), (1|3|4, H, W); numbers are uint8, or
            floats in [0, 1].

    Raises:
        InputError: a form that is none of these.
    """
    return _tensor(as_array(image))


def as_array(image: ImageLike) -> NDArray[np.uint8]:
    """Return any picture as uint8 (H, W, 3), transparency on white; arguments and errors as in `as_tensor`."""
    if isinstance(image, str | os.PathLike):
        return open_picture(image).on_matte()
    if isinstance(image, Image.Image):
        rgb, alpha, gray, _ = to_arrays(image)
        return Picture(oriented(rgb, 1), alpha, gray).on_matte()
    if is_tensor(image):
        array = image.detach().cpu().numpy()  # type: ignore[union-attr]
        return as_array(array if array.ndim == 2 else np.moveaxis(array, 0, -1))
    if isinstance(image, np.ndarray):
        return _from_array(image).on_matte()
    raise InputError(f"expected a path, PIL image, array or tensor, found {type(image).__name__}")


def is_tensor(value: object) -> bool:
    """Whether a value is a torch tensor; while nobody has imported torch there are none."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def _from_array(array: NDArray[Any]) -> Picture:
    pixels = array[..., None] if array.ndim == 2 else array
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4) or 0 in pixels.shape:
        raise InputError(
            f"expected an image of 1, 3 or 4 channels, found shape {tuple(array.shape)}",
            hint="arrays are (height, width, channels), tensors (channels, height, width); one picture, not a batch",
        )
    pixels = _bytes(pixels)
    alpha = pixels[..., 3] if pixels.shape[2] == 4 else None
    rgb = np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels[..., :3]
    return Picture(rgb, alpha, pixels.shape[2] == 1)


def _bytes(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8) * np.uint8(255)
    if not np.issubdtype(pixels.dtype, np.floating) or not (np.all(pixels >= 0) and np.all(pixels <= 1)):
        raise InputError(
            f"expected uint8, or floats in [0, 1], found {pixels.dtype} in [{pixels.min()}, {pixels.max()}]",
            hint="ganstyle.data.writing.to_uint8 converts what networks return, which is in [-1, 1]",
        )
    return np.rint(pixels * 255).astype(np.uint8)


def _tensor(rgb: NDArray[np.uint8]) -> Tensor:
    import torch

    return torch.from_numpy(np.array(rgb.transpose(2, 0, 1), order="C"))


@contextmanager
def _regular_file(path: Path, label: str) -> Iterator[BinaryIO]:
    # O_NONBLOCK: opening a fifo would otherwise wait for a writer for ever.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
    except (OSError, ValueError) as error:
        raise InputError(f"{label} {_os_reason(error, path)}", where=label) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{label} is {_file_kind(status.st_mode)}, not a file", where=label)
        if status.st_size > MAX_BYTES:
            raise InputError(f"{label} has {status.st_size} bytes; at most {MAX_BYTES} are read", where=label)
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            yield stream
    finally:
        os.close(descriptor)


def _os_reason(error: Exception, path: Path) -> str:
    if isinstance(error, FileNotFoundError):
        return "does not exist"
    if isinstance(error, PermissionError):
        return "is a folder, not a file" if path.is_dir() else "can't be read: permission denied"
    return f"can't be opened: {getattr(error, 'strerror', None) or 'not a valid path'}"


def _file_kind(mode: int) -> str:
    kinds = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"))
    return next((text for test, text in kinds if test(mode)), "a device")


def _read(stream: BinaryIO, request: _Request, suffix: str) -> Picture:
    stream.seek(0)  # as Pillow will
    kind = sniff(stream.read(HEAD_BYTES), suffix=suffix.lower())
    formats: tuple[str, ...] = READABLE
    if kind == "HEIC" and _heif_installed():
        formats = (*READABLE, "HEIF")
    elif kind in REFUSALS:
        raise InputError(f"{request.name} {REFUSALS[kind].reason}", where=request.name, hint=REFUSALS[kind].hint)
    return _decode(stream, request, formats)


def _heif_installed() -> bool:
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return True


def _decode(stream: BinaryIO, request: _Request, formats: tuple[str, ...]) -> Picture:
    try:
        return _decode_once(stream, request, formats)
    except InputError:
        raise
    except MemoryError:
        raise InputError(f"{request.name} does not fit into memory", where=request.name) from None
    except Exception as error:  # decoders raise nearly anything on a damaged file
        if request.allow_truncated and _looks_truncated(error):
            return _decode_truncated(stream, request, formats)
        raise _damaged(error, request) from None


def _decode_truncated(stream: BinaryIO, request: _Request, formats: tuple[str, ...]) -> Picture:
    try:
        with _lenient_pillow():
            picture = _decode_once(stream, request, formats)
    except InputError:
        raise
    except Exception as error:
        raise _damaged(error, request) from None
    notes = ("the file ends too early; the missing part is blank", *picture.notes)
    return Picture(picture.rgb, picture.alpha, picture.grayscale, picture.format, notes, picture.icc)


def _decode_once(stream: BinaryIO, request: _Request, formats: tuple[str, ...]) -> Picture:
    with warnings.catch_warnings(action="ignore"), _opened(stream, formats) as image:
        _check_size(image, request)
        notes = _select_frame(image, request)
        kind = image.format or ""
        notes += _depth_notes(image)
        icc = image.info.get("icc_profile") if request.keep_icc else None
        image.load()
        # After load: Pillow's TIFF reader turns the picture itself while loading and drops the tag.
        turn = _orientation(image)
        rgb, alpha, gray, more = to_arrays(image)
    rgb, alpha = oriented(rgb, turn), None if alpha is None else oriented(alpha, turn)
    return Picture(rgb, alpha, gray, kind, (*notes, *more), icc)


def _opened(stream: BinaryIO, formats: tuple[str, ...]) -> Image.Image:
    with _PILLOW_LIMITS:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None  # our own cap replaces Pillow's
        try:
            return Image.open(stream, formats=formats)
        finally:
            Image.MAX_IMAGE_PIXELS = limit


@contextmanager
def _lenient_pillow() -> Iterator[None]:
    """Let Pillow fill up truncated files until the end of the block."""
    with _PILLOW_LIMITS:
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        try:
            yield
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = False


def _check_size(image: Image.Image, request: _Request) -> None:
    width, height = image.size
    if width < 1 or height < 1:
        raise InputError(f"{request.name} has no pixels ({width}x{height})", where=request.name)
    if width * height > request.max_pixels:
        raise InputError(
            f"{request.name} is {width}x{height} = {width * height / 1e6:.0f} megapixels by its header; "
            f"at most {request.max_pixels / 1e6:.0f} are read",
            where=request.name,
            hint="shrink it first",
        )


def _select_frame(image: Image.Image, request: _Request) -> tuple[str, ...]:
    if request.frame == 0:
        animated = getattr(image, "is_animated", False) and image.format != "MPO"
        return ("an animation: its first frame is used",) if animated else ()
    frames = getattr(image, "n_frames", 1)
    if not 0 <= request.frame < frames:
        raise InputError(f"{request.name} has {frames} frames, no frame {request.frame}", where=request.name)
    if (request.frame + 1) * image.size[0] * image.size[1] > MAX_ANIMATION_PIXELS:
        raise InputError(f"{request.name}: frame {request.frame} needs too many pixels decoded", where=request.name)
    image.seek(request.frame)
    return ()


def _depth_notes(image: Image.Image) -> tuple[str, ...]:
    raw = str([tile[3] for tile in getattr(image, "tile", ())])
    return ("16 bits per channel reduced to 8",) if ";16" in raw and image.mode in ("RGB", "RGBA", "LA") else ()


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:  # corrupt EXIF: the picture is taken as it is
        return 1


def _looks_truncated(error: Exception) -> bool:
    text = str(error).lower()
    return isinstance(error, EOFError) or any(
        word in text for word in ("truncated", "broken data stream", "unrecognized data", "not enough", "end of file")
    )


def _damaged(error: Exception, request: _Request) -> InputError:
    if isinstance(error, OSError) and error.errno:
        return InputError(f"{request.name} can't be read: {os.strerror(error.errno)}", where=request.name)
    if _looks_truncated(error):
        return InputError(
            f"{request.name} is truncated: it ends before the picture does",
            where=request.name,
            hint="copy or download it again",
        )
    return InputError(f"{request.name} is damaged and can't be decoded", where=request.name, hint="copy it again")


def picture_from_bytes(data: bytes, name: str) -> Picture:
    """Decode a picture held in memory, e.g. a member of a zip.

    Raises:
        InputError: no image, damaged or too large.
    """
    return open_picture(io.BytesIO(data), name=name)
