"""One page to choose from: a photograph in many styles, or the styles' own pictures. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PIL import Image

from ganstyle.data.reading import Picture
from ganstyle.data.writing import contact_sheet
from ganstyle.style.bank import Style
from ganstyle.style.base import BaseModel
from ganstyle.style.transfer import TransferOptions, apply_style

CELL = 384  # long side of a photograph on a sheet, in pixels
MAX_COLUMNS = 6


def photo_sheet(
    photo: Picture,
    styles: Sequence[Style],
    *,
    base: BaseModel,
    options: TransferOptions,
) -> Image.Image:
    """Return the photograph and its paintings in all styles, labelled.

    Args:
        photo: any size; shown at 384 pixels unless `options.max_size` says another size.
        styles: one cell each.
        base: the base model.
        options: how it is painted.
    """
    options = replace(options, max_size=options.max_size or CELL)
    # Strength 0 is the photograph itself, with the same size and matte as its paintings.
    paintings = [apply_style(photo, styles[0], base=base, options=replace(options, strength=0.0))]
    paintings += [apply_style(photo, style, base=base, options=options) for style in styles]
    return _page(
        [Image.fromarray(painting.rgb) for painting in paintings], ["photograph", *(style.name for style in styles)]
    )


def thumbnail_sheet(styles: Sequence[Style]) -> Image.Image:
    """Return the thumbnails of styles, labelled; a style without one is a grey cell."""
    cells = [style.picture() or Image.new("RGB", (96, 96), (128, 128, 128)) for style in styles]
    return _page(cells, [style.name for style in styles])


def _page(cells: Sequence[Image.Image], labels: Sequence[str]) -> Image.Image:
    columns = min(MAX_COLUMNS, max(1, round(len(cells) ** 0.5 + 0.49)))
    return contact_sheet(cells, columns=columns, labels=list(labels))
