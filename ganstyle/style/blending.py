"""Weighted mixtures of styles, and strength: both are linear in the codes. Imports no torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ganstyle.errors import UsageError

if TYPE_CHECKING:
    from ganstyle.style.painters import Code

MAX_STRENGTH = 1.5
FADE = 0.25  # below this strength the photograph itself shines through, so that 0 is exactly the photograph


def parse_blend(text: str) -> list[tuple[str, float]]:
    """Read `monet:0.6,van_gogh:0.4`; a part without a weight weighs 1.

    Returns:
        (style, weight); the weights sum to 1.

    Raises:
        UsageError: an empty part, or weights that are no numbers, negative, or sum to zero.

    >>> parse_blend("monet:3,van_gogh")
    [('monet', 0.75), ('van_gogh', 0.25)]
    """
    names, weights = zip(*(_parse_part(part, text) for part in text.split(",")), strict=True)
    return list(zip(names, normalised_weights(weights), strict=True))


def _parse_part(part: str, text: str) -> tuple[str, float]:
    name, colon, weight = part.strip().rpartition(":")
    if not colon:
        name, weight = part.strip(), "1"
    try:
        return _named(name.strip(), text), float(weight)
    except ValueError:
        raise UsageError(
            f"{weight.strip()!r} is not a weight", where=f"style {text!r}", hint="--style monet:0.6,van_gogh:0.4"
        ) from None


def _named(name: str, text: str) -> str:
    if not name:
        raise UsageError("a part without a style name", where=f"style {text!r}", hint="--style monet:0.6,van_gogh:0.4")
    return name


def normalised_weights(weights: Sequence[float]) -> list[float]:
    """Return the weights divided by their sum.

    Raises:
        UsageError: one is negative or not finite, or all are zero.
    """
    hint = "give each style a positive weight, e.g. monet:0.6,van_gogh:0.4"
    bad = [weight for weight in weights if not math.isfinite(weight) or weight < 0]
    if bad:
        raise UsageError(f"weight {bad[0]} of a blend is not a number of 0 or more", where="option --style", hint=hint)
    if sum(weights) <= 0:
        raise UsageError("the weights of a blend sum to zero", where="option --style", hint=hint)
    if math.isinf(sum(weights)):
        return normalised_weights([weight / max(weights) for weight in weights])
    return [weight / sum(weights) for weight in weights]


def blend_codes(codes: Sequence[Code], weights: Sequence[float]) -> Code:
    """Return the weighted mean of codes.

    Args:
        codes: float32 (D,) each, or with an adapter (D + A,); for those without, its numbers are zeros.
        weights: one for each code, see `normalised_weights`.
    """
    import numpy as np

    # float64 inside: the mixture of a style with itself is the style, to the last bit.
    padded = lengthened(codes)
    total = sum(weight * code.astype(np.float64) for weight, code in zip(normalised_weights(weights), padded))
    return np.asarray(total, dtype=codes[0].dtype)


def at_strength(photo_code: Code, style_code: Code, strength: float) -> Code:
    """Return the code at `strength` from the photograph's own code (0) to the style's (1); each may have an adapter."""
    photo_code, style_code = lengthened([photo_code, style_code])
    return photo_code + strength * (style_code - photo_code)


def lengthened(codes: Sequence[Code]) -> list[Code]:
    """Return the codes with zeros after the shorter ones: a code that no adapter follows has one of zeros."""
    import numpy as np

    longest = max(len(code) for code in codes)
    return [np.pad(code, (0, longest - len(code))) for code in codes]


def shine_through(strength: float) -> float:
    """Return the share of the photograph's own pixels in the result: 1 at strength 0, none from 0.25 on."""
    return max(0.0, 1.0 - strength / FADE)


def check_strength(strength: float) -> float:
    """Return the strength if it lies in [0, 1.5].

    Raises:
        UsageError: it doesn't.
    """
    if not 0 <= strength <= MAX_STRENGTH:
        raise UsageError(
            f"strength {strength} is not between 0 and {MAX_STRENGTH}",
            where="option --strength",
            hint="0 is the photograph, 1 the full style",
        )
    return strength
