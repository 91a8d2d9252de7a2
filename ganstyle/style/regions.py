"""Masks: one style for each region of a photograph, and the photograph itself where no style is. Imports no torch.

White is the first style and black the second, greys blend; with one style black is the photograph. A mask of several
colours or grey levels gives its regions to as many styles, from the brightest region to the darkest.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from ganstyle.data.finding import IMAGE_SUFFIXES
from ganstyle.data.names import shown
from ganstyle.data.reading import Picture
from ganstyle.errors import InputError, UsageError
from ganstyle.functional.luma import REC_601

Pixels = NDArray[np.uint8]
Plane = NDArray[np.uint8]

FEATHER = 0.003  # of the long side: three pixels in a thousand
MAX_FEATHER = 1000.0
STRIP_PIXELS = 1 << 20
_ALIKE = 60.0  # colours nearer than this, of at most 441, are one region
_LEAST_SHARE = 0.005
_STRAY_SHARE = 0.03
_SAMPLE_PIXELS = 2_000_000
_GREY_SPREAD = 8
_LUMA = np.array(REC_601, np.float32)


@dataclass(frozen=True)
class Regions:
    """Where each style goes.

    Attributes:
        plane: uint8 (h, w): weight of the first style, or the number of each pixel's region.
        count: planes that `planes` yields: the styles, and for a single style the photograph.
        soft: `plane` is a weight.
        feather: standard deviation of the soft border in pixels of the photograph; None is 0.3 % of its long side.
        fingerprint: of the mask's pixels, 16 hex digits; says which mask it was without naming a file.
        name: of the mask, for messages.
    """

    plane: Plane
    count: int
    soft: bool
    feather: float | None = None
    fingerprint: str = ""
    name: str = "the mask"

    def planes(self, size: tuple[int, int]) -> Iterator[Plane]:
        """Yield the weight of each style, uint8 (H, W); together they are 255 at every pixel.

        Args:
            size: width and height of the photograph.
        """
        left = np.full(size[::-1], 255, np.uint8)
        for number in range(self.count - 1):
            plane = np.minimum(self._weight(number, size), left)
            left -= plane
            yield plane
        yield left

    def _weight(self, number: int, size: tuple[int, int]) -> Plane:
        chosen = self.plane if self.soft else np.where(self.plane == number, np.uint8(255), np.uint8(0))
        resized = Image.fromarray(chosen).resize(size, Image.Resampling.BILINEAR)
        feather = FEATHER * max(size) if self.feather is None else self.feather
        return np.asarray(resized.filter(ImageFilter.GaussianBlur(feather)) if feather > 0 else resized)


def check_feather(feather: float | None) -> float | None:
    """Return the feather if it is None or at least 0 pixels and at most 1000.

    Raises:
        UsageError: it isn't.
    """
    if feather is not None and not 0 <= feather <= MAX_FEATHER:
        raise UsageError(f"feather {feather:g} is not between 0 and {MAX_FEATHER:g} pixels", where="option --feather")
    return feather


def read_regions(mask: Picture, *, styles: int, name: str = "the mask", feather: float | None = None) -> Regions:
    """Understand a mask.

    Args:
        mask: any size; what is transparent counts as black.
        styles: how many there are.
        name: of the mask, for messages.
        feather: see `Regions`.

    Raises:
        InputError: it hasn't as many regions as there are styles.
    """
    pixels = mask.on_matte((0, 0, 0))
    fingerprint = hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()[:16]
    if styles == 1 or (styles == 2 and _is_grey(pixels)):
        luma = np.asarray(Image.fromarray(pixels).convert("L"), np.int32)
        # Nearly white is white: a lossy mask must not let the other style through.
        plane = np.clip((luma - 4) * 255 // 247, 0, 255).astype(np.uint8)
        return Regions(plane, 2, True, feather, fingerprint, name)
    colours = region_colours(pixels, styles=styles, name=name)
    return Regions(_labels(pixels, colours), styles, False, feather, fingerprint, name)


def _is_grey(pixels: Pixels) -> bool:
    sample = _sampled(pixels).astype(np.int16)
    return int((sample.max(2) - sample.min(2)).max()) <= _GREY_SPREAD


def _sampled(pixels: Pixels) -> Pixels:
    step = math.ceil(math.sqrt(pixels.shape[0] * pixels.shape[1] / _SAMPLE_PIXELS))
    return pixels[::step, ::step]


def region_colours(mask: Pixels, *, styles: int, name: str = "the mask") -> NDArray[np.float32]:
    """Return the colours of a mask's regions, brightest first.

    Args:
        mask: uint8 (h, w, 3).
        styles: how many regions there must be; soft borders between them are no regions.
        name: of the mask, for messages.

    Returns:
        float32 (styles, 3).

    Raises:
        InputError: more regions, or fewer.
    """
    found = _clusters(_sampled(mask).reshape(-1, 3))
    # Blurred borders of a small mask are slivers each, and together not a little.
    if len(found) > styles and found[styles][1] < min(_STRAY_SHARE, found[styles - 1][1] / 2):
        found = found[:styles]
    found.sort(key=lambda item: (-float(item[0] @ _LUMA), *(-item[0])))
    if len(found) != styles:
        listed = ", ".join(f"#{_hex(colour)} {share:.0%}" for colour, share in found[:8])
        raise InputError(
            f"{name} has {len(found)} regions ({listed}), for {styles} styles",
            where=name,
            hint="one flat colour for each style, the brightest for the first; white and black blend two",
        )
    return np.stack([colour for colour, _ in found])


def _clusters(colours: Pixels) -> list[tuple[NDArray[np.float32], float]]:
    """Return (colour, share) of groups of like colours, largest first; slivers are left out."""
    keys = (colours.astype(np.int32) >> 3) @ np.array([1024, 32, 1], np.int32)
    counts = np.bincount(keys, minlength=1 << 15)
    bins = np.flatnonzero(counts)
    sums = [np.bincount(keys, weights=colours[:, channel], minlength=1 << 15)[bins] for channel in range(3)]
    means, left = (np.stack(sums, 1) / counts[bins, None]).astype(np.float32), counts[bins].astype(np.float64)
    found = []
    while left.max() > 0:
        colour = means[left.argmax()]
        near = (np.linalg.norm(means - colour, axis=1) < _ALIKE) & (left > 0)
        share = float(left[near].sum() / len(colours))
        left[near] = 0
        if share >= _LEAST_SHARE:
            found.append((colour, share))
    return sorted(found, key=lambda item: -item[1])


def _hex(colour: NDArray[np.float32]) -> str:
    return "".join(f"{round(float(value)):02x}" for value in colour)


def _labels(pixels: Pixels, colours: NDArray[np.float32]) -> Plane:
    """Return the number of the nearest colour, uint8 (h, w), without the thin lines that soft borders make."""
    labels = np.empty(pixels.shape[:2], np.uint8)
    for rows in _strips(pixels):
        distances = [np.square(pixels[rows] - colour).sum(-1) for colour in colours]
        labels[rows] = np.argmin(distances, 0)
    return np.asarray(Image.fromarray(labels).filter(ImageFilter.ModeFilter(5)))


def _strips(pixels: Pixels) -> Iterator[slice]:
    rows = max(1, STRIP_PIXELS // pixels.shape[1])
    for top in range(0, pixels.shape[0], rows):
        yield slice(top, top + rows)


def check_fit(mask: tuple[int, int], photo: tuple[int, int], *, name: str = "the mask") -> None:
    """Refuse a mask of another shape than the photograph's; another size of the same shape fits.

    Args:
        mask: width and height, orientation applied.
        photo: width and height, orientation applied.
        name: of the mask, for messages.

    Raises:
        InputError: the shapes differ by more than a pixel or 1 %.
    """
    if _fits(mask, photo):
        return
    hint = f"make the mask {photo[0]}x{photo[1]} pixels, or smaller in the same proportion"
    if _fits(mask[::-1], photo):
        hint = "turn the mask by 90 degrees: the photograph's orientation tag turns the photograph"
    raise InputError(
        f"{name} is {mask[0]}x{mask[1]}, another shape than the photograph's {photo[0]}x{photo[1]}",
        where=name,
        hint=hint,
    )


def _fits(mask: tuple[int, int], photo: tuple[int, int]) -> bool:
    expected = mask[0] * photo[1] / photo[0]
    return abs(mask[1] - expected) <= max(1.0, photo[1] / photo[0], 0.01 * expected)


def composed(planes: Iterable[Plane], paintings: Iterable[Callable[[], Pixels]]) -> Pixels:
    """Return the weighted sum of paintings, made one after the other; one whose plane is empty is not made.

    Args:
        planes: uint8 (H, W) each, together 255 everywhere.
        paintings: return uint8 (H, W, 3).

    Returns:
        uint8 (H, W, 3), rounded; memory for two pictures and a painting, however many there are.
    """
    total: NDArray[np.uint16] | None = None
    for plane, painting in zip(planes, paintings, strict=True):
        if total is None:
            total = np.zeros((*plane.shape, 3), np.uint16)
        if not plane.any():
            continue
        pixels = painting()
        for rows in _strips(pixels):
            total[rows] += plane[rows, :, None].astype(np.uint16) * pixels[rows]
    if total is None:
        raise ValueError("no planes")
    result = np.empty(total.shape, np.uint8)
    for rows in _strips(result):
        result[rows] = (total[rows] + 127) // 255
    return result


def mask_of(photo: Path, folder: Path, *, root: Path) -> Path:
    """Return the mask of a photograph in a folder of masks: the same name with any ending, in the same sub-folder.

    Args:
        photo: the photograph, below `root`.
        folder: of the masks.
        root: what the sub-folder is relative to.

    Raises:
        InputError: there is none.
    """
    inner = photo.parent.relative_to(root)
    for place in dict.fromkeys((folder / inner, folder)):
        for path in sorted(place.glob("*")) if place.is_dir() else ():
            if path.stem == photo.stem and path.suffix.lower() in IMAGE_SUFFIXES:
                return path
    raise InputError(
        f"no mask for {shown(photo.name)}",
        where=shown(folder),
        hint=f"name it {shown((inner / photo.stem).as_posix())}.png",
    )
