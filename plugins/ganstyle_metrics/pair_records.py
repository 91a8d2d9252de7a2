"""Records of the metrics of pairs, styles and films. Imports no torch."""

from __future__ import annotations

from ganstyle.api import Evaluator

_SIMILARITY = "ganstyle_metrics.similarity"

PAIR_METRICS = (
    Evaluator("ssim", "Structural similarity, 11 x 11 Gaussian window, RGB.", f"{_SIMILARITY}:build_ssim"),
    Evaluator("ms_ssim", "SSIM over five scales; sides above 160 pixels.", f"{_SIMILARITY}:build_ms_ssim"),
    Evaluator("psnr", "Peak signal-to-noise ratio in dB, mean over pictures.", f"{_SIMILARITY}:build_psnr"),
)
