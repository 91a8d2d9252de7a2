"""Time the Fréchet term on 2048 features against scipy's matrix root, which the usual FID tools call.

    OMP_NUM_THREADS=1 python benchmarks/frechet.py            # 500, 2000 and 5000 images
    OMP_NUM_THREADS=1 python benchmarks/frechet.py 500 --repeat 5

Both get the same features and are timed in turn, in one process. Printed are medians of CPU seconds, which other
programs on the machine disturb less than the clock, and both values. Peer: the formula of pytorch-fid 0.3.0 (mean,
covariance, `scipy.linalg.sqrtm`, an offset on the diagonal where the root is not finite).
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable

# numpy's and scipy's own BLAS must get the threads that torch gets; read when they are imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", str(os.cpu_count())))

import numpy as np
import scipy
import torch

from ganstyle.functional.distances import frechet_distance

WIDTH = 2048


def features(count: int, seed: int) -> torch.Tensor:
    """Non-negative correlated float32 features, as Inception's pooled ones."""
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(256, WIDTH, generator=torch.Generator().manual_seed(0)) / 16
    rows = torch.randn(count, 256, generator=generator) @ mix + 0.5 * torch.randn(count, WIDTH, generator=generator)
    return (rows + 0.02 * seed).relu()


def peer(x: torch.Tensor, y: torch.Tensor) -> float:
    """Return pytorch-fid's distance."""
    a, b = x.double().numpy(), y.double().numpy()
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(cov_a @ cov_b)
    if not np.isfinite(root).all():
        offset = np.eye(WIDTH) * 1e-6
        root = scipy.linalg.sqrtm((cov_a + offset) @ (cov_b + offset))
    difference = a.mean(0) - b.mean(0)
    return float(difference @ difference + np.trace(cov_a) + np.trace(cov_b) - 2 * np.trace(root).real)


def timed(distance: Callable[..., float], x: torch.Tensor, y: torch.Tensor) -> tuple[float, float]:
    """Return (CPU seconds of all threads, value)."""
    start = time.process_time()
    value = float(distance(x, y))
    return time.process_time() - start, value


def main() -> None:
    """Print one line for each count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counts", nargs="*", type=int, default=[500, 2000, 5000])
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    threads = f"{torch.get_num_threads()} threads, load {os.getloadavg()[0]:.1f}"
    print(f"torch {torch.__version__}, scipy {scipy.__version__}, {platform.machine()}, {threads}")
    print(f"{'images':>8}{'ours, s':>10}{'scipy, s':>10}{'ratio':>8}{'ours':>14}{'scipy':>14}")
    for count in options.counts:
        x, y = features(count, 1), features(count, 2)
        pairs = [(timed(frechet_distance, x, y), timed(peer, x, y)) for _ in range(options.repeat)]
        ours, theirs = (statistics.median(pair[side][0] for pair in pairs) for side in (0, 1))
        mine, other = (pairs[-1][side][1] for side in (0, 1))
        print(f"{count:>8}{ours:>10.3f}{theirs:>10.2f}{theirs / ours:>8.0f}{mine:>14.7f}{other:>14.7f}")


if __name__ == "__main__":
    main()
