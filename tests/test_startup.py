"""Listing is free: no torch, few milliseconds."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

import pytest

HEAVY = ("torch", "torchvision", "numpy", "PIL", "scipy", "skimage")
LISTINGS = [
    ["--help"],
    ["--version"],
    ["train", "--help"],
    ["transfer", "--help"],
    ["arch", "list"],
    ["loss", "list"],
    ["metric", "list"],
    ["dataset", "list"],
    ["plugin", "list"],
    ["style", "list"],
]
LIMIT_SECONDS = 0.5  # of CPU, so that a busy machine gives the same answer


def cpu_seconds(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize("words", LISTINGS, ids=" ".join)
def test_listings_start_within_half_a_second(words):
    command = [sys.executable, "-m", "ganstyle", *words]
    # A busy neighbour on the same core slows even CPU time: the fastest of a few counts.
    assert any(cpu_seconds(command) < LIMIT_SECONDS for _ in range(5))


def test_listings_import_nothing_heavy():
    program = (
        "import sys; from ganstyle.cli.app import main\n"
        f"for words in {LISTINGS!r}:\n"
        "    main(words)\n"
        f"    heavy = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "    assert not heavy, f'{words} imports {heavy}'\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_importing_the_package_takes_a_fifth_of_a_second():
    assert any(cpu_seconds([sys.executable, "-c", "import ganstyle"]) < 0.2 for _ in range(5))
