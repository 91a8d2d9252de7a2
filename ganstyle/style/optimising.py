"""The slow way to paint: by gradient descent on the photograph's pixels, where the base model offers it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ganstyle.api import suggest
from ganstyle.errors import InputError, UsageError
from ganstyle.registry import default_registry
from ganstyle.style.bank import Style, StyleBank
from ganstyle.style.base import BaseModel
from ganstyle.style.painters import Pixels, planes
from ganstyle.style.strokes import paint_at

if TYPE_CHECKING:
    from ganstyle.api import BackboneLike
    from ganstyle.style.transfer import Brush, TransferOptions

METHODS = ("fast", "optimise")
ALIASES = {"gatys": "optimise"}
DEFAULT_STEPS = 150
MOST_STEPS = 20_000
LEAST_SIDE = 32
WITH = "--method optimise --backbone vgg19"
Works = Sequence[Pixels]


@dataclass(frozen=True)
class Method:
    """How pictures are painted.

    Attributes:
        name: one of `METHODS`, or an alias.
        steps: of the descent, for each picture.
        backbone: what pictures are compared by, as `ganstyle backbone list` says; None leaves that to the base model.
        download: fetch the backbone's weights where they are missing.
    """

    name: str = "fast"
    steps: int = DEFAULT_STEPS
    backbone: str | None = None
    download: bool = False

    def checked(self) -> Method:
        """Return the method by its own name; nothing heavy is imported.

        Raises:
            UsageError: there is no such method or backbone, a number of steps out of range, or a backbone for a method
                that has none.
        """
        name = ALIASES.get(self.name, self.name)
        if name not in METHODS:
            known = [*METHODS, *ALIASES]
            raise UsageError(f"unknown method {self.name!r}; {suggest(self.name, known)}", where="option --method")
        if not 1 <= self.steps <= MOST_STEPS:
            raise UsageError(f"{self.steps} steps are not between 1 and {MOST_STEPS}", where="option --steps")
        if (name == "fast" and self.backbone) or (self.download and not self.backbone):
            option = "--download" if self.download else "--backbone"
            raise UsageError(f"{option} needs pixels that are optimised with a backbone", where=option, hint=WITH)
        if self.backbone:
            default_registry().get("backbone", self.backbone)
        return replace(self, name=name)

    @property
    def record(self) -> str:
        """What pictures say of how they were made."""
        return (
            self.name if self.name == "fast" else " ".join([self.name, str(self.steps), *filter(None, [self.backbone])])
        )

    def build(self) -> BackboneLike | None:
        """Return the backbone, or None where none was named.

        Raises:
            EnvironmentProblem: its weights are missing.
            UsageError: it is to be downloaded and never is.
        """
        if self.backbone is None:
            return None
        return default_registry().build("backbone", self.backbone, {"download": True} if self.download else {})


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
    backbone: BackboneLike | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Brush:
    """Return what paints by optimisation.

    Args:
        base: whose network is optimised with.
        works: for the name of each style.
        steps: of the descent, for each picture.
        backbone: what the pictures are compared by; None leaves that to the base model.
        progress: called with (steps done, steps).

    Raises:
        UsageError: the base model can't.
    """
    chosen = {} if backbone is None else {"backbone": backbone}
    optimise = getattr(base.stylizer, "optimise", None)
    if optimise is None:
        raise UsageError(
            f"base model {base.name} can't optimise", where="option --method", hint="leave out --method, or --model"
        )

    def brush(original: Pixels, style: Style, options: TransferOptions) -> Pixels:
        import torch

        pictures = [planes(work) for work in works[style.name]]
        how = {"steps": steps, "seed": options.seed, "strength": options.strength, "progress": progress} | chosen

        def paint(pixels: Pixels) -> Pixels:
            if min(pixels.shape[:2]) < LEAST_SIDE:
                raise InputError(f"a side of {min(pixels.shape[:2])} pixels is too short to optimise; {LEAST_SIDE} do")
            with torch.enable_grad():
                painted = optimise(planes(pixels), pictures, **how)
            return np.ascontiguousarray(painted.cpu().numpy().transpose(1, 2, 0))

        return paint_at(paint, original, stroke_size=options.stroke_size or 1.0)

    return brush
