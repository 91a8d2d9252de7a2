"""Runs and checkpoints that cost milliseconds."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest
import torch

from ganstyle.engine import checkpoint, faults
from ganstyle.engine.run import Run


@pytest.fixture(autouse=True)
def _fresh_fault_counts():
    faults.forget()


@pytest.fixture
def run(tmp_path):
    return Run.create(tmp_path / "runs", {"arch": {"name": "dcgan"}}, "dcgan")


@pytest.fixture
def save_at():
    """Save a checkpoint whose tensors are all equal to its image count."""

    def save(run, images, *, keep=3, **state):
        model = {"generator/weight": torch.full((2, 3), float(images))}
        train = {"generator/weight/exp_avg": torch.full((2, 3), images / 2)}
        return checkpoint.save(run, model, train, {"images": images, "step": images // 10, **state}, keep=keep)

    return save


@pytest.fixture
def names():
    """List the checkpoint folders, hidden leftovers included."""
    return lambda run: sorted(path.name for path in run.checkpoints.iterdir() if path.is_dir())


@pytest.fixture
def python():
    """Run a program in a process of its own and return the finished process."""

    def start(program, *arguments, **environment):
        command = [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)]
        settings = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
        return subprocess.run(command, env=settings, capture_output=True, text=True, timeout=60)

    return start


@pytest.fixture
def forked():
    """Run a function in a forked process, which starts at once, and return the exit code (negative: signal)."""

    def start(work):
        child = os.fork()
        if child == 0:
            try:
                work()
            except BaseException:
                os._exit(99)
            os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    return start
