"""Speed and memory of evaluation against pytorch-fid, torch-fidelity, clean-fid and torchmetrics, in one run.

    pip install "ganstyle[parity]"                                    # the peers; never dependencies of ganstyle
    python benchmarks/evaluate.py --json evaluate.json                # everything: about 25 minutes of CPU
    python benchmarks/evaluate.py --quick                             # the same on little: about 4 minutes
    python benchmarks/evaluate.py features --threads 1 --sizes 256 --pairs 9

Parts (all, unless some are named):

- `features`: pictures to Inception features, ours with the peer's own resize, in alternating order on the same batch.
- `memory`: greatest resident memory (VmHWM) of a child process that does nothing else, with equal batches and with
  those that each tool takes by default.
- `frechet`: the Fréchet term on 2,048 features against `scipy.linalg.sqrtm`, as benchmarks/frechet.py.
- `cached`: `ganstyle eval FAKE REAL` twice, then another question about the same pictures: the second run finds its
  answer, the third the features of both sides.

All networks have the same seeded random weights, which cost what the published ones cost. Ratios are medians over
pairs with least and greatest, by CPU seconds of the process (which other programs disturb less) and by the clock.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

# numpy's and scipy's own BLAS must get the threads that torch gets; read when they are imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "1"))

import metric_peers
import numpy as np
import torch
from frechet import features as made_features
from frechet import peer as scipy_distance
from PIL import Image

from ganstyle.functional.distances import frechet_distance

PARTS = ("features", "memory", "frechet", "cached")
DEFAULT_BATCH = {"ganstyle": 16, "pytorch-fid": 50, "torch-fidelity": 64, "clean-fid": 32, "torchmetrics": 16}
QUICK = {"pairs": 3, "batch": 4, "sizes": [256], "threads": [1], "counts": [500], "repeat": 1, "files": 24}
Clocks = tuple[float, float]  # CPU seconds of the process, seconds


def clocks(work: Callable[[], Any]) -> Clocks:
    """Return what something takes."""
    cpu, clock = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - clock


def alternating(ours: Callable[[], Any], peer: Callable[[], Any], count: int) -> list[tuple[Clocks, Clocks]]:
    """Time both in turn, each first every other time, so that neither always finds the other's caches."""
    pairs = []
    for number in range(count):
        if number % 2:
            theirs, mine = clocks(peer), clocks(ours)
        else:
            mine, theirs = clocks(ours), clocks(peer)
        pairs.append((mine, theirs))
    return pairs


def summary(pairs: Sequence[tuple[Clocks, Clocks]], per: int = 1) -> dict[str, Any]:
    """Return medians in milliseconds for each of `per` items, and of the ratios of pairs also least and greatest."""
    found: dict[str, Any] = {"pairs": len(pairs)}
    for index, clock in enumerate(("cpu", "clock")):
        ours, peer = ([pair[side][index] for pair in pairs] for side in (0, 1))
        ratios = sorted(theirs / mine for mine, theirs in zip(ours, peer, strict=True))
        found[clock] = {
            "ours_ms": round(1000 * statistics.median(ours) / per, 2),
            "peer_ms": round(1000 * statistics.median(peer) / per, 2),
            "ratio_median_min_max": [round(x, 2) for x in (statistics.median(ratios), ratios[0], ratios[-1])],
        }
    return found


