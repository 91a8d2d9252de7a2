"""Write the README's picture, embedded photographs in stored styles: `python docs/make_grid.py`."""

from __future__ import annotations

from pathlib import Path

import ganstyle
from ganstyle.data.embedded import embedded_root
from ganstyle.data.reading import as_tensor
from ganstyle.data.sheets import contact_sheet
from ganstyle.data.writing import save_image

TARGET = Path(__file__).parent / "images" / "grid.jpg"
PHOTOS = ("kodim21.jpg", "kodim07.jpg", "kodim22.jpg")
STYLES = ("van_gogh", "hokusai", "monet", "marc", "modigliani")
WIDTH = 1560


def main() -> Path:
    """Paint each photograph in each style; the photograph stands first in its row."""
    cells = []
    for name in PHOTOS:
        photo = embedded_root() / "photos" / name
        cells += [as_tensor(photo), *(as_tensor(ganstyle.transfer(photo, style=style)) for style in STYLES)]
    sheet = contact_sheet(cells, columns=1 + len(STYLES), labels=["photograph", *STYLES])
    sheet.thumbnail((WIDTH, WIDTH))
    return save_image(sheet, TARGET, overwrite=True, quality=86)


if __name__ == "__main__":
    print(main())
