"""Content and style to a picture: one photograph in memory, with everything that it needs kept. Imports no torch."""

from __future__ import annotations

import functools
import io
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

import ganstyle
from ganstyle.data.provenance import STYLISED
from ganstyle.data.reading import MAX_PIXELS, ImageLike, Picture, as_array, is_tensor, open_picture
from ganstyle.data.writing import save_image
from ganstyle.errors import UsageError
from ganstyle.style.bank import Style, StyleBank
from ganstyle.style.base import BaseModel, load_base
from ganstyle.style.blending import at_strength, check_strength, shine_through
from ganstyle.style.colour import parse_mode, preserve_color
from ganstyle.style.painters import Code, Pixels
from ganstyle.style.regions import Regions, check_feather, check_fit, composed, read_regions
from ganstyle.style.selection import check_wanted, select_style
from ganstyle.style.strokes import automatic_size, check_stroke_size, paint_at
from ganstyle.style.tiling import HALO, Tiling, Told, paint
from ganstyle.style.translation import translation_of
from ganstyle.style.variants import varied_style

if TYPE_CHECKING:
    from torch import Tensor

    from ganstyle.registry import Registry


@dataclass(frozen=True)
class TransferOptions:
    """How a photograph is painted.

    Attributes:
        strength: 0 is the photograph, 1 the style, up to 1.5.
        preserve_color: see `colour.preserve_color`.
        seed: of the stroke noise.
        tile: side of the pieces in pixels; None chooses by the size of the picture.
        halo: pixels read around each piece.
        max_size: shrink the photograph to this long side first; None keeps its size.
        stroke_size: of the brush, 0.5 to 4; None chooses by the size of the picture.
        variation: 1 is the plain painting, others differ gently.
        feather: width of a mask's soft borders in pixels; None is 0.3 % of the long side.
        method: what paints, for the record: `fast`, or e.g. `optimise 150` with its steps.

    Raises:
        UsageError: a value out of range.
    """

    strength: float = 1.0
    preserve_color: str = "none"
    seed: int = 0
    tile: int | None = None
    halo: int = HALO
    max_size: int | None = None
    stroke_size: float | None = None
    variation: int = 1
    feather: float | None = None
    method: str = "fast"

    def __post_init__(self) -> None:
        check_strength(self.strength)
        parse_mode(self.preserve_color)
        check_feather(self.feather)
        if self.stroke_size is not None:
            check_stroke_size(self.stroke_size)
        for name, least in (("tile", 64), ("halo", 0), ("max_size", 8), ("variation", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise UsageError(f"{name} {value} is less than {least}", where=f"option --{name.replace('_', '-')}")


@dataclass(frozen=True)
class Painting:
    """The result.

    Attributes:
        rgb: uint8 (H, W, 3).
        alpha: uint8 (H, W) of the photograph, or None.
        notes: what happened to the photograph on the way, one sentence each.
        settings: what made it, plain JSON.
        icc: colour profile of the photograph, in which it is written; `rgb` is sRGB all the same.
        shortages: how the result differs for want of memory, one sentence each.
    """

    rgb: Pixels
    alpha: Pixels | None = None
    notes: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    icc: bytes | None = field(default=None, repr=False)
    shortages: tuple[str, ...] = ()

    def image(self) -> Image.Image:
        """Return it as a PIL image, RGB or RGBA."""
        if self.alpha is None:
            return Image.fromarray(self.rgb)
        return Image.fromarray(np.dstack([self.rgb, self.alpha]))

    def tensor(self) -> Tensor:
        """Return uint8 (3, H, W)."""
        import torch

        return torch.from_numpy(self.rgb).permute(2, 0, 1).contiguous()

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False, quality: int = 95) -> Path:
        """Write it with its provenance marks; an existing file is not replaced unasked.

        Returns:
            The path written, e.g. `name-2.png` if `name.png` exists.
        """
        return save_image(
            self.rgb,
            Path(path),
            overwrite=overwrite,
            quality=quality,
            alpha=self.alpha,
            provenance=self.settings,
            source_type=STYLISED,
            icc=self.icc,
        )


def transfer(
    photo: ImageLike,
    style: Style | ImageLike | list[Style | ImageLike] | None = None,
    *,
    strength: float = 1.0,
    stroke_size: float | None = None,
    mask: ImageLike | None = None,
    feather: float | None = None,
    preserve_color: str = "none",
    seed: int = 0,
    variation: int = 1,
    device: str = "auto",
    model: str | Path | None = None,
    direction: str | None = None,
    registry: Registry | None = None,
    tile: int | None = None,
    halo: int = HALO,
    max_size: int | None = None,
) -> Image.Image | Tensor:
    """Paint a photograph in a style.

    Args:
        photo: path, PIL image, array (H, W, 3|4) or tensor (3, H, W); uint8, or floats in [0, 1].
        style: name, mixture (`"monet:0.6,van_gogh:0.4"`), picture, folder, style file or Style; with a mask also a
            list, one for each region. None only for a model that translates to one kind of picture.
        strength: 0 returns the photograph, 1 is the full style; up to 1.5.
        stroke_size: of the brush, 0.5 to 4; None: 1 up to 1024 pixels, beyond in proportion to the long side.
        mask: white is the first style, black the second, or the photograph if there is one style; greys blend; more
            styles take as many flat colours, from the brightest to the darkest.
        feather: width of the mask's soft borders in pixels; None is 0.3 % of the long side.
        preserve_color: `"none"`, `"luma"`, `"match"`, `"histogram"` or `"hue"`; part of the way: `"match:0.5"`.
        seed: equal seeds give equal pictures.
        variation: 1 is the plain painting; 2, 3 ... differ gently.
        device: `auto`, `cpu`, `cuda` or `mps`.
        model: base model or translator: a model file, a run folder or an architecture; None takes the shipped one.
        direction: of a translator: `"a2b"` or `"b2a"`; None is its first.
        registry: default `default_registry()`.
        tile: side of the pieces in pixels; None chooses by the size of the picture.
        halo: pixels read around each piece.
        max_size: shrink the photograph to this long side first.

    Returns:
        A tensor uint8 (3, H, W) for a tensor, else a PIL image, RGBA if the photograph has transparency.

    Raises:
        UsageError: an unknown style or a value out of range.
        InputError: the photograph or the style picture can't be used.
        ModelError: a style or model file that is damaged or foreign.
        EnvironmentProblem: no weights, no device, or out of memory.
    """
    options = TransferOptions(
        strength, preserve_color, seed, tile, halo, max_size, stroke_size, variation=variation, feather=feather
    )
    wanted = style if isinstance(style, list) else [] if style is None else [style]
    translation = translation_of(model, registry=registry)
    if translation is None:
        base, chosen, brush = _with_base(wanted, model, direction, registry=registry, device=device)
    else:
        base, chosen, brush = translation.opened(wanted, options, direction=direction, device=device)
    picture, regions = picture_of(photo), None
    if mask is not None:
        regions = read_regions(picture_of(mask), styles=len(chosen), feather=feather)
    painting = apply_styles(picture, chosen, base=base, regions=regions, options=options, brush=brush)
    for note in painting.shortages:
        warnings.warn(note, stacklevel=2)
    return painting.tensor() if is_tensor(photo) else painting.image()


def _with_base(
    wanted: list[Style | ImageLike],
    model: str | Path | None,
    direction: str | None,
    *,
    registry: Registry | None,
    device: str,
) -> tuple[BaseModel, list[Style], None]:
    if not wanted or direction is not None:
        reason = "a direction is for models that translate" if wanted else "no style is given"
        raise UsageError(reason, where="transfer", hint='transfer("photo.jpg", "monet")')
    bank = StyleBank(registry)
    for part in wanted:
        check_wanted(part, bank)
    base = load_base(model, registry=registry, device=device)
    return base, [select_style(part, bank=bank, base=base) for part in wanted], None


def picture_of(photo: ImageLike, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """Return any picture with its transparency.

    Raises:
        InputError: it can't be read.
    """
    if isinstance(photo, str | os.PathLike):
        return open_picture(photo, max_pixels=max_pixels)
    if isinstance(photo, Image.Image):
        # Through a file in memory: orientation, profile, palette and depth then have one reader.
        return open_picture(_encoded(photo), max_pixels=max_pixels, name="the picture")
    if isinstance(photo, np.ndarray) and photo.ndim == 3 and photo.shape[2] == 4 and photo.dtype == np.uint8:
        return Picture(np.ascontiguousarray(photo[..., :3]), np.ascontiguousarray(photo[..., 3]))
    return Picture(np.ascontiguousarray(as_array(photo)))


def _encoded(photo: Image.Image) -> io.BytesIO:
    stream = io.BytesIO()
    lossless = photo if photo.mode in {"1", "L", "LA", "P", "RGB", "RGBA", "I", "I;16"} else photo.convert("RGB")
    lossless.save(stream, "PNG", compress_level=0, exif=photo.getexif(), icc_profile=photo.info.get("icc_profile"))
    stream.seek(0)
    return stream


def apply_style(photo: Picture, style: Style, *, base: BaseModel, options: TransferOptions | None = None) -> Painting:
    """Paint a decoded photograph; one base model serves any number of calls.

    Args:
        photo: the photograph.
        style: must be of this base model.
        base: the base model.
        options: default `TransferOptions()`.

    Raises:
        EnvironmentProblem: out of memory even with small tiles.
    """
    return apply_styles(photo, [style], base=base, options=options)


Brush = Callable[[Pixels, Style, TransferOptions], Pixels]
"""Paints uint8 (H, W, 3) in a style; variations and colours are no matter of it."""


def apply_styles(
    photo: Picture,
    styles: Sequence[Style],
    *,
    base: BaseModel,
    regions: Regions | None = None,
    options: TransferOptions | None = None,
    brush: Brush | None = None,
) -> Painting:
    """Paint the regions of a photograph in one style each.

    Args:
        photo: the photograph.
        styles: of this base model; one, or as many as the mask has regions.
        base: the base model.
        regions: where each style goes; None is one style everywhere.
        options: default `TransferOptions()`.
        brush: paints instead of the base model, e.g. an optimiser.

    Raises:
        UsageError: several styles and no regions.
        InputError: a mask of another shape than the photograph's.
        EnvironmentProblem: out of memory even with small tiles.
    """
    options = options or TransferOptions()
    if regions is None and len(styles) != 1:
        raise UsageError(f"{len(styles)} styles in one picture need a mask", where="option --mask")
    photo, shortages = _fitted(photo, options.max_size), dict[str, None]()
    rgb = photo.on_matte(_matte(photo))
    brush = brush or _brush_of(base, told=lambda note: shortages.setdefault(note))

    def painted_in(style: Style) -> Pixels:
        painted = _painted(rgb, style, options, brush)
        return preserve_color(painted, rgb, options.preserve_color) if options.strength > 0 else painted

    if regions is None:
        painted = painted_in(styles[0])
    else:
        check_fit(regions.plane.shape[::-1], photo.size, name=regions.name)
        makers: list[Callable[[], Pixels]] = [functools.partial(painted_in, style) for style in styles]
        painted = composed(regions.planes(photo.size), [*makers, lambda: rgb][: regions.count])
    settings = settings_of(styles, base, options) | _masked(regions)
    return Painting(painted, photo.alpha, photo.notes, settings, photo.icc, tuple(shortages))


def _painted(original: Pixels, style: Style, options: TransferOptions, brush: Brush) -> Pixels:
    keep = shine_through(options.strength)
    if keep >= 1:
        return original.copy()
    size = options.stroke_size or automatic_size(original.shape[1], original.shape[0])
    code, options = varied_style(style, replace(options, stroke_size=size))
    painted = brush(original, replace(style, code=code), options)
    return painted if keep == 0 else _mixed(painted, original, keep)


def _brush_of(base: BaseModel, *, told: Told) -> Brush:
    def brush(original: Pixels, style: Style, options: TransferOptions) -> Pixels:
        code = style.numbers
        if options.strength != 1:
            code = at_strength(photo_code(base, original), code, options.strength)
        tiling = Tiling(options.tile, options.halo)
        return paint_at(
            lambda pixels: paint(base, pixels, code, tiling=tiling, seed=options.seed, told=told),
            original,
            stroke_size=options.stroke_size or 1.0,
        )

    return brush


def photo_code(base: BaseModel, photo: Pixels) -> Code:
    """Return the code float32 (D,) of a photograph's own style, of uint8 (H, W, 3)."""
    from ganstyle.style.learning import encode

    return encode(base, photo)


def _mixed(painted: Pixels, original: Pixels, keep: float) -> Pixels:
    """Return uint8 (H, W, 3): a share `keep` of the original, the rest of the painting."""
    return np.rint(painted + np.float32(keep) * (original.astype(np.float32) - painted)).astype(np.uint8)


def _fitted(photo: Picture, max_size: int | None) -> Picture:
    if max_size is None or max(photo.size) <= max_size:
        return photo
    scale = max_size / max(photo.size)
    size = (max(1, round(photo.size[0] * scale)), max(1, round(photo.size[1] * scale)))

    def shrunk(pixels: Pixels) -> Pixels:
        return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0))

    note = f"shrunk from {photo.size[0]}x{photo.size[1]} to {size[0]}x{size[1]}"
    return replace(
        photo,
        rgb=shrunk(photo.on_matte(_matte(photo))),
        alpha=None if photo.alpha is None else shrunk(photo.alpha),
        notes=(*photo.notes, note),
    )


