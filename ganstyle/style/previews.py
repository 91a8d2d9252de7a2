"""Previews of a style that is being refined: the same photographs, painted as it was at first and as it is now."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ganstyle.data.reading import open_picture
from ganstyle.data.writing import contact_sheet, save_image
from ganstyle.style.base import BaseModel
from ganstyle.style.painters import Code, Pixels
from ganstyle.style.refining import Stage
from ganstyle.style.tiling import paint

PREVIEWED = 3
PREVIEW_SIZE = (384, 288)


class Previews:
    """Writes `NAME-STEPS.png` whenever a better code is found: above the instant style, below the best so far.

    Args:
        folder: made if need be.
        name: of the style.
        base: paints.
        code: float32 (D,), the instant style.
        photos: files; the first three are painted. Default: the embedded photographs.
    """

    def __init__(
        self, folder: Path, name: str, *, base: BaseModel, code: Code, photos: Sequence[Path] | None = None
    ) -> None:
        if photos is None:
            from ganstyle.data.embedded import embedded_pictures

            photos = embedded_pictures("photos")
        self.folder, self.name, self.base, self.written = folder, name, base, list[Path]()
        self._photos = [_fitted(open_picture(photo).rgb) for photo in photos[:PREVIEWED]]
        self._first = self._row(code)
        self._shown = code

    def show(self, stage: Stage) -> None:
        """Write a preview if the best code has changed since the last one."""
        if not stage.checked or np.array_equal(stage.code, self._shown):
            return
        self._shown = stage.code
        sheet = contact_sheet(
            [*self._first, *self._row(stage.code)],
            columns=len(self._first),
            row_labels=["instant", f"{stage.steps} step{'s' if stage.steps != 1 else ''}"],
        )
        path = self.folder / f"{self.name}-{stage.steps:05}.png"
        self.written.append(save_image(sheet, path, overwrite=True, source_type=None))

    def _row(self, code: Code) -> list[Image.Image]:
        return [Image.fromarray(paint(self.base, photo, code)) for photo in self._photos]


def _fitted(photo: Pixels) -> Pixels:
    picture = Image.fromarray(photo)
    picture.thumbnail(PREVIEW_SIZE)
    return np.asarray(picture)
