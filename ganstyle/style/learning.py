"""Pictures to a style: at once by the style encoder, then refined if the base model can."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from ganstyle.data.finding import find_images
from ganstyle.data.reading import ImageLike, as_tensor
from ganstyle.errors import InputError, NoInputError
from ganstyle.functional.images import to_signed
from ganstyle.style.bank import MAX_KEPT_CODES, Style
from ganstyle.style.base import BaseModel
from ganstyle.style.card import MAX_WORKS, StyleCard, check_name
from ganstyle.style.refining import Refined, RefinePlan, refine_code

ENCODE_SIDE = 288  # short side in pixels: the middle of the sizes at which training shows style pictures
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


@dataclass
class Works:
    """The usable pictures of a style.

    Attributes:
        images: uint8 (3, H, W) each, shrunk to what learning needs.
        fingerprints: sha256 of each file, or of the pixels of a picture in memory.
        skipped: (what, why) of those that can't be used.
    """

    images: list[Tensor] = field(default_factory=list)
    fingerprints: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)


def read_works(pictures: Pictures) -> Works:
    """Read the pictures of a style; unusable ones and copies are skipped, and of more than 300 an even choice is read.

    Args:
        pictures: one picture or many; paths may be folders, which are searched.

    Raises:
        NoInputError: none can be used; says why the first one can't.
    """
    works = Works()
    for source in _thinned(_sources(pictures, works), works):
        try:
            image = usable_style_picture(as_tensor(source))
        except InputError as error:
            works.skipped.append((_label(source), error.message))
            continue
        fingerprint = _fingerprint(source, image)
        if fingerprint in works.fingerprints:
            works.skipped.append((_label(source), "the same picture as another one"))
            continue
        works.images.append(shrunk(image, 2 * ENCODE_SIDE))
        works.fingerprints.append(fingerprint)
    if not works.images:
        reason = f": {works.skipped[0][1]}" if works.skipped else ""
        raise NoInputError(
            f"none of {len(works.skipped)} pictures can be used as a style{reason}",
            where=works.skipped[0][0] if works.skipped else "",
            hint="give pictures of at least 32 pixels, or a folder of them",
        )
    return works


def _sources(pictures: Pictures, works: Works) -> list[ImageLike]:
    one = isinstance(pictures, str | os.PathLike | Tensor) or hasattr(pictures, "__array_interface__")
    found: list[ImageLike] = []
    for item in [pictures] if one else pictures:  # type: ignore[list-item, union-attr]
        if not isinstance(item, str | os.PathLike):
            found.append(item)  # type: ignore[arg-type]
            continue
        search = find_images(item)
        found.extend(search.files)
        works.skipped.extend((str(path), reason) for path, reason in search.ignored if reason == "does not exist")
    return found


def _thinned(sources: list[ImageLike], works: Works) -> list[ImageLike]:
    if len(sources) <= MAX_READ:
        return sources
    works.skipped.append((f"{len(sources) - MAX_READ} of {len(sources)} pictures", f"{MAX_READ} are enough"))
    return [sources[index * len(sources) // MAX_READ] for index in range(MAX_READ)]


def _label(source: ImageLike) -> str:
    return str(source) if isinstance(source, str | os.PathLike) else f"a {type(source).__name__}"


def _fingerprint(source: ImageLike, image: Tensor) -> str:
    data = Path(source).read_bytes() if isinstance(source, str | os.PathLike) else image.numpy().tobytes()
    return hashlib.sha256(data).hexdigest()


def usable_style_picture(image: Tensor) -> Tensor:
    """Return the picture if a style can be read from it.

    Args:
        image: uint8 (3, H, W).

    Raises:
        InputError: it is too small, or blank.
    """
    height, width = image.shape[1:]
    if min(height, width) < MIN_SIDE:
        raise InputError(f"a style picture of {width}x{height} pixels is too small; {MIN_SIDE} are needed")
    if float(image.float().std(dim=(1, 2)).max()) < 1.0:
        raise InputError("the style picture is blank: it has one colour and no strokes")
    return image


def shrunk(image: Tensor, short_side: int) -> Tensor:
    """Return uint8 (3, H, W) with at most that short side in pixels; never enlarged."""
    return image if min(image.shape[1:]) <= short_side else resized(image, short_side)


def resized(image: Tensor, short_side: int) -> Tensor:
    """Return uint8 (3, H, W) with that short side in pixels, antialiased; a strip is cut to its middle."""
    short = min(image.shape[1:])
    for axis in (1, 2):
        excess = image.shape[axis] - MAX_ASPECT * short
        if excess > 0:
            image = image.narrow(axis, excess // 2, MAX_ASPECT * short)
    sides = [max(1, round(side * short_side / short)) for side in image.shape[1:]]
    if sides == list(image.shape[1:]):
        return image
    larger = F.interpolate(image[None].float(), size=sides, mode="bilinear", antialias=True)[0]
    return larger.round().clamp(0, 255).byte()


def as_float(image: Tensor, device: torch.device) -> Tensor:
    """Return float32 (1, 3, H, W) in [-1, 1] of uint8 (3, H, W), on a device."""
    return to_signed(image.to(device)[None])


@torch.no_grad()  # not inference_mode: a refinement starts from this code
def encode(base: BaseModel, image: Tensor) -> Tensor:
    """Return the code of one picture.

    Args:
        base: the base model.
        image: uint8 (3, H, W) of any size.

    Returns:
        float32 (D,), on the CPU.
    """
    return base.stylizer.encode(as_float(resized(image, ENCODE_SIDE), base.device))[0].float().cpu()


def mean_code(codes: Sequence[Tensor]) -> Tensor:
    """Return the mean of float32 (D,) codes, the same in any order and for copies."""
    ordered = sorted(codes, key=lambda code: code.tolist())
    return torch.stack(ordered).double().mean(0).float()


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
    return style_of_works(read_works(pictures), name=name, base=base, plan=plan, lean=lean, **facts)


def style_of_works(
    works: Works, *, name: str, base: BaseModel, plan: RefinePlan | None = None, lean: bool = False, **facts: str
) -> Style:
    """Make a style of works already read; see `make_style`."""
    codes = [encode(base, image) for image in works.images]
    card = StyleCard(
        check_name(name),
        base.name,
        base.sha256,
        works=len(works.images),
        fingerprints=tuple(sorted(works.fingerprints)[:MAX_WORKS]),
        **facts,  # type: ignore[arg-type]
    )
    several = len(codes) > 1 and not lean
    kept = torch.stack(codes[: min(KEPT_CODES, MAX_KEPT_CODES)]).half().numpy() if several else None
    samples = () if lean else samples_of(works.images)
    picture = thumbnail(works.images[0], LEAN_SIDE if lean else THUMBNAIL_SIDE)
    style = Style(card, mean_code(codes).numpy(), kept, picture, samples)
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
    photos = [shrunk(image, 2 * ENCODE_SIDE) for image in _fit_photos(plan.photos)]
    refined = refine_code(style.code, works.images, photos, base=base, plan=plan)
    return with_code(style, refined, plan), refined


def with_code(style: Style, refined: Refined, plan: RefinePlan) -> Style:
    """Return the style with a refined code, and on its card how that came about."""
    facts = {
        "fit_steps": refined.steps,
        "fit_seconds": round(refined.seconds, 1),
        "fit_loss": plan.loss_name if plan.loss is not None else "",
        "instant_score": round(refined.instant, 5),
        "refined_score": round(refined.best, 5),
    }
    return replace(style, code=refined.code, card=replace(style.card, **facts))


def _fit_photos(photos: Pictures | None) -> list[Tensor]:
    if photos is None:
        from ganstyle.data.embedded import embedded_pictures

        photos = embedded_pictures("photos")
    found = [as_tensor(source) for source in _sources(photos, Works())[:FIT_PHOTOS]]
    if not found:
        raise NoInputError("no photographs to refine a style on", hint="--photos FOLDER")
    return found


def samples_of(images: Sequence[Tensor]) -> tuple[bytes, ...]:
    """Return JPEGs of up to three works, spread evenly over them, about 256 pixels high and below 33 kB together.

    From these a later base model encodes the style anew.

    Args:
        images: uint8 (3, H, W) each, at least one.
    """
    count = min(len(images), KEPT_SAMPLES)
    chosen = [images[index * len(images) // count] for index in range(count)]
    limit = SAMPLES_BYTES // count
    return tuple(_jpeg_below(resized(image, min(SAMPLE_SIDE, *image.shape[1:])), limit) for image in chosen)


def _jpeg_below(image: Tensor, limit: int) -> bytes:
    """Return a JPEG of uint8 (3, H, W) below so many bytes: first the quality gives way, then the size."""
    while True:
        for quality in (85, 70, 55):
            data = _jpeg(image, quality)
            if len(data) < limit:
                return data
        image = resized(image, min(image.shape[1:]) * 3 // 4)


def _jpeg(image: Tensor, quality: int) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(stream, "JPEG", quality=quality, optimize=True)
    return stream.getvalue()


def thumbnail(image: Tensor, side: int = THUMBNAIL_SIDE) -> bytes:
    """Return a JPEG of at most so many pixels on its long side, of uint8 (3, H, W)."""
    from PIL import Image

    picture = Image.fromarray(image.permute(1, 2, 0).numpy())
    picture.thumbnail((side, side))
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=82, optimize=True)
    return stream.getvalue()
