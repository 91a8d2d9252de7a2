"""Keep the photograph's colours in a painting: pixel by pixel, as a palette, or as hues; wholly or in part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ganstyle.api import suggest
from ganstyle.errors import UsageError

Pixels = NDArray[np.uint8]
ColorMode = Literal["none", "luma", "match", "histogram", "hue"]
MODES: tuple[str, ...] = get_args(ColorMode)
NEUTRAL_CHROMA = 4.0  # below about this chroma a hue is noise
STRIP_PIXELS = 1 << 20  # Lab needs 24 bytes and more for each pixel: large pictures go in strips


def parse_mode(text: str) -> tuple[str, float]:
    """Read a way to preserve colours and its amount: `match`, or `match:0.5` for half of the way.

    Returns:
        (mode, amount in [0, 1]).

    Raises:
        UsageError: no such way, or an amount out of range.

    >>> parse_mode("match:0.5")
    ('match', 0.5)
    """
    mode, colon, number = text.partition(":")
    if mode not in MODES:
        raise UsageError(
            f"unknown way to preserve colours {mode!r}; {suggest(mode, MODES)}",
            where="option --preserve-color",
            hint=f"one of {', '.join(MODES)}; part of the way: match:0.5",
        )
    return mode, _amount(number, text) if colon else 1.0


def _amount(number: str, text: str) -> float:
    try:
        amount = float(number)
    except ValueError:
        amount = -1.0
    if not 0 <= amount <= 1:
        raise UsageError(
            f"{number!r} is not an amount between 0 and 1",
            where=f"--preserve-color {text}",
            hint="--preserve-color match:0.5",
        )
    return amount


def preserve_color(painted: Pixels, photo: Pixels, mode: str) -> Pixels:
    """Give a painting the colours of its photograph.

    Args:
        painted: uint8 (H, W, 3).
        photo: uint8 (H, W, 3) of the same size.
        mode: see `parse_mode`. `none`; `luma`: lightness of the painting, colour of each pixel of the photograph;
            `match`: mean and covariance of the photograph's colours; `histogram`: lightness of the painting, the
            photograph's whole distribution on both colour axes; `hue`: hues of the photograph, lightness and vividness
            of the painting.

    Returns:
        uint8 (H, W, 3).
    """
    name, amount = parse_mode(mode)
    if name == "none" or amount == 0:
        return painted
    ways = {"luma": keep_luma, "match": match_colors, "histogram": match_histogram, "hue": keep_hue}
    kept = ways[name](painted, photo)
    return kept if amount == 1 else _between(painted, kept, amount)


def _between(painted: Pixels, kept: Pixels, amount: float) -> Pixels:
    result = np.empty_like(painted)
    for rows in _strips(painted):
        start = painted[rows].astype(np.float32)
        result[rows] = _bytes(start + np.float32(amount) * (kept[rows] - start))
    return result


def keep_luma(painted: Pixels, photo: Pixels) -> Pixels:
    """Return L* of the painting with a* and b* of the photograph, uint8 (H, W, 3)."""
    from skimage.color import lab2rgb, rgb2lab

    result = np.empty_like(painted)
    for rows in _strips(painted):
        lab = rgb2lab(_unit(photo[rows]))
        lab[..., 0] = rgb2lab(_unit(painted[rows]))[..., 0]
        result[rows] = _bytes(_lab2rgb(lab2rgb, lab) * 255)
    return result


def _lab2rgb(lab2rgb: Any, lab: NDArray[Any]) -> NDArray[Any]:
    import warnings

    with warnings.catch_warnings():
        # A dark pixel with a strong colour lies outside sRGB; the nearest colour is what we want.
        warnings.simplefilter("ignore", UserWarning)
        return lab2rgb(lab)


def keep_hue(painted: Pixels, photo: Pixels) -> Pixels:
    """Return L* and chroma of the painting with the hue of the photograph, uint8 (H, W, 3).

    What is grey in the photograph has no hue and stays nearly grey.
    """
    from skimage.color import lab2rgb, rgb2lab

    result = np.empty_like(painted)
    for rows in _strips(painted):
        lab, colours = rgb2lab(_unit(painted[rows])), rgb2lab(_unit(photo[rows]))[..., 1:]
        chroma = np.linalg.norm(lab[..., 1:], axis=-1, keepdims=True)
        lab[..., 1:] = chroma * colours / (np.linalg.norm(colours, axis=-1, keepdims=True) + NEUTRAL_CHROMA)
        result[rows] = _bytes(_lab2rgb(lab2rgb, lab) * 255)
    return result


def match_histogram(painted: Pixels, photo: Pixels) -> Pixels:
    """Return L* of the painting with the photograph's distributions of a* and of b*, uint8 (H, W, 3).

    The light stays: matched as well, it blew up faint strokes in skies.
    """
    from skimage.color import lab2rgb
    from skimage.exposure import match_histograms

    lab, wanted = _lab_bytes(painted), _lab_bytes(photo)
    for channel in (1, 2):
        lab[..., channel] = _bytes(match_histograms(lab[..., channel], wanted[..., channel]))
    result = np.empty_like(painted)
    for rows in _strips(painted):
        values = lab[rows] / np.array([2.55, 1, 1], np.float32) - np.array([0, 128, 128], np.float32)
        result[rows] = _bytes(_lab2rgb(lab2rgb, values) * 255)
    return result


def _lab_bytes(picture: Pixels) -> Pixels:
    """Return L* * 2.55, a* + 128 and b* + 128 as uint8: 24 megapixels of floats would take 300 MB."""
    from skimage.color import rgb2lab

    result = np.empty_like(picture)
    for rows in _strips(picture):
        result[rows] = _bytes(rgb2lab(_unit(picture[rows])) * (2.55, 1, 1) + (0, 128, 128))
    return result


def match_colors(painted: Pixels, photo: Pixels) -> Pixels:
    """Move the painting's colours so that their mean and covariance are the photograph's.

    Returns:
        uint8 (H, W, 3), clipped to the range.

    Source: Gatys et al. 2016 (arXiv:1606.05897), section 3.1, with symmetric roots.
    """
    matrix, shift = color_transform(painted, photo)
    result = np.empty_like(painted)
    for rows in _strips(painted):
        result[rows] = _bytes(painted[rows].astype(np.float64) @ matrix.T + shift)
    return result


def color_transform(painted: Pixels, photo: Pixels) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return A (3, 3) and b (3,), float64, for which `A x + b` has the photograph's mean and covariance."""
    mean, covariance = color_moments(painted)
    wanted_mean, wanted_covariance = color_moments(photo)
    matrix = _root(wanted_covariance, 0.5) @ _root(covariance, -0.5)
    return matrix, wanted_mean - matrix @ mean


def color_moments(picture: Pixels) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean (3,) and covariance (3, 3) of the colours, float64, in 8-bit levels."""
    count, total, products = picture.shape[0] * picture.shape[1], np.zeros(3), np.zeros((3, 3))
    for rows in _strips(picture):
        flat = picture[rows].reshape(-1, 3).astype(np.float64)
        total += flat.sum(0)
        products += flat.T @ flat
    mean = total / count
    return mean, products / count - np.outer(mean, mean)


def _root(covariance: NDArray[np.float64], power: float) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(covariance)
    # A colour that doesn't vary (a grey picture) must not be blown up: half a level counts as the least deviation.
    return (vectors * np.maximum(values, 0.25) ** power) @ vectors.T


def _strips(picture: Pixels) -> Iterator[slice]:
    rows = max(1, STRIP_PIXELS // picture.shape[1])
    for start in range(0, picture.shape[0], rows):
        yield slice(start, start + rows)


def _unit(pixels: Pixels) -> NDArray[np.float32]:
    return pixels.astype(np.float32) / np.float32(255)


def _bytes(values: NDArray[Any]) -> Pixels:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
