"""One page to choose from: a photograph painted in many ways, or the styles' own pictures. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PIL import Image

from ganstyle.data.reading import Picture
from ganstyle.data.writing import contact_sheet
from ganstyle.style.bank import Style
from ganstyle.style.base import BaseModel
from ganstyle.style.regions import Regions
from ganstyle.style.transfer import Brush, apply_styles
from ganstyle.style.variants import Variant

CELL = 384  # long side of a photograph on a sheet, in pixels
THUMBNAIL = 160
MAX_COLUMNS = 6


def photo_sheet(
    photo: Picture,
    variants: Sequence[Variant],
    *,
    base: BaseModel,
    regions: Regions | None = None,
    brush: Brush | None = None,
) -> Image.Image:
    """Return the photograph and its paintings, labelled.

    Args:
        photo: any size; shown at 384 pixels unless the options' `max_size` says another size.
        variants: one cell each.
        base: the base model.
        regions: of a mask; None is one style everywhere.
        brush: paints instead of the base model.
    """
    # Strength 0 is the photograph itself, with the same size and matte as its paintings.
    plain = replace(variants[0].options, strength=0.0, max_size=variants[0].options.max_size or CELL)
    paintings = [apply_styles(photo, variants[0].styles[:1], base=base, options=plain)]
    for variant in variants:
        options = replace(variant.options, max_size=variant.options.max_size or CELL)
        paintings.append(apply_styles(photo, variant.styles, base=base, regions=regions, options=options, brush=brush))
    cells = [Image.fromarray(painting.rgb) for painting in paintings]
    if settings := _table(variants):
        return _table_page(cells, variants, settings)
    return _page(cells, ["photograph", *(variant.caption for variant in variants)])


def _table(variants: Sequence[Variant]) -> list[str]:
    """Return the settings, if they are the columns of a table whose rows are styles; else nothing."""
    settings = list(dict.fromkeys(variant.setting for variant in variants))
    rows = len(variants) // len(settings)
    return settings if rows > 1 and 1 < len(settings) < MAX_COLUMNS else []


def _table_page(cells: Sequence[Image.Image], variants: Sequence[Variant], settings: Sequence[str]) -> Image.Image:
    """Return a row for each style, which begins with the photograph."""
    count, photo, paintings = len(settings), cells[0], cells[1:]
    rows = [(photo, *paintings[start : start + count]) for start in range(0, len(paintings), count)]
    return contact_sheet(
        [cell for row in rows for cell in row],
        columns=count + 1,
        labels=["photograph", *settings],
        row_labels=[variant.named for variant in variants[::count]],
    )


def thumbnail_sheet(styles: Sequence[Style]) -> Image.Image:
    """Return the thumbnails of styles, labelled, all of one size; a style without one is a grey cell."""
    cells = [style.picture() or Image.new("RGB", (THUMBNAIL, THUMBNAIL), (128, 128, 128)) for style in styles]
    return _page([_fitted(cell, THUMBNAIL) for cell in cells], [style.name for style in styles])


def _fitted(picture: Image.Image, side: int) -> Image.Image:
    """Return the picture with that long side, larger or smaller."""
    scale = side / max(picture.size)
    return picture.resize(
        (max(1, round(picture.width * scale)), max(1, round(picture.height * scale))), Image.Resampling.LANCZOS
    )


def _page(cells: Sequence[Image.Image], labels: Sequence[str]) -> Image.Image:
    columns = min(MAX_COLUMNS, max(1, round(len(cells) ** 0.5 + 0.49)))
    return contact_sheet(cells, columns=columns, labels=list(labels))
