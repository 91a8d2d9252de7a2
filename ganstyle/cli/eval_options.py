"""Options that `ganstyle eval` and `ganstyle study compare` share, and what was asked for as one value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

MetricOption = Annotated[
    str | None, typer.Option("--metric", help="Names with commas, or all; default: those that work offline.")
]
RealOption = Annotated[
    str | None, typer.Option("--real", help="Real pictures: folder, zip, data set or .npz statistics.")
]
CountOption = Annotated[
    int | None, typer.Option("--count", min=2, help="Pictures of each side; default: all, at most 1000 of a model.")
]
CompatOption = Annotated[
    str | None, typer.Option("--compat", help="Follow pytorch-fid, torch-fidelity, clean-fid or torchmetrics.")
]
SetsOption = Annotated[list[str] | None, typer.Option("--set", help="E.g. metric.fid.resize=pytorch. Repeatable.")]
WeightsOption = Annotated[
    list[str] | None, typer.Option("--weights", help="NAME=PATH of a network's file, e.g. inception=FILE. Repeatable.")
]
DownloadFlag = Annotated[bool, typer.Option("--download", help="Fetch missing weights of the metrics.")]
CacheFlag = Annotated[bool, typer.Option("--cache/--no-cache", help="Keep features, so that the next time is quick.")]
HtmlOption = Annotated[Path | None, typer.Option("--html", "--report", help="Write a report as one HTML file.")]
ReferenceOption = Annotated[
    Path | None, typer.Option("--save-reference", help="Write the real side's statistics as .npz, for one metric.")
]
PlotOption = Annotated[Path | None, typer.Option("--plot", help="With compare: write the plot as a PNG file.")]


@dataclass(frozen=True)
class Request:
    """What was asked for.

    Attributes:
        metric: names with commas, `all`, or None.
        real: place of the real pictures.
        count: pictures of each side.
        compat: tool whose protocol is followed.
        sets: options of metrics.
        download: fetch missing weights.
        html: place of the report.
        plot: place of the plot.
        cache: keep features.
        seed: of samples.
        device: by its word.
        weights: files of networks, as NAME=PATH.
        reference: place of the statistics to be written.
    """

    metric: str | None = None
    real: str | None = None
    count: int | None = None
    compat: str | None = None
    sets: tuple[str, ...] = ()
    download: bool = False
    html: Path | None = None
    plot: Path | None = None
    cache: bool = True
    seed: int = 0
    device: str = "auto"
    weights: tuple[str, ...] = ()
    reference: Path | None = None

    @property
    def wants_all(self) -> bool:
        """Whether every installed metric was asked for, so that one that can't be had is no failure."""
        return self.metric == "all"
