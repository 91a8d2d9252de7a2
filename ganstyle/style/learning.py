"""Pictures to a style: at once by the style encoder, then refined if the base model can."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from ganstyle.data.finding import find_images
from ganstyle.data.reading import ImageLike, as_tensor
from ganstyle.errors import InputError, NoInputError, UsageError
from ganstyle.style.bank import MAX_KEPT_CODES, Style
from ganstyle.style.base import BaseModel
from ganstyle.style.card import MAX_WORKS, StyleCard, check_name

ENCODE_SIDE = 288  # short side in pixels: the middle of the sizes at which training shows style pictures
MAX_ASPECT = 6
MIN_SIDE = 32
KEPT_CODES = 8
THUMBNAIL_SIDE = 192
FIT_PHOTOS = 32

Pictures = ImageLike | Iterable[ImageLike]
Progress = Callable[[int, int], object]


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
    """Read the pictures of a style; unusable ones are skipped.

    Args:
        pictures: one picture or many; paths may be folders, which are searched.

    Raises:
        NoInputError: none can be used; says why the first one can't.
    """
    works = Works()
    for source in _sources(pictures, works):
        try:
            image = usable_style_picture(as_tensor(source))
        except InputError as error:
            works.skipped.append((_label(source), error.message))
            continue
        works.images.append(shrunk(image, 2 * ENCODE_SIDE))
        works.fingerprints.append(_fingerprint(source, image))
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
    return image.to(device).float()[None] / 127.5 - 1


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
    pictures: Pictures,
    *,
    name: str,
    base: BaseModel,
    steps: int = 0,
    seed: int = 0,
    photos: Pictures | None = None,
    progress: Progress | None = None,
    **facts: str,
) -> Style:
    """Make a style from pictures.

    Args:
        pictures: works by one hand; files, folders or pictures in memory.
        name: what users will type.
        base: the base model, which the style then belongs to.
        steps: of refinement after the encoder's answer, which takes a second per picture.
        seed: of the refinement.
        photos: to refine on; default the embedded ones.
        progress: called with (steps done, steps).
        **facts: title, author, licence and source of the works.

    Raises:
        NoInputError: no picture can be used.
        UsageError: the base model can't refine, or the name is none.
    """
    return style_of_works(
        read_works(pictures), name=name, base=base, steps=steps, seed=seed, photos=photos, progress=progress, **facts
    )


def style_of_works(
    works: Works,
    *,
    name: str,
    base: BaseModel,
    steps: int = 0,
    seed: int = 0,
    photos: Pictures | None = None,
    progress: Progress | None = None,
    **facts: str,
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
    kept = torch.stack(codes[: min(KEPT_CODES, MAX_KEPT_CODES)]).half().numpy() if len(codes) > 1 else None
    style = Style(card, mean_code(codes).numpy(), kept, thumbnail(works.images[0]))
    if steps > 0:
        style = refine(style, works, base=base, steps=steps, seed=seed, photos=photos, progress=progress)
    return style


def refine(
    style: Style,
    works: Works,
    *,
    base: BaseModel,
    steps: int,
    seed: int = 0,
    photos: Pictures | None = None,
    progress: Progress | None = None,
) -> Style:
    """Return the style with its code fitted to the works; the generator stays as it is.

    Args:
        style: where to start.
        works: what to come close to.
        base: its stylizer needs a method `fit(code, works, photos, *, steps, seed, progress) -> code`.
        steps: gradient steps.
        seed: of the crops.
        photos: what is painted meanwhile; default the embedded photographs.
        progress: called with (steps done, steps).

    Raises:
        UsageError: the base model can't refine.
    """
    fit = getattr(base.stylizer, "fit", None)
    if fit is None:
        raise UsageError(f"base model {base.name} can't refine styles", where="option --fit", hint="leave --fit out")
    content = [shrunk(image, 2 * ENCODE_SIDE) for image in _fit_photos(photos)]
    start = torch.from_numpy(style.code.copy())
    code = fit(start, works.images, content, steps=steps, seed=seed, progress=progress)
    return replace(style, code=code.detach().float().cpu().numpy(), card=replace(style.card, fit_steps=steps))


def _fit_photos(photos: Pictures | None) -> list[Tensor]:
    if photos is None:
        from ganstyle.data.embedded import embedded_pictures

        photos = embedded_pictures("photos")
    found = [as_tensor(source) for source in _sources(photos, Works())[:FIT_PHOTOS]]
    if not found:
        raise NoInputError("no photographs to refine a style on", hint="--photos FOLDER")
    return found


def thumbnail(image: Tensor) -> bytes:
    """Return a JPEG of at most 192 pixels on its long side, of uint8 (3, H, W)."""
    from PIL import Image

    picture = Image.fromarray(image.permute(1, 2, 0).numpy())
    picture.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=82, optimize=True)
    return stream.getvalue()
