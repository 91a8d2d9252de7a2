"""How often do 95 % intervals hold the truth? Simulated, so that the truth is known.

    python benchmarks/interval_coverage.py             # a markdown table; about 3 minutes of CPU
    python benchmarks/interval_coverage.py --cases 400

Each case draws two new sets of features and asks the metric itself (not only its formula) for value and interval. The
truth is the value's expectation at these counts, the mean over --cases further independent draws: that is what the
intervals claim to be about; the bias of a Fréchet distance of few pictures is no part of it. Kinds: `equal` (both sets
of one distribution), `apart` (moved and wider), `narrow` (the generated set lacks most of the variety).
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from ganstyle_metrics.frechet import Frechet
from ganstyle_metrics.kernel import Kernel, KernelOptions
from ganstyle_metrics.neighbourhoods import Neighbourhood
from ganstyle_metrics.paired import PairEvaluator
from torch import Tensor

WIDTH = 16
KINDS = {"equal": (0.0, 1.0), "apart": (0.6, 1.2), "narrow": (0.0, 0.5)}  # shift and scale of the generated set
COUNTS = ((60, 60), (200, 200), (200, 100))
PAIRS = (3, 5, 20, 100)


class Given:
    """An extractor in name only: features are handed over."""

    key, width, resize, weights_sha256, standard = "given", WIDTH, "none", "00", True


class Mean(PairEvaluator):
    """The mean over pairs, of values that the pictures hold."""

    def measure(self, images: Tensor, reference: Tensor, **styles: Any) -> Tensor:
        """Return the first number of each."""
        return images[:, 0, 0, 0]


@dataclass(frozen=True)
class Case:
    """What is drawn, and who is asked.

    Attributes:
        name: of the metric.
        kind: of distributions.
        counts: generated and real pictures, or pairs and 0.
        build: makes the metric.
    """

    name: str
    kind: str
    counts: tuple[int, int]
    build: Callable[[], Any]

    def ask(self, seed: int) -> Any:
        """Return the metric, fed with one draw."""
        metric = self.build()
        generator = torch.Generator().manual_seed(seed)
        if isinstance(metric, Mean):
            values = torch.randn(self.counts[0], generator=generator)
            values = (values / 2).exp() if self.kind == "skewed" else values
            metric.update(values[:, None, None, None], values)
        else:
            for real, count in zip((False, True), self.counts, strict=True):
                metric.update_features(features(count, self.kind if not real else "equal", generator), real=real)
        return metric


def features(count: int, kind: str, generator: torch.Generator) -> Tensor:
    """Return non-negative correlated rows."""
    shift, scale = KINDS[kind]
    mix = torch.randn(8, WIDTH, generator=torch.Generator().manual_seed(1)) / 8**0.5
    common, own = (torch.randn(count, width, generator=generator) for width in (8, WIDTH))
    return (scale * (common @ mix + 0.5 * own) + 0.5 + shift).relu()


def cases() -> Iterator[Case]:
    """Return every case."""
    builds: dict[str, Callable[[], Any]] = {
        "Fréchet": lambda: Frechet(Given(), key="fd"),
        "KID": lambda: Kernel(Given(), key="kid", options=KernelOptions()),
    }
    for name, k in (("precision", 3), ("recall", 3), ("density", 5), ("coverage", 5)):
        builds[name] = lambda name=name, k=k: Neighbourhood(Given(), name=name, k=k, network="given")
    for name, build in builds.items():
        for kind in KINDS:
            for counts in COUNTS:
                yield Case(name, kind, counts, build)
    for kind in ("normal", "skewed"):
        for count in PAIRS:
            yield Case("mean over pairs", kind, (count, 0), lambda: Mean(key="mean", protocol="", device="cpu"))


def coverage(case: Case, count: int) -> tuple[float, float, float]:
    """Return the share of intervals that hold the truth, the truth, and the mean half width over the deviation."""
    others = torch.tensor([next(iter(case.ask(10**6 + seed).compute().values())) for seed in range(count)])
    if case.name == "mean over pairs":
        truth = 0.0 if case.kind == "normal" else math.exp(0.125)
    else:
        truth = others.mean().item()
    found = (case.ask(seed).intervals() for seed in range(count))
    bounds = [next(iter(intervals.values())) for intervals in found if intervals]
    held = sum(low <= truth <= high for low, high in bounds) / count
    half = torch.tensor([(high - low) / 2 for low, high in bounds]).mean().item()
    return held, truth, half / 1.96 / others.std().clamp_min(1e-12).item()


def main() -> None:
    """Print a markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--only", default="", help="names of metrics that begin so")
    options = parser.parse_args()
    print("| metric | sets | counts | truth | intervals that hold it | width over the right one |\n" + "|---" * 6 + "|")
    for case in cases():
        if case.name.startswith(options.only):
            held, truth, width = coverage(case, options.cases)
            counts = f"{case.counts[0]} / {case.counts[1]}" if case.counts[1] else f"{case.counts[0]} pairs"
            row = f"| {case.name} | {case.kind} | {counts} | {truth:.4g} | {100 * held:.0f} % | {width:.2f} |"
            print(row, flush=True)


if __name__ == "__main__":
    main()
