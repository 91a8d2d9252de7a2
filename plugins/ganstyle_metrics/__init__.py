"""Built-in metrics: two tables of records."""

from __future__ import annotations

from collections.abc import Iterable

from ganstyle.api import Component, hookimpl
from ganstyle_metrics.pair_records import PAIR_METRICS
from ganstyle_metrics.set_records import SET_METRICS

ganstyle_api = 1


@hookimpl
def ganstyle_components() -> Iterable[Component]:
    """Return the metrics of sets (`fid` to `kid_efficientnet_lite0`) and of pairs (`ssim`, `ms_ssim`, `psnr`)."""
    return [*SET_METRICS, *PAIR_METRICS]


@hookimpl
def ganstyle_checks() -> Iterable[tuple[str, bool, str]]:
    """Return a line for each file of weights that a metric needs."""
    from ganstyle_metrics.checks import weights_checks

    return weights_checks()
