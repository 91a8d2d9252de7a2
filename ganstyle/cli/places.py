"""What `generate` and `project` share: which model is meant, where results go, and opening it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ganstyle.engine.model import Model


def place_of(source: Path | None, *, runs: Path, out: Path | None, name: str) -> tuple[Path, Path]:
    """Return the model's place and the folder for results.

    Args:
        source: run, checkpoint folder or model file; None is the newest run.
        runs: where that is looked for.
        out: the folder; None is one with this name in the run, or beside the file.
        name: e.g. `generated`.

    Raises:
        NoInputError: there is no run.
    """
    from ganstyle.engine.run import newest_run

    source = source or newest_run(runs).folder
    return source, out or (source if source.is_dir() else source.parent) / name


def opened(source: Path, device: str) -> Model:
    """Return the model of a place on a device (`auto`, `cpu`, ...).

    Raises:
        NoInputError: there is none.
        ModelError: damaged, foreign, or of components that are not installed.
        EnvironmentProblem: there is no such device.
    """
    from ganstyle.engine.device import choose_device
    from ganstyle.engine.opening import open_model
    from ganstyle.registry import default_registry

    return open_model(source, registry=default_registry(), device=choose_device(device))
