"""Previews show the instant style above the best one, and only when that is new."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from tiny_painter import Painter, gradient

from ganstyle.style.previews import Previews
from ganstyle.style.refining import Stage


def test_a_preview_is_written_for_every_better_code(painter: Painter, tmp_path: Path) -> None:
    photos = []
    for index, size in enumerate([(120, 80), (80, 120), (900, 600), (50, 50)]):
        photos.append(tmp_path / f"{index}.png")
        gradient(*size).save(photos[-1])
    bright, dark = (np.array([-2.0] * 3 + [mean] * 3, np.float32) for mean in (0.5, -0.5))
    previews = Previews(tmp_path / "looks", "mine", base=painter.base, code=bright, photos=photos)
    for steps, checked, code in ((1, False, dark), (2, True, bright), (3, True, dark), (4, True, dark)):
        previews.show(Stage(steps, 0.1 * steps, 1.0, 0.9, checked, code))
    assert [path.name for path in previews.written] == ["mine-00003.png"]
    page = Image.open(previews.written[0])
    assert 3 * 384 < page.width < 4 * 384 and 2 * 256 < page.height < 3 * 256  # three columns, two rows
    pixels = np.asarray(page.convert("L")).astype(int)
    half = page.height // 2
    top, bottom = (np.median(rows[rows < 240]) for rows in (pixels[:half], pixels[half:]))
    assert top > bottom + 80


def test_the_embedded_photographs_are_the_default(painter: Painter, tmp_path: Path) -> None:
    code = np.zeros(6, np.float32)
    previews = Previews(tmp_path, "mine", base=painter.base, code=code)
    previews.show(Stage(5, 1.0, 1.0, 0.5, True, code + 1))
    assert Image.open(tmp_path / "mine-00005.png").width > 3 * 200
