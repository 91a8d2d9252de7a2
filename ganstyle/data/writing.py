"""Write files at once or not at all, never over somebody's work. Imports no torch."""

from __future__ import annotations

import functools
import io
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from ganstyle.data.names import shown
from ganstyle.data.provenance import GENERATED, settings_text, xmp_packet
from ganstyle.data.sheets import contact_sheet
from ganstyle.errors import EnvironmentProblem, UsageError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "check_target",
    "contact_sheet",
    "free_path",
    "save_image",
    "to_float",
    "to_uint8",
    "write_atomic",
    "write_json",
]

FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".avif": "AVIF",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
_LARGEST_SIDE = {"JPEG": 65500, "WEBP": 16383, "AVIF": 65535}


def write_atomic(path: str | os.PathLike[str], data: bytes, *, overwrite: bool = True) -> Path:
    """Write a file so that a reader, or a crash, sees the old or the new contents and nothing between.

    The temporary file lies in the same folder: a rename across disks would be a copy.

    Args:
        path: target; its folder is made.
        data: whole contents.
        overwrite: replace an existing file; otherwise a free name is taken.

    Returns:
        The path written.

    Raises:
        EnvironmentProblem: full disk, no permission; an old file is intact.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=".tmp-")
    except OSError as error:
        raise _problem(error, target) from None
    try:
        _fill(descriptor, data, target)
        return _move(temporary, target, overwrite)
    except OSError as error:
        raise _problem(error, target) from None
    finally:
        Path(temporary).unlink(missing_ok=True)


def _fill(descriptor: int, data: bytes, target: Path) -> None:
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
        if hasattr(os, "fchmod"):  # mkstemp makes private files; a picture is as readable as its neighbours
            os.fchmod(stream.fileno(), 0o666 & ~_umask())


@functools.cache  # it can only be read by setting it, which is not safe among threads
def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _move(temporary: str, target: Path, overwrite: bool) -> Path:
    if overwrite:
        os.replace(temporary, target)
    else:
        target = _link_to_free_path(temporary, target)
    _sync_folder(target.parent)
    return target


def _link_to_free_path(temporary: str, target: Path) -> Path:
    """Take a free name; `link` fails where two writers want the same one, `rename` would destroy."""
    while True:
        free = free_path(target)
        try:
            os.link(temporary, free)
        except FileExistsError:
            continue
        except OSError:  # a file system without links
            os.replace(temporary, free)
        return free


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # a folder can't be opened there
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:  # some network file systems refuse; the file itself is safe
        pass
    finally:
        os.close(descriptor)


def free_path(path: str | os.PathLike[str]) -> Path:
    """Return the path, or `name-2.png`, `name-3.png` ... if it is taken."""
    path = Path(path)
    number, candidate = 2, path
    while os.path.lexists(candidate):
        candidate = path.with_name(f"{path.stem}-{number}{path.suffix}")
        number += 1
    return candidate


def write_json(path: str | os.PathLike[str], value: Any) -> Path:
    """Write indented JSON, replacing the file at once; NaN and infinity are refused with ValueError."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    return write_atomic(path, (text + "\n").encode("utf-8", "backslashreplace"))


def _problem(error: OSError, target: Path) -> EnvironmentProblem:
    name = shown(target)
    return EnvironmentProblem(
        f"{name} can't be written: {error.strerror or 'the disk refuses'}",
        where=name,
        hint="free some space, or choose another folder",
    )


def to_uint8(images: Tensor) -> Tensor:
    """Return float images in [-1, 1] as uint8 in [0, 255], rounded; numbers outside are clipped."""
    from ganstyle.functional.images import to_bytes

    return to_bytes(images)


def to_float(images: Tensor) -> Tensor:
    """Return uint8 images as float32 in [-1, 1]; the inverse of `to_uint8`."""
    from ganstyle.functional.images import to_signed

    return to_signed(images)


def check_target(path: str | os.PathLike[str], size: tuple[int, int] | None = None) -> str:
    """Return the format that a picture will be written in; call it before hours of work.

    Args:
        path: where it will go.
        size: width and height in pixels, if known.

    Raises:
        UsageError: an unknown extension, or a size that the format can't hold.
    """
    target = Path(path)
    kind = FORMATS.get(target.suffix.lower())
    if kind is None:
        known = ", ".join(FORMATS)
        raise UsageError(
            f"can't write a picture as {shown(target.name)!r}; known extensions: {known}",
            where=shown(target),
            hint=f"name it {shown(target.with_suffix('.png').name)}",
        )
    limit = _LARGEST_SIDE.get(kind)
    if size and limit and max(size) > limit:
        raise UsageError(
            f"{kind} holds at most {limit} pixels a side, the picture is {size[0]}x{size[1]}",
            where=shown(target),
            hint=f"name it {shown(target.with_suffix('.png').name)}",
        )
    return kind