def noise(count: int, side: int, seed: int = 0) -> np.ndarray:
    """Return pictures of coarse noise, uint8 (count, side, side, 3)."""
    random = np.random.default_rng(seed)
    small = random.integers(0, 256, (count, side // 4, side // 4, 3), dtype=np.uint8)
    return np.stack([np.asarray(Image.fromarray(one).resize((side, side), Image.Resampling.BICUBIC)) for one in small])


def batch_of(count: int, side: int) -> torch.Tensor:
    """Return a batch as tools get it, uint8 (count, 3, side, side)."""
    return torch.from_numpy(noise(count, side)).permute(0, 3, 1, 2).contiguous()


def installed(names: Sequence[str], weights: Path) -> dict[str, metric_peers.Network]:
    """Return the peers that can run here."""
    found = {}
    for name in names:
        try:
            found[name] = metric_peers.PEERS[name][0](weights)
        except ImportError as error:
            print(f"{name}: left out, {error}", flush=True)
    return found


def features(options: argparse.Namespace, weights: Path) -> dict[str, Any]:
    """Compare extractors, peer by peer."""
    report = {}
    for name, peer in installed(options.peers, weights).items():
        own = metric_peers.ours(weights, resize=metric_peers.PEERS[name][1])
        for threads in options.threads:
            torch.set_num_threads(threads)
            for side in options.sizes:
                images = batch_of(options.batch, side)
                own(images), peer(images)
                pairs = alternating(lambda: own(images), lambda: peer(images), options.pairs)  # noqa: B023
                key = f"{name}, {side} px, {threads} threads"
                report[key] = summary(pairs, options.batch)
                tell(key, report[key])
    return report


def memory(options: argparse.Namespace, weights: Path) -> dict[str, Any]:
    """Return peak MiB of a child for each tool."""
    report: dict[str, Any] = {}
    side = max(options.sizes)
    for name in ("ganstyle", *options.peers):
        found = {}
        batches = {"equal": DEFAULT_BATCH["ganstyle"]} | ({} if options.quick else {"default": DEFAULT_BATCH[name]})
        for key, batch in batches.items():
            words = [sys.executable, __file__, "--side", name, "--batch", str(batch), "--sizes", str(side)]
            done = subprocess.run([*words, "--weights", str(weights)], capture_output=True, text=True)
            if done.returncode == 0:
                found[f"{key}_batch_{batch}_mib"] = round(float(done.stdout.split()[-1]))
        report[name] = found
        print(f"memory, {side} px, {name}: {json.dumps(found)}", flush=True)
    return report


def alone(options: argparse.Namespace) -> None:
    """Print the peak of this process in MiB after a batch went through one network."""
    torch.set_num_threads(1)
    weights, images = Path(options.weights), batch_of(options.batch, options.sizes[0])
    build = metric_peers.ours if options.side == "ganstyle" else metric_peers.PEERS[options.side][0]
    network = build(weights)
    network(images)
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    print(int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024)


def frechet(options: argparse.Namespace, weights: Path) -> dict[str, Any]:
    """Compare the Fréchet term with scipy's matrix root."""
    torch.set_num_threads(options.threads[0])
    report = {}
    for count in options.counts:
        x, y = made_features(count, 1), made_features(count, 2)
        pairs = alternating(lambda: frechet_distance(x, y), lambda: scipy_distance(x, y), options.repeat)  # noqa: B023
        report[str(count)] = summary(pairs) | {"values": [float(frechet_distance(x, y)), scipy_distance(x, y)]}
        tell(f"Fréchet, {count} rows", report[str(count)])
    return report


def cached(options: argparse.Namespace, weights: Path) -> dict[str, Any]:
    """Score two folders twice by the command line; only the first run shows pictures to the network."""
    accepted = metric_peers.accepted(weights)
    report: dict[str, Any] = {"images_of_each_side": options.files}
    with tempfile.TemporaryDirectory() as place:
        sides = [written(Path(place) / name, options.files, seed) for seed, name in enumerate(("fake", "real"))]
        own = {"GANSTYLE_HOME": str(Path(place) / "home"), "OMP_NUM_THREADS": str(options.threads[0])}
        words = [sys.executable, "-m", "ganstyle", "eval", *map(str, sides), "--json", "--quiet"]
        for run, metrics in (("first", "fid,kid"), ("second", "fid,kid"), ("other_question", "is,fid")):
            settings = [
                f"metric.{name}.{key}={value}" for name in metrics.split(",") for key, value in accepted.items()
            ]
            asked = ["--metric", metrics, *(word for text in settings for word in ("--set", text))]
            report[run] = child([*words, *asked], os.environ | own)
            print(f"cached, {run}: {json.dumps(report[run])}", flush=True)
        report["importing_alone"] = child([sys.executable, "-c", "import ganstyle.engine.evaluation"], os.environ | own)
    return report


def child(words: Sequence[str], environment: Any) -> dict[str, float]:
    """Return CPU and clock seconds of a command."""
    before, start = os.times(), time.perf_counter()
    subprocess.run(words, check=True, env=environment, stdout=subprocess.DEVNULL)
    clock, after = time.perf_counter() - start, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return {"cpu_s": round(cpu, 2), "clock_s": round(clock, 2)}


def written(folder: Path, count: int, seed: int) -> Path:
    """Write noise as PNG files of 32 pixels."""
    folder.mkdir()
    for number, picture in enumerate(noise(count, 32, seed)):
        Image.fromarray(picture).save(folder / f"{number:05d}.png")
    return folder


def tell(name: str, found: dict[str, Any]) -> None:
    """Print one comparison."""
    cpu, clock = found["cpu"], found["clock"]
    median, least, most = cpu["ratio_median_min_max"]
    print(
        f"{name}: ours {cpu['ours_ms']:.1f} ms CPU, peer {cpu['peer_ms']:.1f}; ratio {median:.2f} "
        f"({least:.2f}-{most:.2f}), by the clock {clock['ratio_median_min_max'][0]:.2f}",
        flush=True,
    )


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    model = next((line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")), "")
    load = round(os.getloadavg()[0], 1)
    versions = {"torch": torch.__version__, "python": platform.python_version()}
    return {"cpu": model or platform.machine(), "cores": os.cpu_count(), "load_before": load, **versions}


def _cpuinfo() -> list[str]:
    place = Path("/proc/cpuinfo")
    return place.read_text(encoding="utf-8").splitlines() if place.is_file() else []


def options_of(words: list[str] | None = None) -> argparse.Namespace:
    """Read the command line; `--quick` changes what isn't given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help=f"some of {', '.join(PARTS)}")
    numbers = {"pairs": 7, "batch": 16, "repeat": 3, "files": 500}
    for name, default in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    lists = {"sizes": [32, 256], "threads": [1, 2], "counts": [500, 2000]}
    for name, default in lists.items():
        parser.add_argument(f"--{name}", type=int, nargs="+", default=default)
    parser.add_argument("--peers", nargs="+", default=list(metric_peers.PEERS), choices=list(metric_peers.PEERS))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--weights", help=argparse.SUPPRESS)
    parser.add_argument("--side", help=argparse.SUPPRESS)
    given = parser.parse_args(words)
    if given.quick:
        parser.set_defaults(**QUICK)
        given = parser.parse_args(words)
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"unknown parts: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return given


def main() -> None:
    """Run the parts that were asked for."""
    options = options_of()
    if options.side:
        alone(options)
        return
    report: dict[str, Any] = {"machine": machine(), "options": {k: v for k, v in vars(options).items() if k != "json"}}
    print(json.dumps(report["machine"]), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        weights = metric_peers.write_weights(Path(folder))
        work = {"features": features, "memory": memory, "frechet": frechet, "cached": cached}
        for part in options.parts or PARTS:
            report[part] = work[part](options, weights)
    report["machine"]["load_after"] = round(os.getloadavg()[0], 1)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
