"""Keep the photograph's colours: its chroma under the painting's light, or its colour moments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ganstyle.api import suggest
from ganstyle.errors import UsageError

Pixels = NDArray[np.uint8]
ColorMode = Literal["none", "luma", "match"]
MODES: tuple[str, ...] = get_args(ColorMode)
STRIP_PIXELS = 1 << 20  # Lab needs 24 bytes and more for each pixel: large pictures go in strips


def check_mode(mode: str) -> str:
    """Return the mode if there is one of that name.

    Raises:
        UsageError: there isn't.
    """
    if mode not in MODES:
        raise UsageError(
            f"unknown way to preserve colours {mode!r}; {suggest(mode, MODES)}", where="option --preserve-color"
        )
    return mode


def preserve_color(painted: Pixels, photo: Pixels, mode: str) -> Pixels:
    """Give a painting the colours of its photograph.

    Args:
        painted: uint8 (H, W, 3).
        photo: uint8 (H, W, 3) of the same size.
        mode: `none`; `luma`: lightness of the painting, colour of each pixel of the photograph; `match`: mean and
            covariance of the photograph's colours.

    Returns:
        uint8 (H, W, 3).
    """
    if mode == "luma":
        return keep_luma(painted, photo)
    return match_colors(painted, photo) if check_mode(mode) == "match" else painted


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
