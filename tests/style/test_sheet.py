"""Pages to choose from: as many cells as there are ways to paint."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from tiny_painter import Painter, gradient

from ganstyle.style.bank import Style, StyleBank
from ganstyle.style.regions import read_regions
from ganstyle.style.sheet import CELL, photo_sheet, thumbnail_sheet
from ganstyle.style.transfer import TransferOptions, picture_of
from ganstyle.style.variants import variants_of


def sunset() -> Style:
    return StyleBank().load("sunset")


def cells_of(page: Image.Image, color: tuple[int, int, int], tolerance: int = 40) -> float:
    """Return the share of the page that has about this colour."""
    near = np.abs(np.asarray(page.convert("RGB"), dtype=int) - color).max(-1) < tolerance
    return float(near.mean())


def test_a_sheet_of_strengths_goes_from_the_photograph_to_the_style(painter: Painter) -> None:
    few = photo_sheet(picture_of(gradient()), variants(strengths=[0.0, 0.5, 1.0]), base=painter.base)
    none = photo_sheet(picture_of(gradient()), variants(strengths=[0.0]), base=painter.base)
    assert cells_of(few, (200, 90, 40)) > 0.05
    assert cells_of(none, (200, 90, 40)) < 0.02


def variants(**lists: object):
    return variants_of([(sunset(),)], options=TransferOptions(), **lists)


def test_a_page_has_a_place_for_the_photograph_and_each_variant(painter: Painter) -> None:
    two = photo_sheet(picture_of(gradient()), variants(), base=painter.base)
    four = photo_sheet(picture_of(gradient()), variants(variations=3), base=painter.base)
    assert two.width == four.width  # two columns
    assert four.height > two.height + 80


def test_styles_by_settings_are_a_table_with_a_row_for_each_style(painter: Painter) -> None:
    groups = [(sunset(),), (StyleBank().load("night"),)]

    def page(**lists: object) -> Image.Image:
        made = variants_of(groups, options=TransferOptions(), **lists)
        return photo_sheet(picture_of(gradient()), made, base=painter.base)

    table, flow = page(strengths=[0.2, 0.6, 1]), page(strengths=[0.1 * step for step in range(1, 7)])
    assert table.width > 4 * 120 and table.height < 3 * (80 + 30)  # two rows of photograph and three paintings
    assert flow.height > 3 * 80  # more than fit beside each other
    pixels = np.asarray(table).astype(int)
    half = table.height // 2
    red, blue = (half_of[:, -200:].reshape(-1, 3).mean(0) for half_of in (pixels[:half], pixels[half:]))
    assert red[0] > blue[0] + 40 and blue[2] > red[2] + 10


def test_large_photographs_are_shown_small_unless_a_size_is_asked(painter: Painter) -> None:
    large = picture_of(gradient(900, 600))
    small = photo_sheet(large, variants(), base=painter.base)
    asked = variants_of([(sunset(),)], options=TransferOptions(max_size=600))
    assert 2 * CELL < small.width < 2.5 * CELL
    assert photo_sheet(large, asked, base=painter.base).width > 1200


def test_masks_hold_on_sheets(painter: Painter) -> None:
    black = read_regions(picture_of(Image.new("L", (120, 80), 0)), styles=1)
    page = photo_sheet(picture_of(gradient()), variants(), base=painter.base, regions=black)
    assert cells_of(page, (200, 90, 40)) < 0.02


def test_a_style_without_thumbnail_is_a_grey_cell(painter: Painter) -> None:
    page = thumbnail_sheet([sunset(), replace(sunset(), thumbnail=b"")])
    assert cells_of(page, (128, 128, 128), 2) > 0.1


def test_thumbnails_large_and_small_are_shown_alike(painter: Painter) -> None:
    def thumbnail(side: int) -> bytes:
        stream = io.BytesIO()
        Image.new("RGB", (side, side // 2), (200, 20, 20)).save(stream, "JPEG")
        return stream.getvalue()

    pages = [thumbnail_sheet([replace(sunset(), thumbnail=thumbnail(side))]) for side in (64, 192)]
    assert pages[0].size == pages[1].size
    shares = [cells_of(page, (200, 20, 20)) for page in pages]
    assert 0.2 < shares[0] == pytest.approx(shares[1], abs=0.02)
