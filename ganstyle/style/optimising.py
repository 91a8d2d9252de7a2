"""The slow way to paint: by gradient descent on the photograph's pixels, where the base model offers it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ganstyle.api import suggest
from ganstyle.errors import InputError, UsageError
from ganstyle.style.bank import Style, StyleBank
from ganstyle.style.base import BaseModel
from ganstyle.style.painters import Pixels, planes
from ganstyle.style.strokes import paint_at

if TYPE_CHECKING:
    from ganstyle.style.transfer import Brush, TransferOptions

METHODS = ("fast", "optimise")
ALIASES = {"gatys": "optimise"}
DEFAULT_STEPS = 150
MOST_STEPS = 20_000
LEAST_SIDE = 32
Works = Sequence[Pixels]


def check_method(method: str, steps: int) -> str:
    """Return the method by its own name.

    Raises:
        UsageError: there is none of that name, or a number of steps out of range.
    """
    name = ALIASES.get(method, method)
    if name not in METHODS:
        known = [*METHODS, *ALIASES]
        raise UsageError(f"unknown method {method!r}; {suggest(method, known)}", where="option --method")
    if not 1 <= steps <= MOST_STEPS:
        raise UsageError(f"{steps} steps are not between 1 and {MOST_STEPS}", where="option --steps")
    return name


def works_of(wanted: str, style: Style, *, bank: StyleBank) -> list[Pixels]:
    """Return the pictures that a style is optimised towards.

    Args:
        wanted: what was asked for: a picture, a folder, a style file or a name.
        style: what it led to; a stored style has small pictures of its works, or at least its thumbnail.
        bank: knows the names.

    Returns:
        uint8 (h, w, 3) each.

    Raises:
        UsageError: the style has no picture, or is a mixture.
        NoInputError: the pictures can't be used.
    """
    from ganstyle.style.learning import read_works

    if wanted not in bank.names() and Path(wanted).exists() and not wanted.endswith(".safetensors"):
        return read_works(wanted).images
    pictures = [_decoded(data) for data in style.samples or ([style.thumbnail] if style.thumbnail else [])]
    pictures = [picture for picture in pictures if min(picture.shape[:2]) >= LEAST_SIDE]
    if not pictures or (" + " in style.card.title and not style.samples):  # a mixture has but strips
        raise UsageError(
            f"style {style.name} has no picture of a work to optimise towards",
            where="option --method",
            hint="--method optimise --style painting.jpg",
        )
    return pictures


def _decoded(data: bytes) -> Pixels:
    import io

    from ganstyle.data.reading import open_picture

    return open_picture(io.BytesIO(data), max_pixels=1 << 22, name="the style's picture").rgb


def optimising_brush(
    base: BaseModel,
    works: Mapping[str, Works],
    *,
    steps: int = DEFAULT_STEPS,
    progress: Callable[[int, int], None] | None = None,
) -> Brush:
    """Return what paints by optimisation.

    Args:
        base: whose network is optimised with.
        works: for the name of each style.
        steps: of the descent, for each picture.
        progress: called with (steps done, steps).

    Raises:
        UsageError: the base model can't.
    """
    optimise = getattr(base.stylizer, "optimise", None)
    if optimise is None:
        raise UsageError(
            f"base model {base.name} can't optimise", where="option --method", hint="leave out --method, or --model"
        )

    def brush(original: Pixels, style: Style, options: TransferOptions) -> Pixels:
        import torch

        pictures = [planes(work) for work in works[style.name]]
        how = {"steps": steps, "seed": options.seed, "strength": options.strength, "progress": progress}

        def paint(pixels: Pixels) -> Pixels:
            if min(pixels.shape[:2]) < LEAST_SIDE:
                raise InputError(f"a side of {min(pixels.shape[:2])} pixels is too short to optimise; {LEAST_SIDE} do")
            with torch.enable_grad():
                painted = optimise(planes(pixels), pictures, **how)
            return np.ascontiguousarray(painted.cpu().numpy().transpose(1, 2, 0))

        return paint_at(paint, original, stroke_size=options.stroke_size or 1.0)

    return brush
