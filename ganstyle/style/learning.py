"""Pictures to a style: at once by the style encoder, then refined if the base model can.

Imports no torch until a style is refined, or the base model's encoder needs it.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ganstyle.data.finding import MISSING, find_images
from ganstyle.data.names import shown
from ganstyle.data.reading import ImageLike, as_array, is_tensor
from ganstyle.errors import InputError, NoInputError
from ganstyle.style.bank import MAX_KEPT_CODES, Style
from ganstyle.style.base import BaseModel
from ganstyle.style.card import MAX_WORKS, StyleCard, check_name
from ganstyle.style.painters import Code, Pixels

if TYPE_CHECKING:
    from ganstyle.style.refining import Refined, RefinePlan

ENCODE_SIDE = 336  # short side in pixels: the middle of the sizes at which training shows style pictures
MAX_ASPECT = 6
MIN_SIDE = 32
KEPT_CODES = 4
THUMBNAIL_SIDE, LEAN_SIDE = 192, 128
SAMPLE_SIDE = 256
SAMPLES_BYTES = 33_000  # together, so that a style file stays below 64 kB
KEPT_SAMPLES = 3
MAX_READ = 300  # works; more are thinned out evenly
FIT_PHOTOS = 32

Pictures = ImageLike | Iterable[ImageLike]
Watch = Callable[[str, int, int], object]  # told the stage, e.g. reading, the pictures done and those there are


@dataclass
class Works:
    """The usable pictures of a style.

    Attributes:
        images: uint8 (H, W, 3) each, shrunk to what learning needs.
        fingerprints: sha256 of each file, or of the pixels of a picture in memory.
        skipped: (what, why) of those that can't be used.
    """

    images: list[Pixels] = field(default_factory=list)
    fingerprints: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)


def read_works(pictures: Pictures, *, watch: Watch | None = None) -> Works:
    """Read the pictures of a style; unusable ones and copies are skipped, and of more than 300 an even choice is read.

    Args:
        pictures: one picture or many; paths may be folders, which are searched.
        watch: told before each picture and at the end the stage, `reading`, how many are done, and how many there are.

    Raises:
        NoInputError: none can be used; says why the first one can't.
    """
    works = Works()
    sources = _thinned(_sources(pictures, works), works)
    for done, source in enumerate(sources):
        if watch is not None:
            watch("reading", done, len(sources))
        try:
            image = usable_style_picture(as_array(source))
        except InputError as error:
            works.skipped.append((_label(source), error.message))
            continue
        fingerprint = _fingerprint(source, image)
        if fingerprint in works.fingerprints:
            works.skipped.append((_label(source), "the same picture as another one"))
            continue
        works.images.append(shrunk(image, 2 * ENCODE_SIDE))
        works.fingerprints.append(fingerprint)
    if watch is not None:
        watch("reading", len(sources), len(sources))
    if not works.images:
        raise _nothing_usable(pictures, works.skipped)
    return works


def _nothing_usable(pictures: Pictures, skipped: Sequence[tuple[str, str]]) -> NoInputError:
    hint = f"give pictures of at least {MIN_SIDE} pixels, or a folder of them"
    if not skipped:
        where = str(pictures) if isinstance(pictures, str | os.PathLike) else " ".join(map(str, pictures))  # type: ignore[arg-type]
        return NoInputError("there are no pictures to make a style of", where=where, hint=hint)
    what, why = skipped[0]
    if len(skipped) > 1:
        message = f"none of {len(skipped)} pictures can be used as a style; the first: {why}"
    else:
        message = f"{shown(what)} {why}" if why == MISSING else f"no style can be made of it: {why}"
    return NoInputError(message, where=what, hint=hint)


def _sources(pictures: Pictures, works: Works) -> list[ImageLike]:
    one = isinstance(pictures, str | os.PathLike) or is_tensor(pictures) or hasattr(pictures, "__array_interface__")
    found: list[ImageLike] = []
    for item in [pictures] if one else pictures:  # type: ignore[list-item, union-attr]
        if not isinstance(item, str | os.PathLike):
            found.append(item)  # type: ignore[arg-type]
            continue
        search = find_images(item)
        found.extend(search.files)
        works.skipped.extend((str(path), reason) for path, reason in search.ignored if reason == MISSING)
    return found


def _thinned(sources: list[ImageLike], works: Works) -> list[ImageLike]:
    if len(sources) <= MAX_READ:
        return sources
    works.skipped.append((f"{len(sources) - MAX_READ} of {len(sources)} pictures", f"{MAX_READ} are enough"))
    return [sources[index * len(sources) // MAX_READ] for index in range(MAX_READ)]


def _label(source: ImageLike) -> str:
    return str(source) if isinstance(source, str | os.PathLike) else f"a {type(source).__name__}"


def _fingerprint(source: ImageLike, image: Pixels) -> str:
    in_memory = not isinstance(source, str | os.PathLike)
    data = image.transpose(2, 0, 1).tobytes() if in_memory else Path(source).read_bytes()  # type: ignore[arg-type]
    return hashlib.sha256(data).hexdigest()


def usable_style_picture(image: Pixels) -> Pixels:
    """Return the picture if a style can be read from it.

    Args:
        image: uint8 (H, W, 3).

    Raises:
        InputError: it is too small, or blank.
    """
    height, width = image.shape[:2]
    if min(height, width) < MIN_SIDE:
        raise InputError(f"a style picture of {width}x{height} pixels is too small; {MIN_SIDE} are needed")
    if max(_variances(image)) < 1.0:
        raise InputError("the style picture is blank: it has one colour and no strokes")
    return image


def _variances(image: Pixels) -> list[float]:
    """Return the variance of each channel, without a copy of a large picture in floats."""
    counts = np.reshape(Image.fromarray(image).histogram(), (3, 256)).astype(np.float64)
    levels, pixels = np.arange(256), counts[0].sum()
    return [float(count @ levels**2 / pixels - (count @ levels / pixels) ** 2) for count in counts]


def shrunk(image: Pixels, short_side: int) -> Pixels:
    """Return uint8 (H, W, 3) with at most that short side in pixels; never enlarged."""
    return image if min(image.shape[:2]) <= short_side else resized(image, short_side)


def resized(image: Pixels, short_side: int) -> Pixels:
    """Return uint8 (H, W, 3) with that short side in pixels, antialiased; a strip is cut to its middle."""
    short = min(image.shape[:2])
    starts = [max(0, side - MAX_ASPECT * short) // 2 for side in image.shape[:2]]
    image = image[starts[0] :, starts[1] :][: MAX_ASPECT * short, : MAX_ASPECT * short]
    height, width = (max(1, round(side * short_side / short)) for side in image.shape[:2])
    if (height, width) == image.shape[:2]:
        return image
    scaled = np.empty((height, width, 3), np.float32)
    for channel in range(3):  # one at a time: in floats, 24 megapixels take 100 MB a channel
        # In floats: between its two passes Pillow would round bytes. Torch's antialiased resizing gives the same.
        plane = Image.fromarray(image[..., channel].astype(np.float32))
        scaled[..., channel] = plane.resize((width, height), Image.Resampling.BILINEAR)
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def encode(base: BaseModel, image: Pixels) -> Code:
    """Return the code, float32 (D,), of one picture, uint8 (H, W, 3) of any size.

    Args:
        base: the base model.
        image: the picture; its short side is brought to `ENCODE_SIDE` pixels.
    """
    return base.encode(resized(image, ENCODE_SIDE))


def mean_code(codes: Sequence[Code]) -> Code:
    """Return the mean of float32 (D,) codes, the same in any order and for copies."""
    ordered = sorted(codes, key=lambda code: code.tolist())
    return np.asarray(np.stack(ordered).mean(0, dtype=np.float64), np.float32)


def make_style(
    pictures: Pictures, *, name: str, base: BaseModel, plan: RefinePlan | None = None, lean: bool = False, **facts: str
) -> Style:
    """Make a style from pictures.

    Args:
        pictures: works by one hand; files, folders or pictures in memory.
        name: what users will type.
        base: the base model, which the style then belongs to.
        plan: of the refinement after the encoder's answer, which takes a second per picture; None is no refinement.
        lean: a file as small as can be: nothing of single works, neither codes nor pictures, and a smaller thumbnail;
            another base model then has only that to encode the style from.
        **facts: title, author, licence and source of the works.

    Raises:
        NoInputError: no picture can be used.
        UsageError: the base model can't refine, or the name is none.
    """
    given: dict[str, Any] = {"plan": plan, "lean": lean, **facts}
    return style_of_works(read_works(pictures), name=name, base=base, **given)


def style_of_works(
    works: Works,
    *,
    name: str,
    base: BaseModel,
    plan: RefinePlan | None = None,
    lean: bool = False,
    watch: Watch | None = None,
    **facts: str,
) -> Style:
    """Make a style of works already read; see `make_style`, and `read_works` for `watch`, whose stage is `encoding`."""
    codes = []
    for done, image in enumerate(works.images):
        if watch is not None:
            watch("encoding", done, len(works.images))
        codes.append(encode(base, image))
    if watch is not None:
        watch("encoding", len(codes), len(codes))
    card = StyleCard(
        check_name(name),
        base.name,
        base.sha256,
        works=len(works.images),
        fingerprints=tuple(sorted(works.fingerprints)[:MAX_WORKS]),
        **facts,  # type: ignore[arg-type]
    )
    several = len(codes) > 1 and not lean
    kept = np.stack(codes[: min(KEPT_CODES, MAX_KEPT_CODES)]).astype(np.float16) if several else None
    samples = () if lean else samples_of(works.images)
    picture = thumbnail(works.images[0], LEAN_SIDE if lean else THUMBNAIL_SIDE)
    style = Style(card, mean_code(codes), kept, picture, samples)
    return refine(style, works, base=base, plan=plan)[0] if plan is not None and plan.wanted() else style


def refine(style: Style, works: Works, *, base: BaseModel, plan: RefinePlan) -> tuple[Style, Refined]:
    """Fit a style's code to the works, never for the worse by its held-out score; the generator stays as it is.

    Args:
        style: where to start.
        works: what to come close to.
        base: its stylizer needs a method `fitting`, see `ganstyle.style.refining`.
        plan: the budget.

    Returns:
        The refined style, and how that went.

    Raises:
        UsageError: the base model can't refine.
    """
    from ganstyle.style.refining import refine_code

    photos = [shrunk(image, 2 * ENCODE_SIDE) for image in _fit_photos(plan.photos)]
    refined = refine_code(style.numbers, works.images, photos, base=base, plan=plan)
    return with_code(style, refined, plan), refined


def with_code(style: Style, refined: Refined, plan: RefinePlan) -> Style:
    """Return the style with a refined code, and on its card how that came about."""
    facts: dict[str, Any] = {
        "fit_steps": refined.steps,
        "fit_seconds": round(refined.seconds, 1),
        "fit_loss": plan.loss_name if plan.loss is not None else "",
        "instant_score": round(refined.instant, 5),
        "refined_score": round(refined.best, 5),
    }
    return replace(style.with_numbers(refined.code), card=replace(style.card, **facts))


def _fit_photos(photos: Pictures | None) -> list[Pixels]:
    if photos is None:
        from ganstyle.data.embedded import embedded_pictures

        photos = embedded_pictures("photos")
    found = [as_array(source) for source in _sources(photos, Works())[:FIT_PHOTOS]]
    if not found:
        raise NoInputError("no photographs to refine a style on", hint="--photos FOLDER")
    return found


def samples_of(images: Sequence[Pixels]) -> tuple[bytes, ...]:
    """Return JPEGs of up to three works, spread evenly over them, about 256 pixels high and below 33 kB together.

    From these a later base model encodes the style anew.

    Args:
        images: uint8 (H, W, 3) each, at least one.
    """
    count = min(len(images), KEPT_SAMPLES)
    chosen = [images[index * len(images) // count] for index in range(count)]
    limit = SAMPLES_BYTES // count
    return tuple(_jpeg_below(resized(image, min(SAMPLE_SIDE, *image.shape[:2])), limit) for image in chosen)


def _jpeg_below(image: Pixels, limit: int) -> bytes:
    """Return a JPEG of uint8 (H, W, 3) below so many bytes: first the quality gives way, then the size."""
    while True:
        for quality in (85, 70, 55):
            data = _jpeg(image, quality)
            if len(data) < limit:
                return data
        image = resized(image, min(image.shape[:2]) * 3 // 4)


def _jpeg(image: Pixels, quality: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=quality, optimize=True)
    return stream.getvalue()


def thumbnail(image: Pixels, side: int = THUMBNAIL_SIDE) -> bytes:
    """Return a JPEG of at most so many pixels on its long side, of uint8 (H, W, 3)."""
    picture = Image.fromarray(image)
    picture.thumbnail((side, side))
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=82, optimize=True)
    return stream.getvalue()
