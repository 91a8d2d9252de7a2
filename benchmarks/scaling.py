"""What training on several ranks costs: measured for two processes of this machine, calculated for many GPUs.

    python benchmarks/scaling.py [dcgan] [--resolution 32] [--batch 32] [--steps 5] [--pairs 5] [--set KEY=VALUE]
    python benchmarks/scaling.py --simulate

Measured: one process with two threads, one with one, and two gloo ranks with one thread each, the same global batch,
real steps of a real session (reading, both phases, guarded Adam, averages, the exchange of decisions), in turns of a
few steps, so that other work on the machine falls on all alike. Printed are pictures per second by the clock, CPU
seconds per picture (all ranks together), which other programs disturb less, and the time of one exchange of gradients.

Calculated: the formula of docs/scaling.md for R3GAN as published, with its assumptions in the table below.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# ---- calculated ----

BANDWIDTHS = {"10 Gbit/s": (1.25e9, 50e-6), "100 Gbit/s": (12.5e9, 20e-6), "400 Gbit/s": (50e9, 10e-6)}
"""Name to (bytes per second in each direction of the slowest link, seconds per message)."""
RANKS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


@dataclass(frozen=True)
class Published:
    """A training whose cost is known or estimated.

    Attributes:
        parameters: of each trained phase.
        batch: global.
        images: of the whole training.
        seconds_per_image: of one GPU, both phases, without any exchange.
        source: where the numbers are from.
    """

    parameters: tuple[float, ...]
    batch: int
    images: float
    seconds_per_image: float
    source: str


# 250 Mimg in 4 days on 8 L40: supplement D and table 9, as cited in issue 19 of the authors' repository. Its
# exchanges are neglected here.
_CIFAR_SECONDS = 4 * 86_400 * 8 / 250e6
RUNS = {
    "R3GAN CIFAR-10": Published((20.7e6, 20.7e6), 512, 250e6, _CIFAR_SECONDS, "published: 8 L40, 4 days, 250 Mimg"),
    # 57.6 / 14.0 = 4.1 times the operations per picture, counted on our networks of the published widths.
    "R3GAN FFHQ-256": Published((23.1e6, 23.0e6), 256, 100e6, 4.1 * _CIFAR_SECONDS, "estimated: per 100 Mimg"),
}


def step_seconds(run: Published, ranks: int, *, bandwidth: float, latency: float) -> tuple[float, float]:
    """Return (computing, exchanging) of one step: B c / n, and for each phase a ring of 2 (n - 1) messages."""
    messages = 2 * (ranks - 1)
    exchanging = sum(messages * (4 * size / ranks / bandwidth + latency) for size in run.parameters)
    return run.batch / ranks * run.seconds_per_image, exchanging


def simulate() -> None:
    """Print throughput, efficiency and cost for each run, bandwidth and number of GPUs."""
    for name, run in RUNS.items():
        print(f"\n{name} ({run.source}), batch {run.batch}, {4 * sum(run.parameters) / 1e6:.0f} MB of gradients a step")
        print(f"{'GPUs':>5} {'per GPU':>8}", *(f"{link:>30}" for link in BANDWIDTHS))
        for ranks in RANKS:
            cells = [_cell(run, ranks, *link) for link in BANDWIDTHS.values()]
            print(f"{ranks:5d} {run.batch / ranks:8.4g}", *(f"{cell:>30}" for cell in cells))
        print("half of the time goes to exchanges at", *(_half(run, link) for link in BANDWIDTHS), sep="  ")


def _cell(run: Published, ranks: int, bandwidth: float, latency: float) -> str:
    computing, exchanging = step_seconds(run, ranks, bandwidth=bandwidth, latency=latency)
    rate, share = run.batch / (computing + exchanging), computing / (computing + exchanging)
    hours = run.images / rate / 3600 * ranks
    return f"{rate:6.0f} img/s {share:4.0%} {hours:6.0f} GPU h"


def _half(run: Published, link: str) -> str:
    bandwidth = BANDWIDTHS[link][0]
    return f"{link}: {run.batch * run.seconds_per_image * bandwidth / (8 * sum(run.parameters)):.0f} GPUs"


# ---- measured ----


def work(words: list[str], steps: int) -> None:
    """Be a process, or a rank: make steps when rank 0 reads a line, and answer with what they took."""
    import torch

    from ganstyle.config import resolve
    from ganstyle.engine.distributed import among_ranks, average_gradients, collect, leads, meet, share
    from ganstyle.engine.following import begin_together, requests
    from ganstyle.engine.session import open_session
    from ganstyle.engine.signals import StopRequest
    from ganstyle.engine.stepping import advance
    from ganstyle.registry import default_registry

    registry = default_registry()
    with among_ranks():
        session = open_session(resolve(registry, sets=words), registry)
        begin_together(session)
        batches, stop = session.batches(), StopRequest()
        parameters = [p for optimizer in session.optimizers.values() for p in optimizer.parameters.values()]
        while share(bool(sys.stdin.readline()) if leads() else None, patient=True):
            began, cpu = time.perf_counter(), time.process_time()
            for _ in range(steps):
                advance(session, next(batches))
                requests(stop)
            cpu, seconds = time.process_time() - cpu, time.perf_counter() - began
            exchange = time.perf_counter()
            average_gradients(parameters)
            exchange = time.perf_counter() - exchange
            total = sum(collect(cpu))
            meet()
            if leads():
                facts = {"seconds": seconds, "cpu": total, "exchange": exchange, "threads": torch.get_num_threads()}
                facts |= {"parameters": sum(parameter.numel() for parameter in parameters)}
                print(json.dumps(facts), flush=True)


class Job:
    """One process, or several ranks, that wait for their turn."""

    def __init__(self, words: list[str], *, steps: int, ranks: int, threads: int) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        command = [sys.executable, __file__, "--steps", str(steps), "--work", *words, f"train.threads={threads}"]
        place = {"WORLD_SIZE": ranks, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": threads}
        self.processes = [self._started(command, {**place, "RANK": rank, "LOCAL_RANK": rank}) for rank in range(ranks)]

    def _started(self, command: list[str], place: dict[str, Any]) -> subprocess.Popen[str]:
        environment = {**os.environ, **{key: str(value) for key, value in place.items()}}
        return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def turn(self) -> dict[str, float]:
        """Make steps now and return what they took."""
        first = self.processes[0]
        first.stdin.write("go\n")
        first.stdin.flush()
        return json.loads(first.stdout.readline())

    def close(self) -> None:
        """End it."""
        for process in self.processes:
            process.stdin.close()
        for process in self.processes:
            process.wait(60)


JOBS = {"one process, 2 threads": (1, 2), "one process, 1 thread": (1, 1), "two ranks, 1 thread each": (2, 1)}


def measure(arguments: argparse.Namespace) -> None:
    """Run all jobs in turns and print."""
    with tempfile.TemporaryDirectory() as place:
        words = [*_options(Path(place), arguments), *arguments.set]
        jobs = [Job(words, steps=arguments.steps, ranks=ranks, threads=threads) for ranks, threads in JOBS.values()]
        rounds = [[job.turn() for job in jobs] for _ in range(arguments.pairs + 1)][1:]  # the first one allocates
        for job in jobs:
            job.close()
    pictures = arguments.steps * arguments.batch
    print(_hardware())
    print(f"{arguments.arch}, {arguments.resolution} px, global batch {arguments.batch}, {arguments.pairs} rounds")
    for index, name in enumerate(JOBS):
        clock = statistics.median(pictures / turns[index]["seconds"] for turns in rounds)
        cpu = statistics.median(turns[index]["cpu"] / pictures for turns in rounds)
        print(f"{name:26s} {clock:8.1f} img/s {1000 * cpu:8.2f} CPU ms per picture")
    for index, name in enumerate(list(JOBS)[:2]):
        for key in ("seconds", "cpu"):
            ratios = sorted(turns[2][key] / turns[index][key] for turns in rounds)
            middle, least, greatest = statistics.median(ratios), ratios[0], ratios[-1]
            print(f"two ranks / {name}, {key:8s} {middle:.2f} ({least:.2f} to {greatest:.2f})")
    exchange, size = statistics.median(turns[2]["exchange"] for turns in rounds), rounds[0][2]["parameters"]
    print(f"one exchange of {4 * size / 1e6:.1f} MB of gradients: {1000 * exchange:.1f} ms")


def _options(place: Path, arguments: argparse.Namespace) -> list[str]:
    import numpy as np
    from PIL import Image

    chance = np.random.default_rng(0)
    for number in range(64):
        side = arguments.resolution
        Image.fromarray(chance.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(place / f"{number:03d}.png")
    train = {"batch": arguments.batch, "resolution": arguments.resolution, "device": "cpu", "images": 10**9}
    chosen = [f"arch={arguments.arch}", "data=folder", f"data.path={place}"]
    return [*chosen, *(f"train.{key}={value}" for key, value in train.items())]


def _hardware() -> str:
    import torch

    found = [line for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    name = found[0].partition(":")[2].strip() if found else platform.processor()
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{name}, {os.cpu_count()} cores, torch {torch.__version__}{load}"


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def main() -> None:
    """Measure or calculate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arch", nargs="?", default="dcgan")
    parser.add_argument("--simulate", action="store_true")
    parser.add_argument("--work", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--set", action="append", default=[])
    for name, default in (("resolution", 32), ("batch", 32), ("steps", 5), ("pairs", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    if arguments.work:
        work(arguments.work, arguments.steps)
    elif arguments.simulate:
        simulate()
    else:
        measure(arguments)


if __name__ == "__main__":
    main()
