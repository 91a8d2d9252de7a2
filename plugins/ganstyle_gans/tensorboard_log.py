"""Scalars of a run for TensorBoard, an extra; `scalars.jsonl` and `ganstyle report` need none."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from ganstyle.api import Options
from ganstyle.errors import EnvironmentProblem


class TensorBoardOptions(Options):
    """Options of the callback `tensorboard`."""

    folder: Annotated[str, Field(min_length=1, description="Where, inside the run's folder.")] = "tensorboard"


class TensorBoardLog:
    """Writes every logged scalar as an event file."""

    def __init__(self, options: TensorBoardOptions) -> None:
        """Look for TensorBoard, which is imported when the run starts.

        Raises:
            EnvironmentProblem: it is not installed.
        """
        if importlib.util.find_spec("tensorboard") is None:
            raise EnvironmentProblem(
                "the callback tensorboard needs TensorBoard, which is not installed",
                where="callback.tensorboard",
                hint="pip install 'ganstyle[tensorboard]', or --set callback=none",
            )
        self.options, self.writer = options, None

    def on_start(self, run: Any) -> None:
        """Open the event file.

        Args:
            run: has `folder`.
        """
        from torch.utils.tensorboard import SummaryWriter

        self.writer: Any = SummaryWriter(str(Path(run.folder) / self.options.folder))

    def on_step(self, step: int, scalars: Mapping[str, float]) -> None:
        """Write the scalars of a logged step."""
        if self.writer is not None:
            for key, value in scalars.items():
                self.writer.add_scalar(key, value, step)

    def on_end(self, run: Any) -> None:
        """Close the file."""
        if self.writer is not None:
            self.writer.close()
