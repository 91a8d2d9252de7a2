"""What users write after `--style`: a name, a mixture, a picture, a folder, a style file. Imports no torch."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ganstyle.data.names import shown
from ganstyle.errors import InputError, ModelError, UsageError
from ganstyle.style.bank import Style, StyleBank, read_style, unknown_style
from ganstyle.style.base import BaseModel
from ganstyle.style.blending import blend_codes, parse_blend
from ganstyle.style.card import StyleCard, name_from
from ganstyle.style.reencoding import Warn, suited

if TYPE_CHECKING:
    from PIL import Image

    from ganstyle.data.reading import ImageLike
    from ganstyle.style.learning import Watch

BLEND_SIZE = (192, 144)  # of a mixture's thumbnail, in pixels


def select_style(
    wanted: Style | ImageLike,
    *,
    bank: StyleBank,
    base: BaseModel,
    warn: Warn = warnings.warn,
    watch: Watch | None = None,
) -> Style:
    """Return the style that is meant.

    Args:
        wanted: a Style; a name of the bank; `name:weight,name:weight`; the path of a picture, a folder of pictures or
            a style file; a picture in memory. A name of the bank wins over a path; `./name` is a path.
        bank: knows the names.
        base: encodes pictures.
        warn: told when a style of another base model is encoded again.
        watch: told how far the pictures of a folder are read and encoded, see `read_works`.

    Raises:
        UsageError: no such name or path, or a mixture that can't be.
        ModelError: a style file that is damaged, or of another base model and without pictures.
        NoInputError: the picture or folder can't be used.
    """
    if isinstance(wanted, Style):
        return suited(wanted, base, warn=warn)
    if not isinstance(wanted, str | os.PathLike):
        from ganstyle.style.learning import make_style

        return make_style([wanted], name="picture", base=base)
    if isinstance(wanted, str) and not _is_single(wanted, bank):
        return blend(parse_blend(wanted), bank=bank, base=base, warn=warn, watch=watch)
    return _single(wanted, bank=bank, base=base, warn=warn, watch=watch)


def check_wanted(wanted: Style | ImageLike, bank: StyleBank) -> None:
    """Refuse names, paths and mixtures that can't be, before anything is loaded.

    Raises:
        UsageError: no such name or path, or a mixture that can't be.
    """
    if isinstance(wanted, str) and not _is_single(wanted, bank):
        for part, _ in parse_blend(wanted):
            _check_single(part, bank)
    elif isinstance(wanted, str | os.PathLike):
        _check_single(wanted, bank)


def _is_single(text: str, bank: StyleBank) -> bool:
    return text in bank.names() or Path(text).exists() or not ({",", ":"} & set(text))


def _check_single(wanted: str | os.PathLike[str], bank: StyleBank) -> None:
    text, path = os.fspath(wanted), Path(wanted)
    if not text:  # as a path it would be the working folder
        raise UsageError("a style without a name", where="option --style", hint="all styles: ganstyle style list")
    if text in bank.names() or path.exists():
        return
    if len(path.parts) > 1 or path.suffix:
        raise UsageError(f"no such file: {text!r}", where="option --style", hint="all styles: ganstyle style list")
    raise unknown_style(text, dict.fromkeys(bank.names()))


def _single(
    wanted: str | os.PathLike[str], *, bank: StyleBank, base: BaseModel, warn: Warn, watch: Watch | None = None
) -> Style:
    _check_single(wanted, bank)
    text, path = os.fspath(wanted), Path(wanted)
    if text in bank.names():
        return suited(bank.load(text), base, warn=warn)
    if path.suffix == ".safetensors" and not path.is_dir():
        return suited(read_style(path), base, warn=warn, keep=f"ganstyle style import {shown(path)}")
    from ganstyle.style.learning import read_works, style_of_works

    works = read_works(path, watch=watch)
    if works.skipped:
        what, why = works.skipped[0]
        told = why if why.startswith(what) else f"{what}: {why}"
        count = len(works.images) + len(works.skipped)
        warn(f"style {shown(path.name)}: {len(works.images)} of {count} pictures used; left out e.g. {told}")
    name = name_from(path.resolve().name if path.is_dir() else path.stem)
    return style_of_works(works, name=name, base=base, watch=watch)


def blend(
    parts: list[tuple[str, float]],
    *,
    bank: StyleBank,
    base: BaseModel,
    name: str = "",
    warn: Warn = warnings.warn,
    watch: Watch | None = None,
) -> Style:
    """Return the weighted mean of styles.

    Args:
        parts: (style as after `--style`, weight); weights sum to 1.
        bank: knows the names.
        base: encodes pictures.
        name: of the result; default made of the parts, e.g. `monet60-van_gogh40`.
        warn: see `select_style`.
        watch: likewise.
    """
    styles = [_single(text, bank=bank, base=base, warn=warn, watch=watch) for text, _ in parts]
    numbers = blend_codes([style.numbers for style in styles], [weight for _, weight in parts])
    default = name_from("-".join(f"{style.name}{weight * 100:.0f}" for style, (_, weight) in zip(styles, parts)))
    card = StyleCard(
        name or default,
        base.name,
        base.sha256,
        title=" + ".join(f"{weight:.2f} {style.name}" for style, (_, weight) in zip(styles, parts)),
        author=_joined(style.card.author for style in styles),
        licence=_joined(style.card.licence for style in styles),
        source=_joined(style.card.source for style in styles),
        works=sum(style.card.works for style in styles),
    )
    mixed = Style(card, styles[0].code, None, _beside_each_other(styles, [weight for _, weight in parts]))
    return mixed.with_numbers(numbers)


def _beside_each_other(styles: Sequence[Style], weights: Sequence[float]) -> bytes:
    """Return the thumbnail of a mixture, JPEG: a strip of each style's, as wide as its weight.

    Another base model, which has only this to encode the mixture from, then sees all of its parts.
    """
    from PIL import Image, ImageOps

    width, height = BLEND_SIZE
    page, left, reached = Image.new("RGB", BLEND_SIZE), 0, 0.0
    for picture, weight in _pictures(styles, weights):
        reached += weight
        strip = round(width * reached) - left
        if strip:
            page.paste(ImageOps.fit(picture, (strip, height)), (left, 0))
        left += strip
    stream = io.BytesIO()
    page.save(stream, "JPEG", quality=85)
    return stream.getvalue() if left else b""


def _pictures(styles: Sequence[Style], weights: Sequence[float]) -> list[tuple[Image.Image, float]]:
    """Return the thumbnails that can be used, with weights that sum to 1."""
    found = []
    for style, weight in zip(styles, weights, strict=True):
        try:
            picture = style.picture()
        except InputError:
            continue
        if picture is not None:
            found.append((picture, weight))
    whole = sum(weight for _, weight in found) or 1.0
    return [(picture, weight / whole) for picture, weight in found]


def _joined(texts: object) -> str:
    return "; ".join(dict.fromkeys(text for text in texts if text))[:2000]  # type: ignore[attr-defined]


def default_style(bank: StyleBank) -> str:
    """Return the style used when none is given: the default of a base model's plugin, else the first, that can be read.

    Raises:
        ModelError: there is none.
    """
    for entry in sorted(bank.entries(), key=lambda entry: entry.name not in bank.preferred):
        if not entry.error:
            return entry.name
    raise ModelError("no stored style is installed", where=str(bank.folder), hint="give one: --style painting.jpg")


def renamed(style: Style, name: str) -> Style:
    """Return the style under another name."""
    return replace(style, card=replace(style.card, name=name))
