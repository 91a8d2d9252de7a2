"""Contact sheets: many pictures on one page, with readable labels. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ganstyle.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

PAPER = (250, 249, 246)
INK = (58, 56, 54)


@dataclass(frozen=True)
class _Layout:
    """Sizes in pixels."""

    columns: int
    rows: int
    cell: tuple[int, int]
    gap: int
    margin: int
    text: int
    top: int
    left: int
    under: int

    def corner(self, index: int) -> tuple[int, int]:
        """Return the upper left corner of a cell."""
        row, column = divmod(index, self.columns)
        x = self.margin + self.left + column * (self.cell[0] + self.gap)
        return x, self.margin + self.top + row * (self.cell[1] + self.under + self.gap)

    @property
    def size(self) -> tuple[int, int]:
        x, y = self.corner(self.columns * self.rows - 1)
        return x + self.cell[0] + self.margin, y + self.cell[1] + self.under + self.margin


def contact_sheet(
    images: Sequence[Tensor],
    *,
    columns: int,
    labels: Sequence[str] | None = None,
    row_labels: Sequence[str] | None = None,
    zoom: int = 1,
) -> Image.Image:
    """Lay pictures out in rows on a light page.

    Args:
        images: uint8 (3, H, W) each; smaller ones are centred in the largest one's place.
        columns: pictures per row.
        labels: one per picture, set below it; or one per column, set on top.
        row_labels: one per row, set on the left.
        zoom: whole number by which small pictures are enlarged, without smoothing.

    Raises:
        UsageError: no picture, or a number of labels that fits neither pictures, columns nor rows.
    """
    pictures = [_picture(image, zoom) for image in images]
    if not pictures or columns < 1:
        raise UsageError(f"a contact sheet of {len(pictures)} pictures in {columns} columns is empty")
    layout = _layout(pictures, min(columns, len(pictures)), labels, row_labels)
    page = Image.new("RGB", layout.size, PAPER)
    draw = ImageDraw.Draw(page)
    for index, picture in enumerate(pictures):
        x, y = layout.corner(index)
        page.paste(picture, (x + (layout.cell[0] - picture.width) // 2, y + (layout.cell[1] - picture.height) // 2))
    _write_labels(draw, layout, labels or (), row_labels or ())
    return page


def _picture(image: Any, zoom: int) -> Image.Image:
    if isinstance(image, Image.Image):
        picture = image.convert("RGB")
    else:
        array = np.asarray(image.cpu() if hasattr(image, "cpu") else image)
        picture = Image.fromarray(np.ascontiguousarray(array.transpose(1, 2, 0)))
    return picture.resize((picture.width * zoom, picture.height * zoom), Image.Resampling.NEAREST)


def _layout(
    pictures: Sequence[Image.Image], columns: int, labels: Sequence[str] | None, row_labels: Sequence[str] | None
) -> _Layout:
    rows = -(-len(pictures) // columns)
    _check_counts(len(pictures), columns, rows, labels, row_labels)
    cell = (max(picture.width for picture in pictures), max(picture.height for picture in pictures))
    text = min(26, max(11, cell[0] // 13))
    gap = max(4, cell[0] // 24)
    line = text + text // 2 + 2
    under = line if labels and len(labels) == len(pictures) else 0
    top = line if labels and not under else 0
    left = _row_label_width(row_labels, text) if row_labels else 0
    return _Layout(columns, rows, cell, gap, 3 * gap, text, top, left, under)


def _row_label_width(row_labels: Sequence[str], text: int) -> int:
    widest = max(ImageFont.load_default(text).getlength(label) for label in row_labels)
    return min(int(widest), 14 * text) + text


def _check_counts(
    pictures: int, columns: int, rows: int, labels: Sequence[str] | None, row_labels: Sequence[str] | None
) -> None:
    if labels and len(labels) not in (pictures, columns):
        raise UsageError(f"{len(labels)} labels fit neither {pictures} pictures nor {columns} columns")
    if row_labels and len(row_labels) != rows:
        raise UsageError(f"{len(row_labels)} row labels do not fit {rows} rows")


def _write_labels(draw: ImageDraw.ImageDraw, layout: _Layout, labels: Sequence[str], row_labels: Sequence[str]) -> None:
    font = ImageFont.load_default(layout.text)
    width, height = layout.cell
    for index, label in enumerate(labels):
        x, y = layout.corner(index)
        y = y + height + layout.text // 3 if layout.under else layout.margin
        draw.text((x + width // 2, y), _fitted(label, font, width), INK, font, anchor="ma")
    for row, label in enumerate(row_labels):
        y = layout.corner(row * layout.columns)[1] + height // 2
        text = _fitted(label, font, layout.left - layout.text)
        draw.text((layout.margin + layout.left - layout.text, y), text, INK, font, anchor="rm")


def _fitted(label: str, font: Any, width: int) -> str:
    text = " ".join(label.split())
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"
