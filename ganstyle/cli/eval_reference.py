"""`ganstyle eval --save-reference`: the statistics of real pictures as a file that stands for them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ganstyle.errors import UsageError

if TYPE_CHECKING:
    from ganstyle.config import Selection
    from ganstyle.engine.evaluation import Assessment

SUFFIX = ".npz"


def check_reference(path: Path, metrics: Sequence[Selection]) -> None:
    """Refuse what would fail after all the work.

    Raises:
        UsageError: another ending, a file that is there already, or not exactly one metric.
    """
    where = "--save-reference"
    if path.suffix != SUFFIX:
        raise UsageError(f"{path} does not end in {SUFFIX}", where=where, hint=f"--save-reference {path.stem}{SUFFIX}")
    if path.exists():
        raise UsageError(f"{path} exists", where=where, hint="choose another name; nothing is overwritten")
    if len(metrics) != 1:
        named = ", ".join(one.name for one in metrics)
        hint = "a file holds the statistics of one network: --metric fid"
        raise UsageError(f"{len(metrics)} metrics are asked for ({named})", where=where, hint=hint)


def write_statistics(path: Path, found: Assessment) -> str:
    """Write the real side's mean and covariance; return where.

    Raises:
        UsageError: the metric failed, or has no such statistics.
        EnvironmentProblem: the place can't be written.
    """
    from ganstyle.engine.references import write_reference

    evaluator = next(iter(found.evaluators.values()), None)
    moments = getattr(evaluator, "moments", None)
    if moments is None:
        reason = found.scores[0].error or f"{found.scores[0].metric} keeps no mean and covariance"
        raise UsageError(f"no reference was written: {reason}", where=str(path), hint="--metric fid")
    write_reference(path, *moments(real=True))
    return str(path)
