"""What watching a run costs: readings of variety and of nearness to the training pictures, against the steps between.

    python benchmarks/monitors.py                                  # dcgan, 64 pixels, 200 pictures
    python benchmarks/monitors.py fastgan --resolution 128 --pictures 1000 --json cost.json

Printed are CPU seconds of a step, of a reading, and of the first reading, which also loads the encoder and looks at
the real pictures; then shares: a reading of the steps between two (`train.preview_every_images`), and everything of a
run of `--images`. Scores by a metric (`train.eval_every_images`) are off unless asked for, and not counted.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from ganstyle.config import Config, resolve
from ganstyle.engine.monitors import Diversity
from ganstyle.engine.session import Session, open_session
from ganstyle.engine.stepping import advance
from ganstyle.registry import default_registry


def make_pictures(folder: Path, count: int, side: int) -> None:
    """Write noise of a coarse scale."""
    random = np.random.default_rng(0)
    for number in range(count):
        small = Image.fromarray(random.integers(0, 256, (side // 4, side // 4, 3), dtype=np.uint8))
        small.resize((side, side), Image.Resampling.BICUBIC).save(folder / f"{number:05d}.png")


def config_for(arguments: argparse.Namespace, folder: Path) -> Config:
    """Return the architecture's own recipe with the benchmark's sizes."""
    flags = {"arch": arguments.arch, "data": str(folder), "train.resolution": arguments.resolution}
    flags |= {"train.threads": arguments.threads, "train.images": arguments.images}
    return resolve(default_registry(), flags=flags, sets=arguments.set)


def seconds_of(work: Callable[[], Any]) -> float:
    """Return the CPU seconds that something takes."""
    began = time.process_time()
    work()
    return time.process_time() - began


def reading(monitor: Diversity) -> None:
    """Read what a preview reads."""
    monitor.read()
    monitor.nearest()


def measure(session: Session, *, steps: int, readings: int) -> dict[str, float]:
    """Return CPU seconds of a step and of readings, and the shares of a run."""
    batches = session.batches()
    advance(session, next(batches))  # warms up
    step = statistics.median(seconds_of(lambda: advance(session, next(batches))) for _ in range(steps))
    monitor = Diversity(session)
    first = seconds_of(lambda: reading(monitor))
    later = statistics.median(seconds_of(lambda: reading(monitor)) for _ in range(readings))
    train = session.config.train
    between = step * train.preview_every_images / train.batch
    whole = step * train.images / train.batch
    spent = first + later * (train.images / train.preview_every_images - 1)
    found = {"step_s": step, "first_reading_s": first, "reading_s": later}
    found |= {"reading_percent": 100 * later / between, "run_percent": 100 * spent / whole}
    return {key: float(f"{value:.3g}") for key, value in found.items()}


def options_of(words: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arch", nargs="?", default="dcgan")
    numbers = {"resolution": 64, "pictures": 200, "images": 200_000, "threads": 1, "steps": 5, "readings": 2}
    for name, default in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--set", action="append", default=[], help="a ganstyle option")
    parser.add_argument("--json", type=Path)
    return parser.parse_args(words)


def main() -> None:
    """Measure one architecture."""
    arguments = options_of()
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as place:
        make_pictures(Path(place), arguments.pictures, arguments.resolution)
        session = open_session(config_for(arguments, Path(place)), default_registry())
        found = measure(session, steps=arguments.steps, readings=arguments.readings)
    print(json.dumps(found))
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
