"""Several paintings of one photograph: styles by strengths by stroke sizes by variations. Imports no torch."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ganstyle.errors import UsageError

if TYPE_CHECKING:
    from ganstyle.style.bank import Style
    from ganstyle.style.painters import Code
    from ganstyle.style.transfer import TransferOptions

MOST_VARIATIONS = 100
CODE_JITTER = 0.25  # of each number of the code; more changes the palette, not only the hand
WORK_SHARE = 0.35  # of the way from the mean of the works to a mixture of some
STROKE_JITTER = 0.35  # of an octave either way
_SEED_STEP = 7919


@dataclass(frozen=True)
class Variant:
    """One way to paint a photograph.

    Attributes:
        label: follows the photograph's name in the result's, e.g. `monet-s30-v2`.
        caption: what sets it apart from the others of its kind, for a sheet.
        styles: one, or one for each region of a mask.
        options: how.
        setting: the part of the caption that doesn't name the styles.
    """

    label: str
    caption: str
    styles: tuple[Style, ...]
    options: TransferOptions
    setting: str = ""

    @property
    def named(self) -> str:
        """The names of the styles."""
        return "-".join(style.name for style in self.styles)


def variants_of(
    groups: Sequence[tuple[Style, ...]],
    *,
    options: TransferOptions,
    strengths: Sequence[float] = (),
    stroke_sizes: Sequence[float | None] = (),
    variations: int = 1,
) -> list[Variant]:
    """Return every combination, in the order of the arguments.

    Args:
        groups: what is painted with: a style each, or the styles of a mask's regions.
        options: what all have in common.
        strengths: default that of the options; more than one show in the names as `-s30`.
        stroke_sizes: likewise, as `-x2`.
        variations: how many of each; the first is the plain one, the others are called `-v2` and so on.

    Raises:
        UsageError: less than one variation or more than 100, or a value out of range.
    """
    if not 1 <= variations <= MOST_VARIATIONS:
        raise UsageError(f"{variations} variations are not between 1 and {MOST_VARIATIONS}", where="--variations")
    strengths, stroke_sizes = strengths or [options.strength], stroke_sizes or [options.stroke_size]
    numbers = range(1, variations + 1)
    many = len(groups) > 1, len(strengths) > 1, len(stroke_sizes) > 1, variations > 1
    result = []
    for group, strength, size, number in itertools.product(groups, strengths, stroke_sizes, numbers):
        changed = replace(options, strength=strength, stroke_size=size, variation=number)
        named = "-".join(style.name for style in group)
        marks = (f"s{strength * 100:g}", f"x{size:g}" if size else "xauto", f"v{number}" if number > 1 else "")
        words = (f"strength {strength:g}", f"strokes {size:g}" if size else "strokes auto", f"variation {number}")
        label = "-".join([named, *(mark for mark, shown in zip(marks, many[1:], strict=True) if shown and mark)])
        setting = ", ".join(word for word, shown in zip(words, many[1:], strict=True) if shown)
        caption = " ".join(part for part in (named if many[0] else "", setting) if part) or named
        result.append(Variant(label, caption, group, changed, setting))
    return result


def varied_style(style: Style, options: TransferOptions) -> tuple[Code, TransferOptions]:
    """Return the code and the options of a variation; the first variation is the style itself.

    A later one leans towards some of the style's works where their codes are kept, has every number of the code a
    little off, other stroke noise and strokes up to a quarter wider or finer. Equal seeds give equal variations.

    Args:
        style: the style.
        options: `seed` and `variation` choose; a stroke size of None is for the caller to replace before.

    Returns:
        float32 (D,), and the options with seed and stroke size of the variation.
    """
    if options.variation == 1:
        return style.code, options
    generator = np.random.default_rng([options.seed, options.variation])
    code = np.asarray(style.code, np.float64)
    code = code * (1 + CODE_JITTER * generator.uniform(-1, 1, code.shape))
    if style.codes is not None and len(style.codes) > 1:
        shares = generator.dirichlet(np.full(len(style.codes), 0.5))
        code = code + WORK_SHARE * (shares @ np.asarray(style.codes, np.float64) - style.code)
    size = (options.stroke_size or 1.0) * 2 ** generator.uniform(-STROKE_JITTER, STROKE_JITTER)
    seed = options.seed + _SEED_STEP * (options.variation - 1)
    return code.astype(np.float32), replace(options, seed=seed, stroke_size=float(np.clip(size, 0.5, 4.0)))
