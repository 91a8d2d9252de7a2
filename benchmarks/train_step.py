"""Pictures per second of ganstyle's training against a plain loop over the same networks, as written by hand.

    python benchmarks/train_step.py --all                             # every architecture, short, and a table
    python benchmarks/train_step.py --all --pairs 7 --threads 2       # the same, as for a report
    python benchmarks/train_step.py dcgan --resolution 64 --batch 16 --threads 2 --pairs 9 --json times.json

Ours is a real `fit`: reading pictures, guarded fused Adam, averages, log lines, a checkpoint every 2000 pictures (ten
times as often as by default), monitors. The plain loop gets ready tensors; it has float32 in torch's own layout,
`torch.optim.Adam` as it comes, `.item()` of both losses at every step, and an average kept by a python loop over the
parameters. It makes one set of fakes a step for both players, and shares real logits with no one, as tutorials do.

Both run in one process in turn, a few steps each, so that other work on the machine falls on both alike. Printed are
medians over all pairs, and of the ratios of a pair also the least and greatest: by CPU seconds of the process, which
other programs disturb less, and by the clock. Peak memory is that of a process of its own for each side: what its
resident set grew by at most over what it was when everything was imported.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from ganstyle.api import ImageSpec
from ganstyle.config import Config, config_to_dict, resolve
from ganstyle.engine.run import Run
from ganstyle.engine.training import fit
from ganstyle.registry import Registry, default_registry

PICTURES = 200
# What a comparison needs: networks at their full size from the start, penalties that the plain loop knows, no
# augmentation, which would be the same code on both sides.
COMMON = ["task.augment=[]", "train.save_every_images=2000", "train.preview_count=0", "train.workers=0"]
CASES: dict[str, list[str]] = {
    "dcgan": [],
    "progan": ["arch.growth_share=1e-9"],
    "stylegan2": ['regularizer=["r1"]'],
    "r3gan": [],
    "fastgan": [],
}


def config_for(arch: str, arguments: argparse.Namespace, folder: Path) -> Config:
    """Return the architecture's own recipe with the benchmark's sizes."""
    flags = {
        "arch": arch,
        "data": str(folder),
        "train.resolution": arguments.resolution,
        "train.batch": arguments.batch,
    }
    flags |= {"train.threads": arguments.threads, "train.device": arguments.device, "train.images": 10**7}
    sets = [*COMMON, *CASES[arch], *arguments.set]
    return resolve(default_registry(), flags=flags, sets=sets)


def make_pictures(folder: Path, side: int) -> None:
    """Write noise of several scales, so that no step is trivial."""
    random = np.random.default_rng(0)
    for number in range(PICTURES):
        small = Image.fromarray(random.integers(0, 256, (side // 4, side // 4, 3), dtype=np.uint8))
        small.resize((side, side), Image.Resampling.BICUBIC).save(folder / f"{number:05d}.png")


class Plain:
    """The loop that a user would write."""

    def __init__(self, config: Config, registry: Registry) -> None:
        side = config.train.resolution
        self.config, self.batch = config, config.train.batch
        self.device = torch.device("cuda" if torch.cuda.is_available() and config.train.device != "cpu" else "cpu")
        torch.manual_seed(config.train.seed)
        networks = registry.build("arch", config.arch.name, config.arch.options, ImageSpec(side, side))
        averaged = registry.build("arch", config.arch.name, config.arch.options, ImageSpec(side, side))["generator"]
        self.generator, self.discriminator, self.averaged = (
            network.to(self.device) for network in (networks["generator"], networks["discriminator"], averaged)
        )
        self.averaged.load_state_dict(self.generator.state_dict())
        for network in (self.generator, self.discriminator):
            getattr(network, "set_progress", lambda fraction: None)(1.0)
        self.loss = registry.build("loss", config.loss.name, config.loss.options)
        self.penalties = [registry.build("regularizer", chosen.name, chosen.options) for chosen in config.regularizer]
        lr, betas = config.optimizer.lr, config.optimizer.betas
        self.optimizer_g = torch.optim.Adam(self.generator.parameters(), lr=lr, betas=betas)
        self.optimizer_d = torch.optim.Adam(self.discriminator.parameters(), lr=lr, betas=betas)
        self.data = torch.rand(PICTURES, 3, side, side, device=self.device) * 2 - 1
        self.step, self.logged = 0, []

    def __call__(self) -> None:
        """Make one step."""
        real = self.data[torch.randint(0, PICTURES, (self.batch,), device=self.device)]
        fake = self.generator(torch.randn(self.batch, self.generator.z_dim, device=self.device))
        self.optimizer_d.zero_grad()
        loss_d = self.discriminator_loss(real, fake.detach())
        loss_d.backward()
        self.optimizer_d.step()
        self.optimizer_g.zero_grad()
        real_logits = self.discriminator(real) if self.loss.relativistic else None
        loss_g = self.loss.generator(real_logits, self.discriminator(fake))
        loss_g.backward()
        self.optimizer_g.step()
        with torch.no_grad():
            for old, new in zip(self.averaged.parameters(), self.generator.parameters(), strict=True):
                old.mul_(0.999).add_(new, alpha=0.001)
            for old, new in zip(self.averaged.buffers(), self.generator.buffers(), strict=True):
                old.copy_(new)
        self.logged.append((loss_d.item(), loss_g.item()))
        self.step += 1

    def discriminator_loss(self, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        """Return D's loss with the penalties that are due."""
        judge_real = getattr(self.discriminator, "judge_real", None)
        real_logits, extra = judge_real(real, None) if judge_real else (self.discriminator(real), 0.0)
        fake_logits = self.discriminator(fake)
        loss = self.loss.discriminator(real_logits, fake_logits) + extra
        given = {"images": (real, fake), "logits": (real_logits, fake_logits)}
        for penalty in self.penalties:
            if self.step % penalty.every == 0:
                loss = loss + penalty.every * penalty(self.discriminator, *given[getattr(penalty, "on", "images")])
        return loss


