"""Stroke size: paint a smaller or larger copy, then bring it back to full size with crisp strokes.

A painter makes strokes of a fixed number of pixels. On a copy of 1/s of the size they cover s times as much of the
picture. Enlarging alone would blur: the photograph's edges are put back by the local linear model of a guided filter
(He et al. 2010, equations 5 and 6), and strokes get borders by a smoothed Kuwahara filter (Papari et al. 2007).
Tried and left out: a second pass of the painter at full size (it covers big strokes with small ones), shock filters
(black fringes). Imports no torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ganstyle.data.reading import MAX_PIXELS
from ganstyle.errors import InputError, UsageError
from ganstyle.functional.luma import REC_601

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
Paint = Callable[[Pixels], Pixels]

LEAST, MOST = 0.5, 4.0
AUTOMATIC_SIDE = 1024
STRIP_PIXELS = 1 << 20  # some 100 bytes of memory for each
SLOPE_RADIUS = 3  # pixels of the small copy
SLOPE_EPSILON = 0.01  # of squared luma in [0, 1]: only edges of more than about a tenth come back
CRISPNESS = 0.9  # pixels of the Kuwahara filter's radius for each step of stroke size beyond 1
DIRECTIONS = 8
_LUMA = np.array(REC_601, np.float32)


def check_stroke_size(stroke_size: float) -> float:
    """Return the stroke size if it lies in [0.5, 4].

    Raises:
        UsageError: it doesn't.
    """
    if not LEAST <= stroke_size <= MOST:
        raise UsageError(
            f"stroke size {stroke_size:g} is not between {LEAST:g} and {MOST:g}",
            where="option --stroke-size",
            hint="1 is the usual brush, 2 one twice as wide",
        )
    return stroke_size


def automatic_size(width: int, height: int) -> float:
    """Return the stroke size of a picture for which none was asked: 1 up to 1024 pixels, at most 4.

    In proportion beyond, so that a style looks the same whatever the camera's resolution: on 2304 pixels strokes of
    the usual size are a film of hatching over a photograph, strokes of 2.25 make a painting.
    """
    return min(MOST, max(1.0, max(width, height) / AUTOMATIC_SIDE))


def paint_at(paint: Paint, picture: Pixels, *, stroke_size: float = 1.0) -> Pixels:
    """Paint with a brush of another size.

    Args:
        paint: takes and returns uint8 (h, w, 3) of any size; called once.
        picture: uint8 (H, W, 3).
        stroke_size: 0.5 to 4; 1 is `paint(picture)`.

    Returns:
        uint8 (H, W, 3).

    Raises:
        UsageError: a stroke size out of range.
        InputError: fine strokes would need a picture larger than ganstyle takes.
    """
    if check_stroke_size(stroke_size) == 1:
        return paint(picture)
    height, width = picture.shape[:2]
    size = max(1, round(width / stroke_size)), max(1, round(height / stroke_size))
    if size[0] * size[1] > MAX_PIXELS:
        raise _too_fine(size, stroke_size)
    small = _resized(picture, size)
    painted = paint(small)
    if stroke_size < 1:
        return _resized(painted, (width, height))
    return enlarged(painted, small, picture=picture, stroke_size=stroke_size)


def _too_fine(size: tuple[int, int], stroke_size: float) -> InputError:
    return InputError(
        f"strokes of size {stroke_size:g} need this picture painted at {size[0]}x{size[1]} pixels; "
        f"at most {MAX_PIXELS / 1e6:.0f} megapixels are",
        where="option --stroke-size",
        hint="--stroke-size 1, or a smaller picture by --max-size",
    )


def _resized(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0))


def enlarged(painted: Pixels, small: Pixels, *, picture: Pixels, stroke_size: float) -> Pixels:
    """Return a painting of a small copy at full size: strokes with borders, edges where the photograph has them.

    Args:
        painted: uint8 (h, w, 3), the painting of `small`.
        small: uint8 (h, w, 3), the copy of `picture`.
        picture: uint8 (H, W, 3).
        stroke_size: more than 1, about H / h.

    Returns:
        uint8 (H, W, 3); worked out in strips, whose number makes no difference.
    """
    radius = CRISPNESS * (stroke_size - 1)
    halo = _reach(radius)
    result = np.empty_like(picture)
    for top, bottom in _strips(*picture.shape[:2]):
        first, last = max(0, top - halo), min(len(picture), bottom + halo)
        strip = _with_edges(painted, small, picture=picture, rows=(first, last))
        inner = kuwahara(strip, radius)[:, top - first : bottom - first]
        result[top:bottom] = np.clip(np.rint(inner), 0, 255).astype(np.uint8).transpose(1, 2, 0)
    return result


def _strips(height: int, width: int) -> Iterator[tuple[int, int]]:
    rows = max(1, STRIP_PIXELS // width)
    for top in range(0, height, rows):
        yield top, min(top + rows, height)


def _with_edges(painted: Pixels, small: Pixels, *, picture: Pixels, rows: tuple[int, int]) -> Floats:
    """Return rows of the enlarged painting with what the small copy lost of the photograph's edges.

    Returns:
        float32 (3, last - first, W), about 0 to 255.
    """
    scale = len(small) / len(picture)
    margin = 2 * SLOPE_RADIUS + 3  # what the slopes and bicubic interpolation read beyond the rows
    low = max(0, math.floor(rows[0] * scale) - margin), min(len(small), math.ceil(rows[1] * scale) + margin)
    painted_rows, small_luma = _planes(painted[slice(*low)]), _luma(small[slice(*low)])
    size = picture.shape[1], rows[1] - rows[0]
    span = rows[0] * scale - low[0], rows[1] * scale - low[0]
    lost = _luma(picture[slice(*rows)]) - _stretched(small_luma, size, span)
    slopes = edge_slopes(painted_rows, small_luma)
    return np.stack(
        [
            _stretched(plane, size, span) + _stretched(slope, size, span) * lost
            for plane, slope in zip(painted_rows, slopes, strict=True)
        ]
    )


def edge_slopes(painted: Floats, luma: Floats) -> Floats:
    """Return how much each channel of a painting changes where the photograph's luma changes.

    Args:
        painted: float32 (3, h, w), 0 to 255.
        luma: float32 (h, w) of the photograph, 0 to 255.

    Returns:
        float32 (3, h, w): the slope of a local regression, smoothed; near 0 where the photograph is flat.

    Source: He et al. 2010, equation 5.
    """
    mean = _box(luma)
    variance = np.maximum(_box(luma * luma) - mean * mean, np.float32(0))
    epsilon = np.float32(SLOPE_EPSILON * 255**2)
    slopes = [_box(np.divide(_box(luma * plane) - mean * _box(plane), variance + epsilon)) for plane in painted]
    return np.stack(slopes)


def kuwahara(planes: Floats, radius: float) -> Floats:
    """Give each pixel the colour of that neighbourhood which varies least: dabs with crisp borders.

    Args:
        planes: float32 (3, H, W), 0 to 255.
        radius: of the dabs, in pixels; the result is continuous in it and 0 changes nothing.

    Returns:
        float32 (3, H, W).

    Source: Papari et al. 2007 (doi:10.1109/TIP.2007.903912), equation 16: the mean of all neighbourhoods, weighted
    by a power of their variance.
    """
    if radius <= 0:
        return planes
    luma = np.tensordot(_LUMA, planes, 1)
    mean = _blurred(luma, radius)
    variance = np.maximum(_blurred(luma * luma, radius) - mean * mean, np.float32(0))
    padding = math.ceil(radius) + 1
    weight = _padded(np.power(1 + variance / 4, -6), padding)
    weighted = [weight * _padded(_blurred(plane, radius), padding) for plane in planes]
    angles = [2 * math.pi * number / DIRECTIONS for number in range(DIRECTIONS)]
    offsets = [(radius * math.sin(angle), radius * math.cos(angle)) for angle in angles]
    total = _summed(weight, offsets, padding)
    return np.stack([_summed(plane, offsets, padding) / total for plane in weighted])


def _summed(padded: Floats, offsets: list[tuple[float, float]], padding: int) -> Floats:
    """Return the sum of shifted copies, between pixels by bilinear interpolation."""
    height, width = padded.shape[0] - 2 * padding, padded.shape[1] - 2 * padding
    total = np.zeros((height, width), np.float32)
    for down, right in offsets:
        y, x = math.floor(down), math.floor(right)
        for dy, share_y in ((y, y + 1 - down), (y + 1, down - y)):
            for dx, share_x in ((x, x + 1 - right), (x + 1, right - x)):
                share = share_y * share_x
                if share > 1e-6:
                    top, left = padding + dy, padding + dx
                    total += np.float32(share) * padded[top : top + height, left : left + width]
    return total


def _reach(radius: float) -> int:
    """Return how many rows away a pixel can matter to `kuwahara`."""
    return math.ceil(radius) + 2 + _blur_reach(radius)


def _blur_reach(radius: float) -> int:
    return math.ceil(1.5 * radius)


def _blurred(plane: Floats, radius: float) -> Floats:
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(plane, radius / 2, radius=_blur_reach(radius), mode="nearest")


def _box(plane: Floats) -> Floats:
    from scipy.ndimage import uniform_filter

    return uniform_filter(plane, 2 * SLOPE_RADIUS + 1, mode="nearest")


def _padded(plane: Floats, padding: int) -> Floats:
    return np.pad(plane, padding, mode="edge")


def _planes(pixels: Pixels) -> Floats:
    return np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float32)


def _luma(pixels: Pixels) -> Floats:
    return np.asarray(pixels @ _LUMA, np.float32)


def _stretched(plane: Floats, size: tuple[int, int], span: tuple[float, float]) -> Floats:
    """Return rows `span` of a plane, which may lie between pixels, at (width, height) `size`; bicubic."""
    box: Any = (0.0, max(0.0, span[0]), float(plane.shape[1]), min(float(plane.shape[0]), span[1]))
    return np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BICUBIC, box=box))
