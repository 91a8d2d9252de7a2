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
TURNS = 16  # of the colour axes; how many also says with which they begin
GOLDEN = 0.6180339887  # spreads any number of angles evenly
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
            photograph's whole distribution of a* and b*; `hue`: hues of the photograph, lightness and vividness
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
    """Return L* of the painting with the photograph's joint distribution of a* and b*, uint8 (H, W, 3).

    Both axes at once: each for itself, a magenta can come out that neither picture has. The light stays: matched as
    well, it blew up faint strokes in skies.

    Source: Pitié, Kokaram and Dahyot 2007, section 3, on the colours that occur instead of on pixels.
    """
    from skimage.color import lab2rgb

    lab, wanted = _lab_bytes(painted), _lab_bytes(photo)
    moved = _moved_colours(_colour_counts(lab), _colour_counts(wanted)) - np.float32(128)
    result = np.empty_like(painted)
    for rows in _strips(painted):
        light = lab[rows][..., :1] / np.float32(2.55)
        values = np.concatenate([light, moved[lab[rows][..., 1], lab[rows][..., 2]]], axis=-1)
        result[rows] = _bytes(_lab2rgb(lab2rgb, values) * 255)
    return result


def _colour_counts(lab: Pixels) -> NDArray[np.float64]:
    """Return how often each pair of a* and b* occurs, float64 (256, 256), in uint8 (H, W, 3) of `_lab_bytes`."""
    counts = np.zeros(1 << 16)
    for rows in _strips(lab):
        pairs = lab[rows].reshape(-1, 3).astype(np.int64)
        counts += np.bincount(pairs[:, 1] << 8 | pairs[:, 2], minlength=1 << 16)
    return counts.reshape(256, 256)


def _moved_colours(counts: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return where each pair goes so that the counts become the wanted ones, float32 (256, 256, 2).

    Again and again the axes are turned and both are matched, at last as they are. The first turn, 24 degrees, matters
    most: red and blue both have much a*, and begun with a* itself shutters of blue became red as the only red flower.
    """
    here, there = np.argwhere(counts).astype(np.float64), np.argwhere(wanted).astype(np.float64)
    weights, aims = counts[counts > 0], wanted[wanted > 0]
    for turn in reversed(range(TURNS)):
        angle = np.pi / 2 * (turn * GOLDEN % 1)
        axes = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        shown, aim = here @ axes, there @ axes
        matched = [_matched(shown[:, axis], weights, aim[:, axis], aims) for axis in (0, 1)]
        here = np.stack(matched, axis=1) @ axes.T
    moved = np.zeros((256, 256, 2), np.float32)
    moved[counts > 0] = here
    return moved


def _matched(
    values: NDArray[np.float64], weights: NDArray[np.float64], wanted: NDArray[np.float64], aims: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return values whose weighted distribution is the wanted one, in the same order."""
    order, other = np.argsort(values, kind="stable"), np.argsort(wanted, kind="stable")
    result = np.empty_like(values)
    result[order] = np.interp(_ranks(weights[order]), _ranks(aims[other]), wanted[other])
    return result


def _ranks(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    return (np.cumsum(weights) - weights / 2) / weights.sum()


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
