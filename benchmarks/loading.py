"""Time of one training batch by where the pictures come from, all in one run, in turns.

    python benchmarks/loading.py [--pictures 200] [--side 512] [--resolution 64] [--batch 32] [--rounds 5]

Makes JPEG pictures of its own, prepares a cache of them, and prints the median milliseconds per picture of: decoding
each time, decoding once and remembering, and the memory-mapped cache. Rounds alternate between the three and a training
step (`--arch`, by default dcgan with transposed convolutions and its smallest width, the fastest that ships), so that
other work on the machine falls on all alike. The last column says how many times what that step eats a source feeds;
all are processor seconds, of one thread, which other programs disturb less than the clock.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from ganstyle.config import resolve
from ganstyle.data.cache import CachedPictures, prepare
from ganstyle.data.loading import Loader
from ganstyle.data.pictures import FolderPictures
from ganstyle.data.transforms import Preprocess
from ganstyle.engine.session import open_session
from ganstyle.engine.stepping import advance
from ganstyle.registry import default_registry

STEP = "training step"


def main() -> None:
    """Run and print."""
    arguments = _arguments()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        loaders = _loaders(Path(place), arguments)
        times = _times(loaders | {STEP: _Step(arguments)}, arguments.batch, arguments.rounds)
    eaten = statistics.median(times[STEP])
    base = statistics.median(times["decode each time"])
    print(f"{arguments.pictures} JPEG pictures of {arguments.side} px, batches of {arguments.batch}")
    for name, values in times.items():
        middle = statistics.median(values)
        feeds = f"  feeds {eaten / middle:5.1f} x the step" if name != STEP else ""
        print(f"{name:22s} {middle:7.2f} ms per picture  {1000 / middle:7.0f} img/s  {base / middle:5.1f} x{feeds}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("pictures", 200), ("side", 512), ("resolution", 64), ("batch", 32), ("rounds", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--arch", default="dcgan")
    parser.add_argument("--set", action="append", default=["arch.upsampling=transposed", "arch.base_channels=16"])
    return parser.parse_args()


class _Step:
    """A training step on one batch, called as the loaders are."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        flags = {"arch": arguments.arch, "train.resolution": arguments.resolution, "train.batch": arguments.batch}
        sets = ["train.threads=1", "train.device=cpu", *arguments.set]
        registry = default_registry()
        self.session = open_session(resolve(registry, flags=flags, sets=sets), registry)
        self.batch = next(self.session.batches())

    def __next__(self) -> None:
        advance(self.session, self.batch)


def _loaders(place: Path, arguments: argparse.Namespace) -> dict[str, Loader]:
    folder = place / "pictures"
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(arguments.pictures):
        small = Image.fromarray(random.integers(0, 256, (24, 32, 3), dtype=np.uint8))
        picture = small.resize((arguments.side, arguments.side * 3 // 4), Image.Resampling.BICUBIC)
        picture.save(folder / f"{number:05d}.jpg", quality=90)
    source = FolderPictures(folder)
    prepare(source, place / "cache", resolution=arguments.resolution)

    def loader(data: Any, remember_bytes: int) -> Loader:
        preprocess = Preprocess(None, arguments.resolution)
        return Loader(data, preprocess, batch=arguments.batch, seed=0, remember_bytes=remember_bytes)

    remembering = loader(source, 1 << 30)
    for _ in range(arguments.pictures // arguments.batch + 1):  # one epoch fills the memory
        next(remembering)
    cached = CachedPictures(place / "cache")
    return {"decode each time": loader(source, 0), "remembered": remembering, "prepared cache": loader(cached, 0)}


def _times(loaders: dict[str, Any], batch: int, rounds: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in loaders}
    for _ in range(rounds):
        for name, loader in loaders.items():
            start = time.process_time()
            for _ in range(4):
                next(loader)
            times[name].append((time.process_time() - start) / (4 * batch) * 1000)
    return times


if __name__ == "__main__":
    main()
