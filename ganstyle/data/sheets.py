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
    width: int
    heights: tuple[int, ...]
    gap: int
    margin: int
    text: int
    top: int
    left: int
    under: int

    def place(self, index: int) -> tuple[int, int, int]:
        """Return left, top and height of a picture's place."""
        row, column = divmod(index, self.columns)
        x = self.margin + self.left + column * (self.width + self.gap)
        above = sum(self.heights[:row]) + row * (self.under + self.gap)
        return x, self.margin + self.top + above, self.heights[row]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the page."""
        x, y, height = self.place(self.columns * len(self.heights) - 1)
        return x + self.width + self.margin, y + height + self.under + self.margin


def contact_sheet(
    images: Sequence[Tensor | Image.Image],
    *,
    columns: int,
    labels: Sequence[str] | None = None,
    row_labels: Sequence[str] | None = None,
    zoom: int = 1,
) -> Image.Image:
    """Lay pictures out in rows on a light page.

    Args:
        images: uint8 (3, H, W), or pictures; smaller ones are centred in the place of the widest, tallest of their row.
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
        x, y, height = layout.place(index)
        page.paste(picture, (x + (layout.width - picture.width) // 2, y + (height - picture.height) // 2))
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
    width = max(picture.width for picture in pictures)
    heights = tuple(max(p.height for p in pictures[row * columns : (row + 1) * columns]) for row in range(rows))
    text = min(26, max(11, width // 13))
    gap = max(4, width // 24)
    line = text + text // 2 + 2
    under = line if labels and len(labels) == len(pictures) else 0
    top = line if labels and not under else 0
    left = _row_label_width(row_labels, text) if row_labels else 0
    return _Layout(columns, width, heights, gap, 3 * gap, text, top, left, under)


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
    for index, label in enumerate(labels):
        x, y, height = layout.place(index)
        y = y + height + layout.text // 3 if layout.under else layout.margin
        draw.text((x + layout.width // 2, y), _fitted(label, font, layout.width), INK, font, anchor="ma")
    for row, label in enumerate(row_labels):
        _, y, height = layout.place(row * layout.columns)
        y += height // 2
        text = _fitted(label, font, layout.left - layout.text)
        draw.text((layout.margin + layout.left - layout.text, y), text, INK, font, anchor="rm")


def _fitted(label: str, font: Any, width: int) -> str:
    text = " ".join(label.split())
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"