def save_image(
    image: Image.Image | Tensor | NDArray[np.uint8],
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    quality: int = 95,
    alpha: NDArray[np.uint8] | None = None,
    provenance: Mapping[str, Any] | None = None,
    source_type: str | None = GENERATED,
    icc: bytes | None = None,
) -> Path:
    """Write a picture with its marks, and with no metadata but these.

    Args:
        image: PIL image, uint8 tensor (3, H, W) or array (H, W, 3).
        path: the extension chooses the format.
        overwrite: replace an existing file; otherwise `name-2.png` and so on is taken.
        quality: of lossy formats, 1 to 100; 100 is lossless for WebP.
        alpha: uint8 (H, W); put on white where the format has no transparency.
        provenance: settings, seed, model hash ...; folders in it are dropped.
        source_type: IPTC digital source type; None writes no marks.
        icc: colour profile to write the picture in, as files hold it; one that doesn't serve is left out.

    Returns:
        The path written.

    Raises:
        UsageError: unknown extension, or too large for the format.
        EnvironmentProblem: full disk, no permission; an old file is intact.
    """
    pixels, profile = _in_profile(_as_array(image, alpha), icc)
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    kind = check_target(path, picture.size)
    if kind == "JPEG" and picture.mode == "RGBA":
        picture = _on_white(picture)
    stream = io.BytesIO()
    picture.save(stream, kind, **_settings(kind, quality), **_marks(kind, source_type, provenance), **profile)
    return write_atomic(path, stream.getvalue(), overwrite=overwrite)


def _as_array(image: Any, alpha: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    """Return uint8 (H, W, 3|4), the pixels of a picture and nothing else: no comment, no EXIF, no profile."""
    if isinstance(image, Image.Image):
        transparent = image.has_transparency_data
        array = np.asarray(image.convert("RGBA" if transparent else "RGB"))
    elif hasattr(image, "cpu"):
        array = image.detach().cpu().numpy().transpose(1, 2, 0)
    else:
        array = np.asarray(image)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] not in (3, 4) or 0 in array.shape:
        raise UsageError(f"expected uint8 pixels in 3 channels, found {array.dtype} of shape {array.shape}")
    if alpha is not None:
        array = np.dstack([array[..., :3], alpha])
    return array


def _in_profile(pixels: NDArray[np.uint8], icc: bytes | None) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    """Return sRGB pixels (H, W, 3|4) in the numbers of a profile, and the argument of Pillow's `save` for it."""
    from ganstyle.data.pixels import in_profile

    moved = in_profile(pixels[..., :3], icc) if icc else None
    if moved is None:
        return pixels, {}
    return (moved if pixels.shape[2] == 3 else np.dstack([moved, pixels[..., 3]])), {"icc_profile": icc}


def _on_white(picture: Image.Image) -> Image.Image:
    page = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(page, picture).convert("RGB")


def _settings(kind: str, quality: int) -> dict[str, Any]:
    quality = min(100, max(1, quality))
    if kind == "JPEG":
        # Full colour resolution: strokes of paint are made of it.
        return {"quality": quality, "subsampling": 0 if quality >= 90 else 2}
    if kind == "WEBP":
        return {"quality": quality, "lossless": quality == 100, "exact": True}
    if kind == "AVIF":
        return {"quality": quality}
    return {"compression": "tiff_adobe_deflate"} if kind == "TIFF" else {}


def _marks(kind: str, source_type: str | None, provenance: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the arguments of Pillow's `save`; its own `xmp` is ignored for PNG and TIFF."""
    if source_type is None:
        return {}
    text = settings_text(provenance) if provenance else ""
    if kind == "PNG":
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", xmp_packet(source_type).decode())
        if text:
            info.add_itxt("ganstyle", text)
        return {"pnginfo": info}
    packet = xmp_packet(source_type, text)
    return {"tiffinfo": {700: packet}} if kind == "TIFF" else {"xmp": packet}
