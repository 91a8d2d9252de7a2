"""Start-up time of listings: CPU and wall seconds, median of n fresh processes (`make bench`)."""

from __future__ import annotations

import platform
import resource
import statistics
import subprocess
import sys
import time
from importlib import metadata

REPEATS = 7
COMMANDS = (["--help"], ["--version"], ["arch", "list"], ["style", "list"], ["train", "--help"], ["doctor"])


def measured(command: list[str]) -> tuple[float, float]:
    """Return CPU and wall seconds of one process."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def main() -> None:
    """Print a table."""
    rows = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "import ganstyle": [sys.executable, "-c", "import ganstyle"],
    }
    rows |= {f"ganstyle {' '.join(words)}": [sys.executable, "-m", "ganstyle", *words] for words in COMMANDS}
    print(f"{platform.machine()}, Python {platform.python_version()}, typer {metadata.version('typer')}, n={REPEATS}")
    print(f"{'command':24}  CPU s  wall s")
    for name, command in rows.items():
        measured(command)  # writes bytecode
        cpu, wall = zip(*(measured(command) for _ in range(REPEATS)), strict=True)
        print(f"{name:24}  {statistics.median(cpu):5.2f}  {statistics.median(wall):6.2f}")


if __name__ == "__main__":
    main()
