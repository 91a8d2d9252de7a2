"""Records of the metrics of two sets. Imports no torch."""

from __future__ import annotations

from ganstyle.api import Evaluator

_FRECHET = "arXiv:1706.08500"
_KERNEL = "arXiv:1801.01401"
_INFINITY = "arXiv:1911.07023"

# Whose resize each tool uses; torchmetrics since 1.8. Subsets and splits are everybody's defaults.
_RESIZES = {"torch-fidelity": "tf1", "pytorch-fid": "pytorch", "clean-fid": "clean", "torchmetrics": "antialias"}


def _following(*tools: str) -> dict[str, dict[str, str]]:
    return {tool: {"resize": _RESIZES[tool]} for tool in tools}


_NEIGHBOURHOODS = {
    "precision": "Share of generated images that could be real ones",
    "recall": "Share of real images that could be generated ones",
    "density": "How crowded with real images the places of generated ones are",
    "coverage": "Share of real images that have a generated one near them",
}


def _neighbourhood(name: str, summary: str, network: str = "") -> Evaluator:
    reference = "arXiv:1904.06991" if name in ("precision", "recall") else "arXiv:2002.09797"
    if network:
        target = f"ganstyle_metrics.neighbourhoods:build_{name}_lite0"
        return Evaluator(f"{name}_efficientnet_lite0", f"{summary}; works offline.", target, reference)
    compat = {"torch-fidelity": {"k": 3}} if name in ("precision", "recall") else {}
    target = f"ganstyle_metrics.neighbourhoods:build_{name}"
    return Evaluator(name, f"{summary}, by VGG-16.", target, reference, compat=compat)


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
    Evaluator(
        "fid_infinity",
        "FID without the bias of finite sets; more than 5,000 generated images.",
        "ganstyle_metrics.frechet:build_fid_infinity",
        _INFINITY,
    ),
    Evaluator(
        "fd_infinity_efficientnet_lite0",
        "The same on EfficientNet-Lite0 features; more than 800 generated images, works offline, is not FID.",
        "ganstyle_metrics.frechet:build_fd_infinity_lite0",
        _INFINITY,
    ),
    *(_neighbourhood(name, summary) for name, summary in _NEIGHBOURHOODS.items()),
    *(_neighbourhood(name, summary, "lite0") for name, summary in _NEIGHBOURHOODS.items()),
    Evaluator(
        "fd_dinov2",
        "Fréchet distance of DINOv2 ViT-L/14 features.",
        "ganstyle_metrics.dinov2:build_fd_dinov2",
        "arXiv:2306.04675",
    ),
    Evaluator(
        "cmmd",
        "Kernel distance of CLIP ViT-L/14 features (336 pixels).",
        "ganstyle_metrics.cmmd:build_cmmd",
        "arXiv:2401.09603",
    ),
    Evaluator(
        "memorization",
        "Percentage of images that are no near copies of real ones (AuthPct); shows the nearest.",
        "ganstyle_metrics.memorization:build_memorization",
        "arXiv:2102.08921",
    ),
)
