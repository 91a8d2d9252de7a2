"""`ganstyle report`: a run's curves, pictures and film, anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganstyle.cli.output import JsonFlag, Output, QuietFlag, command
from ganstyle.errors import EnvironmentProblem

RUNS = Path("runs")


@command
def report(
    run: Annotated[Path | None, typer.Argument(help="Run folder; default: the newest.")] = None,
    runs: Annotated[Path, typer.Option(help="Folder of the numbered runs.")] = RUNS,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Write report.html, curves.png and timeline.webp of a run, from what lies in its folder."""
    from ganstyle.engine.reports import CURVES, write_report
    from ganstyle.engine.run import Run, newest_run
    from ganstyle.engine.timeline import write_timeline

    folder = (newest_run(runs) if run is None else Run.open(run)).folder
    written = write_report(folder)
    if written is None:
        hint = "is the folder writable, and the disk not full?"
        raise EnvironmentProblem("the report could not be written", where=str(folder), hint=hint)
    curves = folder / CURVES if (folder / CURVES).is_file() else None
    facts = {"report": written, "curves": curves, "timeline": write_timeline(folder)}
    lines = [f"{name + ':':10}{path}" for name, path in facts.items() if path is not None]
    Output(json, quiet).result(facts, text="\n".join(lines))
