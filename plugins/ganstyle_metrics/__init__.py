"""Built-in metrics: a table of records."""

from __future__ import annotations

from collections.abc import Iterable

from ganstyle.api import Component, Evaluator, hookimpl

ganstyle_api = 1

_FRECHET = "arXiv:1706.08500"
_KERNEL = "arXiv:1801.01401"


@hookimpl
def ganstyle_components() -> Iterable[Component]:
    """Return the metrics of sets (`fid` to `kid_efficientnet_lite0`) and of pairs (`ssim`, `ms_ssim`, `psnr`)."""
    yield Evaluator("fid", "Fréchet distance of Inception features.", "ganstyle_metrics.frechet:build_fid", _FRECHET)
    yield Evaluator("kid", "Kernel distance of Inception features.", "ganstyle_metrics.kernel:build_kid", _KERNEL)
    yield Evaluator(
        "is",
        "Inception score: are pictures clear and varied? Needs no real ones.",
        "ganstyle_metrics.inception_score:build_is",
        "arXiv:1606.03498",
    )
    yield Evaluator(
        "fd_efficientnet_lite0",
        "Fréchet distance of EfficientNet-Lite0 features; works offline, is not FID.",
        "ganstyle_metrics.frechet:build_fd_lite0",
        _FRECHET,
    )
    yield Evaluator(
        "kid_efficientnet_lite0",
        "Kernel distance of EfficientNet-Lite0 features; works offline, is not the Inception KID.",
        "ganstyle_metrics.kernel:build_kid_lite0",
        _KERNEL,
    )
    pairs = "ganstyle_metrics.similarity"
    yield Evaluator("ssim", "Structural similarity, 11 x 11 Gaussian window, RGB.", f"{pairs}:build_ssim")
    yield Evaluator("ms_ssim", "SSIM over five scales; sides above 160 pixels.", f"{pairs}:build_ms_ssim")
    yield Evaluator("psnr", "Peak signal-to-noise ratio in dB, mean over pictures.", f"{pairs}:build_psnr")


@hookimpl
def ganstyle_checks() -> Iterable[tuple[str, bool, str]]:
    """Return a line for each file of weights that a metric needs."""
    from ganstyle_metrics.checks import weights_checks

    return weights_checks()
