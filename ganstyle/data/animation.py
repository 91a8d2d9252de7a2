"""Moving pictures: animated WebP, PNG and GIF, and MP4 where PyAV is installed. Imports no torch."""

from __future__ import annotations

import importlib.util
import io
import os
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from ganstyle.data.names import shown
from ganstyle.data.provenance import GENERATED, settings_text, xmp_packet
from ganstyle.data.writing import write_atomic
from ganstyle.errors import EnvironmentProblem, UsageError

FORMATS = {".webp": "WEBP", ".png": "PNG", ".apng": "PNG", ".gif": "GIF", ".mp4": "MP4"}
LARGEST_PIXELS = 300_000_000  # all frames together; Pillow keeps every frame of an animation in memory
LARGEST_WEBP_SIDE = 16383


def check_animation(path: str | os.PathLike[str], *, frames: int, size: tuple[int, int]) -> str:
    """Return the format that an animation will be written in; call it before hours of work.

    Args:
        path: where it will go.
        frames: how many.
        size: width and height in pixels.

    Raises:
        UsageError: an unknown extension, or more pixels than fit into memory.
        EnvironmentProblem: MP4 without PyAV.
    """
    target = Path(path)
    kind = FORMATS.get(target.suffix.lower())
    if kind is None:
        raise UsageError(
            f"can't write an animation as {shown(target.name)!r}; known extensions: {', '.join(FORMATS)}",
            where=shown(target),
            hint=f"name it {shown(target.with_suffix('.webp').name)}",
        )
    if kind == "MP4":
        if importlib.util.find_spec("av") is None:
            raise EnvironmentProblem(
                "MP4 needs PyAV, which is not installed",
                where=shown(target),
                hint=f"pip install av, or name it {shown(target.with_suffix('.webp').name)}",
            )
        return kind
    pixels = frames * size[0] * size[1]
    if pixels > LARGEST_PIXELS or (kind == "WEBP" and max(size) > LARGEST_WEBP_SIDE):
        raise UsageError(
            f"{frames} frames of {size[0]}x{size[1]} are too many for an animated picture",
            where=shown(target),
            hint="fewer frames, or an .mp4, which is written frame by frame",
        )
    return kind


def save_animation(
    frames: Iterable[Any],
    path: str | os.PathLike[str],
    *,
    fps: float = 24.0,
    overwrite: bool = False,
    quality: int = 85,
    provenance: Mapping[str, Any] | None = None,
    source_type: str = GENERATED,
) -> Path:
    """Write an animation that repeats forever, with its marks (see `save_image`).

    Args:
        frames: PIL images, uint8 tensors (3, H, W) or arrays (H, W, 3), all of one size; taken one by one.
        path: the extension chooses the format.
        fps: frames per second, above 0, at most 50 in a GIF, which counts hundredths of a second.
        overwrite: replace an existing file; otherwise `name-2.webp` and so on is taken.
        quality: of WebP and MP4, 1 to 100.
        provenance: settings, seed ...; a GIF has no place for them.
        source_type: IPTC digital source type.

    Returns:
        The path written.

    Raises:
        UsageError: no frame, frames of different sizes, an unknown extension.
        EnvironmentProblem: no PyAV, full disk, no permission.
    """
    pictures = _alike(frames)
    first = next(pictures, None)
    if first is None:
        raise UsageError("an animation of no frames", where=shown(path))
    kind = check_animation(path, frames=1, size=first.size)
    if kind == "MP4":
        data = _mp4(first, pictures, fps=fps, quality=quality, comment=_comment(source_type, provenance))
    else:
        marks = _marks(kind, source_type, provenance)
        data = _animated(kind, first, pictures, fps=fps, quality=quality, marks=marks)
    return write_atomic(path, data, overwrite=overwrite)


def _alike(frames: Iterable[Any]) -> Iterator[Image.Image]:
    size = None
    for frame in frames:
        picture = _picture(frame)
        size = size or picture.size
        if picture.size != size:
            raise UsageError(f"frames of different sizes: {size[0]}x{size[1]} and {picture.width}x{picture.height}")
        yield picture


def _picture(frame: Any) -> Image.Image:
    if isinstance(frame, Image.Image):
        return frame.convert("RGB")
    array = frame.detach().cpu().numpy().transpose(1, 2, 0) if hasattr(frame, "cpu") else np.asarray(frame)
    return Image.fromarray(np.ascontiguousarray(array))


def _animated(
    kind: str,
    first: Image.Image,
    rest: Iterable[Image.Image],
    *,
    fps: float,
    quality: int,
    marks: Mapping[str, Any],
) -> bytes:
    settings: dict[str, Any] = {"quality": quality, "method": 4} if kind == "WEBP" else {}
    if kind == "GIF":
        settings = {"optimize": False, "disposal": 1}
    duration = max(20, round(100 / fps) * 10) if kind == "GIF" else 1000 / fps
    stream = io.BytesIO()
    frames = list(rest)
    times = _durations(duration, 1 + len(frames))
    first.save(stream, kind, save_all=True, append_images=frames, duration=times, loop=0, **settings, **marks)
    return stream.getvalue()


def _durations(duration: float, count: int) -> list[int]:
    """Return whole milliseconds that do not drift from the true times."""
    ends = [round(duration * (index + 1)) for index in range(count)]
    return [end - start for start, end in zip([0, *ends], ends)]


def _marks(kind: str, source_type: str, provenance: Mapping[str, Any] | None) -> dict[str, Any]:
    text = settings_text(provenance) if provenance else ""
    if kind == "GIF":
        return {"comment": _comment(source_type, None).encode()}
    if kind == "WEBP":
        return {"xmp": xmp_packet(source_type, text)}
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", xmp_packet(source_type).decode())
    if text:
        info.add_itxt("ganstyle", text)
    return {"pnginfo": info}


def _comment(source_type: str, provenance: Mapping[str, Any] | None) -> str:
    """Return the marks as plain text, where there is room for nothing else."""
    settings = f" {settings_text(provenance)}" if provenance else ""
    return f"ganstyle DigitalSourceType={source_type}{settings}"


def _mp4(first: Image.Image, rest: Iterable[Image.Image], *, fps: float, quality: int, comment: str) -> bytes:
    """Encode one frame after the other; only what is encoded stays in memory."""
    import av

    stream = io.BytesIO()
    options = {"movflags": "use_metadata_tags"}
    with av.open(stream, "w", format="mp4", options=options) as container:
        container.metadata["comment"] = comment
        video = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1000))
        # Pairs of pixels share a colour: odd sides are padded.
        video.width, video.height = first.width + first.width % 2, first.height + first.height % 2
        video.pix_fmt = "yuv420p"
        video.options = {"crf": str(round(40 - quality * 0.28))}
        for picture in _chained(first, rest):
            container.mux(video.encode(av.VideoFrame.from_image(_padded(picture))))
        container.mux(video.encode())
    return stream.getvalue()


def _chained(first: Image.Image, rest: Iterable[Image.Image]) -> Iterator[Image.Image]:
    yield first
    yield from rest


def _padded(picture: Image.Image) -> Image.Image:
    width, height = picture.width + picture.width % 2, picture.height + picture.height % 2
    if (width, height) == picture.size:
        return picture
    array = np.asarray(picture)
    padding = ((0, height - picture.height), (0, width - picture.width), (0, 0))
    return Image.fromarray(np.pad(array, padding, mode="edge"))
