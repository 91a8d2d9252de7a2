"""Metrics of pairs: one value per picture, then the mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ganstyle.api import Options
from ganstyle.functional.similarity import ms_ssim, psnr, ssim
from ganstyle_metrics.paired import PairEvaluator

LIGHTEST = 255.0
WINDOW = "RGB, 11 x 11 Gaussian window (sigma 1.5), population covariance"


class SimilarityOptions(Options):
    """The variant of each similarity is fixed, so that its key means one thing."""


class Similarity(PairEvaluator):
    """Mean over pictures of a similarity of pairs."""

    higher_is_better = True

    def __init__(self, similarity: Callable[..., Tensor], *, device: torch.device | str, **named: str) -> None:
        self._similarity = similarity
        super().__init__(device=device, **named)

    def measure(self, images: Tensor, reference: Tensor, **styles: Any) -> Tensor:
        """Return the similarity of each pair, float64 (B,)."""
        return self._similarity(images, reference, data_range=LIGHTEST)

    def warnings(self) -> list[str]:
        """Return what a reader of the score must know."""
        equal = int(torch.isinf(self.values()).sum())
        return [f"{equal:,} pairs are identical: their value is infinite"] if equal else []


def build_ssim(options: SimilarityOptions, device: torch.device | str) -> Similarity:
    """Return SSIM as scikit-image computes it with `gaussian_weights=True, use_sample_covariance=False`."""
    return Similarity(ssim, key="ssim_gauss11", protocol=WINDOW, device=device)


def build_ms_ssim(options: SimilarityOptions, device: torch.device | str) -> Similarity:
    """Return multi-scale SSIM."""
    return Similarity(ms_ssim, key="ms_ssim_gauss11", protocol=f"five scales, {WINDOW}", device=device)


def build_psnr(options: SimilarityOptions, device: torch.device | str) -> Similarity:
    """Return PSNR, the mean of per-picture values (not of a pooled error)."""
    return Similarity(psnr, key="psnr_mean", protocol="dB, RGB, mean of per-picture values", device=device)