class Enough(BaseException):
    """Ends a fit from inside; no error that the engine would handle."""


@dataclass
class Turns:
    """A reporter that lets the plain loop run between ganstyle's steps, and times both.

    Attributes:
        pairs: (ours, plain) of each turn, each (CPU seconds, seconds).
    """

    batch: int
    steps: int
    wanted: int
    plain: Callable[[], None] | None
    pairs: list[tuple[tuple[float, float], tuple[float, float]]] = field(default_factory=list)
    is_warm: bool = False
    next_images: int = 0
    since: tuple[float, float] = (0.0, 0.0)

    def update(self, done: int, **facts: Any) -> None:
        """Take a turn when enough steps were made."""
        if self.next_images == 0:
            self.next_images = done + self.batch * self.steps
        elif done >= self.next_images:
            self._turn(done)

    def _turn(self, done: int) -> None:
        ours = elapsed(self.since)
        start = now()
        for _ in range(self.steps if self.plain else 0):
            self.plain()
        if self.is_warm:  # the first turn pays for caches and for state that is made once
            self.pairs.append((ours, elapsed(start)))
        self.is_warm, self.next_images = True, done + self.batch * self.steps
        if len(self.pairs) >= self.wanted:
            raise Enough
        self.since = now()

    def say(self, text: str) -> None:
        """Ignore it."""


def now() -> tuple[float, float]:
    """Return (CPU seconds of the process, seconds), when the device has done its work."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.process_time(), time.perf_counter()


def elapsed(since: tuple[float, float]) -> tuple[float, float]:
    """Return both clocks' time since then."""
    cpu, clock = now()
    return cpu - since[0], clock - since[1]


def measure(arch: str, arguments: argparse.Namespace, *, sides: str = "both") -> Turns:
    """Run a fit with turns of the plain loop; `sides` may be `ours` or `plain` alone."""
    registry = default_registry()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "pictures"
        folder.mkdir()
        make_pictures(folder, arguments.resolution)
        config = config_for(arch, arguments, folder)
        torch.set_num_threads(arguments.threads)
        plain = Plain(config, registry) if sides != "ours" else None
        turns = Turns(config.train.batch, arguments.steps, arguments.pairs, plain)
        if sides == "plain":
            for _ in range(arguments.steps * arguments.pairs):
                plain()
            return turns
        run = Run.create(Path(place) / "runs", config_to_dict(config), arch)
        try:
            fit(config, registry=registry, run=run, resume="none", reporter=turns)
        except Enough:
            pass
    return turns


