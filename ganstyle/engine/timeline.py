"""The training as a moving picture: the previews one after the other, with the count of images in a caption."""

from __future__ import annotations

import contextlib
import importlib.util
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from ganstyle.data.sheets import INK, PAPER
from ganstyle.data.writing import write_atomic
from ganstyle.engine.charts import short

WEBP, MP4 = "timeline.webp", "timeline.mp4"
MOST_FRAMES, LARGEST_SIDE = 120, 512
FRAME_MS, LAST_MS = 120, 2000
CAPTION, BAR = 24, 4  # pixels: the line of text and the bar of progress below a picture


def write_timeline(folder: Path) -> Path | None:
    """Write `timeline.webp` into a run's folder from its `previews/*.png`, and `timeline.mp4` where PyAV is installed.

    Args:
        folder: a run's.

    Returns:
        The WebP, or None if there are no two previews or it could not be written: a film never ends a run.
    """
    try:
        frames = list(captioned(sorted((folder / "previews").glob("*.png"))))
        if len(frames) < 2:
            return None
        written = write_atomic(folder / WEBP, _webp(frames))
    except Exception:  # a foreign picture, a full disk: the run is worth more than its film
        return None
    if importlib.util.find_spec("av") is not None:
        with contextlib.suppress(Exception):  # its codecs differ from build to build
            write_atomic(folder / MP4, _mp4(frames))
    return written


def captioned(paths: Sequence[Path]) -> Iterator[Image.Image]:
    """Yield at most MOST_FRAMES of the pictures, evenly, equal in size, each with its count of images and a bar.

    Args:
        paths: previews in order, named by their image count; what can't be read is left out.
    """
    chosen = _spread([path for path in paths if path.stem.isdigit()])
    last = int(chosen[-1].stem) if chosen else 0
    size: tuple[int, int] | None = None
    for path in chosen:
        try:
            with Image.open(path, formats=["PNG"]) as opened:
                shown = opened.convert("RGB")
        except (OSError, ValueError, Image.DecompressionBombError):
            continue
        if size is None:
            shown.thumbnail((LARGEST_SIDE, LARGEST_SIDE), Image.Resampling.LANCZOS)
            size = (shown.width // 2 * 2, shown.height // 2 * 2)  # films want even sides
        yield _frame(shown.resize(size, Image.Resampling.LANCZOS), int(path.stem), last)


def _spread(paths: Sequence[Path]) -> list[Path]:
    if len(paths) <= MOST_FRAMES:
        return list(paths)
    return [paths[round(index * (len(paths) - 1) / (MOST_FRAMES - 1))] for index in range(MOST_FRAMES)]


def _frame(shown: Image.Image, images: int, last: int) -> Image.Image:
    page = Image.new("RGB", (shown.width, shown.height + CAPTION + BAR), PAPER)
    page.paste(shown)
    draw = ImageDraw.Draw(page)
    middle = shown.height + CAPTION // 2
    draw.text((6, middle), f"{short(images)} images", INK, ImageFont.load_default(13), "lm")
    done = round(shown.width * images / last) if last else 0
    draw.rectangle((0, shown.height + CAPTION, done, page.height), INK)
    return page


def _webp(frames: Sequence[Image.Image]) -> bytes:
    stream = io.BytesIO()
    durations = [FRAME_MS] * (len(frames) - 1) + [LAST_MS]
    first, *rest = frames
    first.save(stream, "WEBP", save_all=True, append_images=rest, duration=durations, loop=0, quality=70, method=3)
    return stream.getvalue()


def _mp4(frames: Sequence[Image.Image]) -> bytes:
    import av  # an extra: the film is written only where it is installed

    stream = io.BytesIO()
    with av.open(stream, "w", format="mp4") as container:
        video = container.add_stream("h264", rate=round(1000 / FRAME_MS))
        video.width, video.height = frames[0].size
        video.pix_fmt = "yuv420p"
        for frame in [*frames, *[frames[-1]] * (LAST_MS // FRAME_MS)]:
            container.mux(video.encode(av.VideoFrame.from_image(frame)))
        container.mux(video.encode())
    return stream.getvalue()
