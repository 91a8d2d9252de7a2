"""A style made for another base model: its own small pictures are encoded again."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from ganstyle.data.reading import open_picture
from ganstyle.errors import InputError
from ganstyle.style.bank import Style, check_base
from ganstyle.style.base import BaseModel

if TYPE_CHECKING:
    from ganstyle.style.learning import Works

MAX_SAMPLE_PIXELS = 1 << 21

Warn = Callable[[str], object]


def is_for(style: Style, base: BaseModel) -> bool:
    """Return whether a style was made for this base model."""
    return style.card.base_sha256 == base.sha256 and len(style.code) == (base.code_length or len(style.code))


def suited(style: Style, base: BaseModel, *, warn: Warn = warnings.warn, keep: str | None = None) -> Style:
    """Return the style if it was made for this base model, else the same style encoded again, with a warning.

    Args:
        style: of any base model.
        base: what shall paint.
        warn: told in one sentence that the style was encoded again, and from what.
        keep: the command that keeps what was encoded again; empty if the caller does. Default: renews a stored style.

    Raises:
        ModelError: it was made for another base model and carries no picture that can be used.
    """
    if is_for(style, base):
        return style
    pictures, kind = pictures_of(style)
    if not pictures:
        return check_base(style, base)  # raises, and says how to make the style again
    warn(
        f"style {style.name!r} was made for base model {style.card.base_sha256[:8]}, this one is {base.sha256[:8]}: "
        f"encoded again from its {kind}{_lost(style, keep)}"
    )
    return encoded_again(style, pictures, base)


def _lost(style: Style, keep: str | None) -> str:
    renew = f"ganstyle style renew {style.name}"
    command = renew if keep is None else keep
    if style.card.fit_steps:
        again = command if keep else f"{renew} --time 10m"
        return f"; its {style.card.fit_steps} steps of refinement are lost: {again}"
    return f"; keep that: {command}" if command else ""


def pictures_of(style: Style) -> tuple[list[bytes], str]:
    """Return the pictures that a style carries, JPEGs, and what to call them: its works, else its thumbnail.

    Damaged ones are left out.
    """
    works = [data for data in style.samples if _is_picture(data)]
    if works:
        return works, f"{len(works)} small pictures" if len(works) > 1 else "small picture"
    thumbnail = [data for data in (style.thumbnail,) if data and _is_picture(data)]
    return thumbnail, "thumbnail"


def _is_picture(data: bytes) -> bool:
    try:
        open_picture(io.BytesIO(data), max_pixels=MAX_SAMPLE_PIXELS, name="sample")
    except InputError:
        return False
    return True


def works_of(pictures: list[bytes]) -> Works:
    """Return the pictures that a style carries as works to refine on; JPEGs that `pictures_of` has checked."""
    from ganstyle.style.learning import Works

    opened = (open_picture(io.BytesIO(data), max_pixels=MAX_SAMPLE_PIXELS, name="sample") for data in pictures)
    return Works([picture.rgb for picture in opened])


def encoded_again(style: Style, pictures: list[bytes], base: BaseModel) -> Style:
    """Return the style with a code of another base model, from pictures that it carries.

    Args:
        style: whose name, provenance and pictures are kept; scores, adapter and codes of single works are not.
        pictures: JPEGs, at least one.
        base: encodes.
    """
    from ganstyle.style.learning import encode, mean_code

    code = mean_code([encode(base, image) for image in works_of(pictures).images])
    unfitted = {"fit_steps": 0, "fit_seconds": 0.0, "fit_loss": "", "instant_score": 0.0, "refined_score": 0.0}
    card = replace(style.card, base_name=base.name, base_sha256=base.sha256, **unfitted)  # type: ignore[arg-type]
    return replace(style, card=card, code=code, codes=None, adapter=None)