def summary(turns: Turns) -> dict[str, Any]:
    """Return pictures per second of both sides, and the ratios of the pairs."""
    images = turns.batch * turns.steps
    result: dict[str, Any] = {"pairs": len(turns.pairs), "steps_per_turn": turns.steps}
    for index, clock in enumerate(("cpu", "clock")):
        ours, plain = ([pair[side][index] for pair in turns.pairs] for side in (0, 1))
        ratios = sorted(theirs / mine for mine, theirs in zip(ours, plain, strict=True))
        result[clock] = {
            "ours_images_per_s": round(images / statistics.median(ours), 2),
            "plain_images_per_s": round(images / statistics.median(plain), 2),
            "ratio_median_min_max": [round(x, 3) for x in (statistics.median(ratios), ratios[0], ratios[-1])],
        }
    return result


def peak_mib(arch: str, arguments: argparse.Namespace, side: str) -> float:
    """Return the peak memory of a process that runs one side alone, less that of an idle one."""
    words = [sys.executable, __file__, arch, "--side", side, "--pairs", "2", "--steps", str(arguments.steps)]
    words += ["--resolution", str(arguments.resolution), "--batch", str(arguments.batch)]
    words += ["--device", arguments.device, "--threads", str(arguments.threads)]
    words += [word for option in arguments.set for word in ("--set", option)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def alone(arch: str, arguments: argparse.Namespace) -> None:
    """Print the MiB by which one side alone raises this process's peak; on a GPU, of the device's memory."""
    torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))])  # the first one imports torch's compiler: 150 MiB of code
    before = resident_kib("VmRSS")
    measure(arch, arguments, sides=arguments.side)
    if torch.cuda.is_available() and arguments.device != "cpu":
        print(torch.cuda.max_memory_allocated() / 2**20)
    else:
        print((resident_kib("VmHWM") - before) / 2**10)


def resident_kib(field_name: str) -> int:
    """Return what is resident now (VmRSS) or was at most (VmHWM); elsewhere than on Linux always the latter.

    `ru_maxrss` won't do there: a process begins with the peak of the one that started it.
    """
    status = Path("/proc/self/status")
    if not status.is_file():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)
    line = next(line for line in status.read_text().splitlines() if line.startswith(field_name))
    return int(line.split()[1])


def table(cases: dict[str, Any]) -> str:
    """Return the report as a table: images a second and ratios by CPU time, peak memory in MiB."""
    heads = ("case", "ours img/s", "plain img/s", "ratio", "least-greatest", "peak MiB ours", "plain")
    rows = [heads]
    for name, found in cases.items():
        cpu, peak = found["cpu"], found.get("peak_mib", {})
        median, least, greatest = cpu["ratio_median_min_max"]
        speeds = (str(cpu["ours_images_per_s"]), str(cpu["plain_images_per_s"]), f"{median:.2f}")
        memory = (str(peak.get("ours", "-")), str(peak.get("plain", "-")))
        rows.append((name, *speeds, f"{least:.2f}-{greatest:.2f}", *memory))
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor() or platform.machine()
    load = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
    return {"device": device, "cores": os.cpu_count(), "torch": torch.__version__, "load_before": load}


def options_of(words: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archs", nargs="*", choices=[*CASES, []])
    for name, default in (("resolution", 0), ("batch", 16), ("threads", 0), ("pairs", 3), ("steps", 4)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--all", action="store_true", help="every architecture; at one thread, unless told otherwise")
    parser.add_argument("--set", action="append", default=[], help="a ganstyle option, for both sides")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--side", choices=["ours", "plain"], help=argparse.SUPPRESS)
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--json", type=Path)
    return parser.parse_args(words)


def main() -> None:
    """Print one block for each architecture and number of threads."""
    arguments = options_of()
    if arguments.side:
        alone(arguments.archs[0], arguments)
        return
    known = default_registry().names("arch")
    report: dict[str, Any] = {"machine": machine(), "batch": arguments.batch, "cases": {}}
    wanted_threads = [arguments.threads] if arguments.threads else [1] if arguments.all else [1, 2]
    every = [name for name in CASES if name in known]
    for arch in every if arguments.all else arguments.archs or every:
        for threads in wanted_threads:
            own = argparse.Namespace(**vars(arguments) | {"threads": threads})
            own.resolution = arguments.resolution or (64 if arch == "dcgan" else 32)
            found = summary(measure(arch, own)) | {"load_after": machine()["load_before"]}
            if not arguments.no_memory:
                found["peak_mib"] = {side: round(peak_mib(arch, own, side)) for side in ("ours", "plain")}
            report["cases"][f"{arch}, {own.resolution} px, {threads} threads"] = found
            print(f"{arch}, {own.resolution} px, {threads} threads: {json.dumps(found)}", flush=True)
    print(table(report["cases"]))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
