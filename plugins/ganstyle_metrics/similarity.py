"""Metrics of pairs: one value per picture, then the mean."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ganstyle.api import Options
from ganstyle.errors import NoInputError
from ganstyle.functional.similarity import ms_ssim, psnr, ssim

LIGHTEST = 255.0
WINDOW = "RGB, 11 x 11 Gaussian window (sigma 1.5), population covariance"


class SimilarityOptions(Options):
    """The variant of each similarity is fixed, so that its key means one thing."""


class Similarity:
    """Mean over pictures of a similarity of pairs.

    Attributes:
        key: of the value.
        protocol: the definition in words.
    """

    paired = True
    higher_is_better = True

    def __init__(self, measure: Callable[..., Tensor], *, key: str, protocol: str, device: torch.device | str) -> None:
        self.key, self.protocol = key, protocol
        self._measure, self._device = measure, device
        self.reset()

    def reset(self) -> None:
        """Forget all pairs."""
        self._values: list[Tensor] = []

    def update(self, images: Tensor, reference: Tensor) -> None:
        """Take pairs of uint8 images (B, 3, H, W).

        Raises:
            InputError: unequal or too small pictures.
        """
        images, reference = images.to(self._device), reference.to(self._device)
        self._values.append(self._measure(images, reference, data_range=LIGHTEST).cpu())

    def compute(self) -> dict[str, float]:
        """Return the mean.

        Raises:
            NoInputError: there were no pairs.
        """
        return {self.key: self.values().mean().item()}

    def values(self) -> Tensor:
        """Return the value of each pair, sorted (so that sums don't depend on the order of pairs)."""
        if not self._values:
            raise NoInputError("there are no pairs to compare")
        return torch.cat(self._values).sort().values

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Return 95 % of the mean over pairs, by its standard error; nothing for one pair or infinite values."""
        values = self.values()
        if len(values) < 2 or not torch.isfinite(values).all():
            return {}
        mean, half = values.mean().item(), 1.96 * values.std().item() / len(values) ** 0.5
        return {self.key: (mean - half, mean + half)}

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
