"""What refining does to a style: a work's instant style, refined by its code alone, and by code and adapter.

    python benchmarks/style_refining.py WORKS... --photos PHOTOS... --steps 150 --out docs/results/refining
    python benchmarks/style_refining.py ... --judge vgg16 --vgg16-weights FILE --vgg16-sha256 HASH

Every work makes a style of its own, on the embedded photographs, of which every fourth is held back from the gradient
steps. Styles are kept in OUT/styles and taken from there the next time. Writes OUT.jpg, a row for each work and
photograph, and OUT.md, a table of means: the held-out score that `ganstyle learn` tells, and with --judge Gram matrices
and moments relative to the work's at full size (`style`) and the layout's distance to the photograph's (`content`).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from style_judges import JUDGES, Judge, as_input, load_judge, look
from style_measures import by_judge

from ganstyle.data.reading import as_array
from ganstyle.data.writing import contact_sheet
from ganstyle.registry import default_registry
from ganstyle.style.bank import Style, read_style, write_style
from ganstyle.style.base import BaseModel, load_base
from ganstyle.style.learning import make_style, resized
from ganstyle.style.painters import Pixels
from ganstyle.style.refining import RefinePlan
from ganstyle.style.tiling import paint

WAYS = {"instant": None, "code": False, "code + adapter": True}  # way: with an adapter, None: not refined
CELL = 300  # pixels, the width of a painting on the sheet
WORK_SIDE = 512

Measures = dict[str, float]


def style_by(way: str, work: Path, *, base: BaseModel, steps: int, kept: Path) -> Style:
    """Return the style that one way makes of a work, from the file of an earlier run if there is one."""
    path = kept / f"{work.stem}-{way.replace(' ', '')}-{steps}.style.safetensors"
    if path.exists():
        return read_style(path)
    loss = default_registry().build("loss", "hinge", {})
    adapter = WAYS[way]
    plan = None if adapter is None else RefinePlan(steps, loss=loss, loss_name="hinge", adapter=adapter)
    kept.mkdir(parents=True, exist_ok=True)
    style = make_style([work], name="work", base=base, plan=plan, lean=True)
    return read_style(write_style(style, path))


def measured(judge: Judge, photos: Sequence[Pixels], work: Path, *, paintings: Sequence[Pixels]) -> Measures:
    """Return the means of `style` and `content` over a work's paintings, one of each photograph."""
    target = look(judge, as_input(resized(as_array(work), WORK_SIDE)), layout=False)
    found = [
        by_judge(judge, look(judge, as_input(photo)), target, painted=look(judge, as_input(painting)))
        for photo, painting in zip(photos, paintings, strict=True)
    ]
    return {name: float(np.mean([each[name] for each in found])) for name in ("style", "content")}


def held_out(way: str, styles: Mapping[str, Style]) -> float:
    """Return the held-out score of a way, lower is better; that of the instant style is on the refined one's card."""
    if WAYS[way] is None:
        return next(style.card.instant_score for style in styles.values() if style.card.fit_steps)
    return styles[way].card.refined_score


def table(rows: Mapping[tuple[str, str], Measures]) -> str:
    """Return a Markdown table of measures by (work, way), with a block of means over the works."""
    names = list(next(iter(rows.values())))
    ways = list(dict.fromkeys(way for _, way in rows))
    means = {
        ("mean", way): {name: float(np.mean([m[name] for (_, w), m in rows.items() if w == way])) for name in names}
        for way in ways
    }
    lines = [f"| work | style | {' | '.join(names)} |", "|---|---|" + "---|" * len(names)]
    for (work, way), measures in {**rows, **means}.items():
        lines.append(f"| {work} | {way} | {' | '.join(f'{measures[name]:.3f}' for name in names)} |")
    return "\n".join(lines) + "\n"


def cell(pixels: Pixels) -> Image.Image:
    """Return a picture of the sheet's width."""
    picture = Image.fromarray(pixels)
    return picture.resize((CELL, round(picture.height * CELL / picture.width)), Image.Resampling.LANCZOS)


def main() -> None:
    """Make the styles, the sheet and the table."""
    wish = wishes()
    base, judge = load_base(device="cpu"), judge_of(wish)
    photos = [as_array(photo) for photo in wish.photos]
    cells, labels, rows = [], [], {}
    for work in wish.works:
        begun = time.monotonic()
        styles = {way: style_by(way, work, base=base, steps=wish.steps, kept=wish.out / "styles") for way in WAYS}
        paintings = {way: [paint(base, photo, style.numbers) for photo in photos] for way, style in styles.items()}
        for index, photo in enumerate(photos):
            cells += [cell(photo), *(cell(each[index]) for each in paintings.values())]
            labels.append(work.stem.replace("_", " ")[:24])
        for way in WAYS:
            judgement = measured(judge, photos, work, paintings=paintings[way]) if judge else {}
            rows[work.stem, way] = {"held-out score": held_out(way, styles), **judgement}
        print(f"{work.stem}: {time.monotonic() - begun:.0f} s", flush=True)
    sheet = contact_sheet(cells, columns=len(WAYS) + 1, labels=["photograph", *WAYS], row_labels=labels)
    sheet.convert("RGB").save(wish.out.with_suffix(".jpg"), quality=82, optimize=True)
    wish.out.with_suffix(".md").write_text(table(rows), encoding="utf-8")


def wishes() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("works", nargs="+", type=Path)
    parser.add_argument("--photos", nargs="+", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--judge", choices=JUDGES)
    parser.add_argument("--vgg16-weights")
    parser.add_argument("--vgg16-sha256")
    return parser.parse_args()


def judge_of(wish: argparse.Namespace) -> Judge | None:
    """Return the judge that is wished for, if any."""
    if wish.judge is None:
        return None
    return load_judge(wish.judge, weights=wish.vgg16_weights, sha256=wish.vgg16_sha256)


if __name__ == "__main__":
    main()