def _matte(photo: Picture) -> tuple[int, int, int]:
    """Return the mean visible colour: on it, strokes at the edge of a cut-out keep the cut-out's colours."""
    if photo.alpha is None or not photo.alpha.any():
        return (255, 255, 255)
    red, green, blue = np.average(photo.rgb.reshape(-1, 3), axis=0, weights=photo.alpha.reshape(-1))
    return round(red), round(green), round(blue)


def _masked(regions: Regions | None) -> dict[str, Any]:
    return {} if regions is None else {"mask_sha256": regions.fingerprint, "feather": regions.feather}


def settings_of(styles: Sequence[Style], base: BaseModel, options: TransferOptions) -> dict[str, Any]:
    """Return what made a painting; no paths, no user, no host."""
    return {
        "command": "transfer",
        "style": " ".join(style.name for style in styles),
        "style_author": "; ".join(dict.fromkeys(style.card.author for style in styles if style.card.author)),
        "base_model": base.name,
        "base_sha256": base.sha256,
        "strength": options.strength,
        "stroke_size": options.stroke_size or "auto",
        "variation": options.variation,
        "method": options.method,
        "preserve_color": options.preserve_color,
        "seed": options.seed,
        "max_size": options.max_size,
        "version": ganstyle.__version__,
        "engine": base.painter.engine,
    }
