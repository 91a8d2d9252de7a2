"""Records of the metrics of two sets. Imports no torch."""

from __future__ import annotations

from ganstyle.api import Evaluator

_FRECHET = "arXiv:1706.08500"
_KERNEL = "arXiv:1801.01401"

# Whose resize each tool uses; torchmetrics since 1.8. Subsets and splits are everybody's defaults.
_RESIZES = {"torch-fidelity": "tf1", "pytorch-fid": "pytorch", "clean-fid": "clean", "torchmetrics": "antialias"}


def _following(*tools: str) -> dict[str, dict[str, str]]:
    return {tool: {"resize": _RESIZES[tool]} for tool in tools}


SET_METRICS = (
    Evaluator(
        "fid",
        "Fréchet distance of Inception features.",
        "ganstyle_metrics.frechet:build_fid",
        _FRECHET,
        compat=_following(*_RESIZES),
    ),
    Evaluator(
        "kid",
        "Kernel distance of Inception features.",
        "ganstyle_metrics.kernel:build_kid",
        _KERNEL,
        compat=_following("torch-fidelity", "clean-fid", "torchmetrics"),
    ),
    Evaluator(
        "is",
        "Inception score: are pictures clear and varied? Needs no real ones.",
        "ganstyle_metrics.inception_score:build_is",
        "arXiv:1606.03498",
        compat=_following("torch-fidelity", "torchmetrics"),
    ),
    Evaluator(
        "fd_efficientnet_lite0",
        "Fréchet distance of EfficientNet-Lite0 features; works offline, is not FID.",
        "ganstyle_metrics.frechet:build_fd_lite0",
        _FRECHET,
    ),
    Evaluator(
        "kid_efficientnet_lite0",
        "Kernel distance of EfficientNet-Lite0 features; works offline, is not the Inception KID.",
        "ganstyle_metrics.kernel:build_kid_lite0",
        _KERNEL,
    ),
)
