"""Contact sheets show every picture, unchanged, in order."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ganstyle.data.sheets import PAPER, contact_sheet
from ganstyle.errors import UsageError


def plain(red, height=40, width=60):
    image = torch.zeros(3, height, width, dtype=torch.uint8)
    image[0] = red
    return image


def places(sheet, levels):
    """Return the box (top, left, bottom, right) of each red level on the page."""
    page = np.asarray(sheet)
    found = []
    for level in levels:
        rows, columns = np.nonzero((page == (level, 0, 0)).all(axis=2))
        found.append((rows.min(), columns.min(), rows.max() + 1, columns.max() + 1))
    return found


def test_pictures_keep_their_pixels_and_their_order():
    levels = [50, 100, 150, 200, 250]
    boxes = places(contact_sheet([plain(level) for level in levels], columns=3), levels)
    assert all((bottom - top, right - left) == (40, 60) for top, left, bottom, right in boxes)
    assert boxes[0][0] == boxes[1][0] == boxes[2][0] < boxes[3][0] == boxes[4][0]
    assert boxes[0][1] == boxes[3][1] < boxes[1][1] == boxes[4][1] < boxes[2][1]


def test_pictures_never_touch_each_other_or_the_edge():
    sheet = contact_sheet([plain(50), plain(100)], columns=2)
    (top, left, bottom, right), (_, next_left, _, end) = places(sheet, [50, 100])
    assert min(top, left, sheet.height - bottom, sheet.width - end, next_left - right) >= 4
    assert sheet.getpixel((0, 0)) == PAPER


def test_a_row_is_as_high_as_its_highest_picture():
    flat = [plain(50, height=20), plain(100, height=20), plain(150), plain(200)]
    boxes = places(contact_sheet(flat, columns=2), [50, 100, 150, 200])
    assert boxes[2][0] - boxes[0][2] < 20


@pytest.mark.parametrize(
    ("labels", "row_labels"), [(["a", "b", "c", "d"], None), (["a", "b"], None), (None, ["x", "y"])]
)
def test_labels_put_ink_on_the_page_and_not_on_the_pictures(labels, row_labels):
    pictures = [plain(level) for level in (50, 100, 150, 200)]
    sheet = contact_sheet(pictures, columns=2, labels=labels, row_labels=row_labels)
    page = np.asarray(sheet).astype(int)
    dark = (page.max(axis=2) < 120) & (page.min(axis=2) > 40)
    assert dark.sum() > 10
    assert len(places(sheet, [50, 100, 150, 200])) == 4


def test_a_long_label_is_cut_to_the_width_of_its_picture():
    page = np.asarray(contact_sheet([plain(50)], columns=1, labels=["a very long label " * 20])).astype(int)
    _, left, bottom, right = places(contact_sheet([plain(50)], columns=1, labels=["x"]), [50])[0]
    outside = np.concatenate([page[bottom:, :left], page[bottom:, right:]], axis=1)
    assert (outside == PAPER).all()


def test_zoom_repeats_pixels():
    boxes = places(contact_sheet([plain(50, 5, 4)], columns=1, zoom=3), [50])
    assert (boxes[0][2] - boxes[0][0], boxes[0][3] - boxes[0][1]) == (15, 12)


@pytest.mark.parametrize(
    "arguments", [{"images": []}, {"labels": ["a"] * 3}, {"row_labels": ["a"] * 3}, {"columns": 0}]
)
def test_what_does_not_fit_is_refused(arguments):
    with pytest.raises(UsageError):
        contact_sheet(**{"images": [plain(1)] * 4, "columns": 2} | arguments)
