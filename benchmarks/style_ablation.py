"""What each term of adastyle's training buys: runs with one term left out, judged like the methods of style_quality.

    ganstyle train -c docs/recipes/adastyle_cpu.toml --runs full --images 400 --init-from MODEL ...
    ganstyle train ... the same ... --runs no_windows --set task.window=0
    python benchmarks/style_ablation.py "all=full/0001-adastyle" "no windows=no_windows/0001-adastyle" \
        --photos PHOTOS --works WORKS --cache CACHE --out docs/results/styles

The first run named is what the others are compared with, pair by pair. Each work is encoded at once, nothing is
refined. Writes ablation.md and ablation.jpg (a run a column, a pair a row).
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from style_bench import Bench, add_places, open_bench, pairs
from style_judges import as_input
from style_painters import paint
from style_quality import judged, tiled
from style_tables import MEASURES, interval

from ganstyle.functional.artefacts import lattice_share

METHOD = "instant"
SHOWN = ("style", "style_half", "content", "texture", "palette", "recoloured", "lattice", "border", "flat_grain")
HEADINGS = {name: heading for name, (heading, _) in MEASURES.items()} | {"lattice": "lattice share, %"}
Rows = list[dict[str, float]]


def judge_run(bench: Bench) -> Rows:
    """Return the measures of every pair, always in the same order."""
    rows = []
    for number, (photo, work) in enumerate(pairs(bench)):
        if number >= bench.options.pairs:
            break
        image = as_input(paint(bench, METHOD, photo, work=work))
        shares = [lattice_share(image, period, cells=32 // period).item() for period in (4, 8)]
        rows.append(judged(bench, METHOD, photo, work=work) | {"lattice": 100 * sum(shares)})
    return rows


def table(runs: Mapping[str, Rows]) -> str:
    """Return markdown: means of the first run, then of each other the mean paired difference with its interval."""
    first, *others = runs
    lines = ["| | " + " | ".join(HEADINGS[name] for name in SHOWN) + " |", "|---" * (len(SHOWN) + 1) + "|"]
    means = [f"{interval([row[name] for row in runs[first]])[0]:.3g}" for name in SHOWN]
    lines.append(f"| {first} | " + " | ".join(means) + " |")
    for other in others:
        lines.append(f"| {other} | " + " | ".join(_difference(runs[other], runs[first], name) for name in SHOWN) + " |")
    return "\n".join(lines) + "\n"


def _difference(rows: Rows, base: Rows, name: str) -> str:
    """Return the mean difference; in bold where its 95 % interval over pairs leaves out 0."""
    mean, low, high = interval([a[name] - b[name] for a, b in zip(rows, base, strict=True)])
    text = f"{mean:+.3g} ({low:+.2g} to {high:+.2g})"
    return f"**{text}**" if low * high > 0 else text


def sheet(benches: Mapping[str, Bench], shown: int, *, width: int = 220) -> Any:
    """Return an image: for each of the first pairs the work, the photograph and the painting of every run."""
    first = next(iter(benches.values()))
    hidden = set(first.options.unshown)
    chosen = [(p, w) for p, w in list(pairs(first))[: first.options.pairs] if not {p, w.name} & hidden][:shown]
    lines = [
        [w.pixels, first.photos[p], *(paint(bench, METHOD, p, work=w) for bench in benches.values())] for p, w in chosen
    ]
    return tiled(lines, width)


def main(arguments: Sequence[str] | None = None) -> None:
    """Judge all runs, write the table and the sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", help="NAME=RUN or NAME=FILE; the first is the whole recipe")
    add_places(parser)
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--rows", type=int, default=6, help="pairs on the sheet")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    benches = {}
    for run in options.runs:
        name, _, model = run.partition("=")
        benches[name] = open_bench(
            argparse.Namespace(**vars(options) | {"model": model, "methods": [METHOD], "fit_steps": 0, "broad": 1.0})
        )
    options.out.mkdir(parents=True, exist_ok=True)
    text = table({name: judge_run(bench) for name, bench in benches.items()})
    (options.out / "ablation.md").write_text(text, encoding="utf-8")
    sheet(benches, options.rows).save(options.out / "ablation.jpg", quality=75, optimize=True)
    print(text)


if __name__ == "__main__":
    main()
