"""How alike two pictures are: SSIM and PSNR, each value per picture."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ganstyle.errors import InputError

WINDOW = 11
SIGMA = 1.5
K1, K2 = 0.01, 0.03
MS_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def ssim(x: Tensor, y: Tensor, *, data_range: float) -> Tensor:
    """Return the structural similarity of each pair.

    Args:
        x: (B, C, H, W), sides of at least 11, any numeric dtype.
        y: the same shape as x.
        data_range: distance of the darkest and the lightest possible value, e.g. 255.0.

    Returns:
        float64 (B,), in [-1, 1]; 1 for equal pictures.

    Raises:
        InputError: other shapes, or a side below 11 pixels.

    Source: Wang et al. 2004, eq. 13: 11 x 11 Gaussian window of sigma 1.5, population covariance, only windows
    that lie inside the picture, mean over channels. Equals scikit-image's `structural_similarity` with
    `gaussian_weights=True, sigma=1.5, use_sample_covariance=False`.
    """
    luminance, structure = _ssim_maps(*_checked(x, y), data_range)
    return (luminance * structure).flatten(1).mean(1)


def ms_ssim(x: Tensor, y: Tensor, *, data_range: float) -> Tensor:
    """Return the multi-scale structural similarity of each pair.

    Args:
        x: (B, C, H, W), sides above 160 pixels.
        y: the same shape as x.
        data_range: as in `ssim`.

    Returns:
        float64 (B,), in [0, 1]; negative scale terms count as 0.

    Raises:
        InputError: other shapes, or a side of 160 pixels or less.

    Source: Wang, Simoncelli and Bovik 2003, eq. 7, its five weights; 2 x 2 means between scales.
    """
    x, y = _checked(x, y)
    if min(x.shape[2:]) <= (WINDOW - 1) * 16:
        raise InputError(f"ms_ssim needs sides above 160 pixels, got {_size(x)}")
    product = torch.ones(x.shape[:2], dtype=x.dtype, device=x.device)
    for scale, weight in enumerate(MS_WEIGHTS):
        luminance, structure = _ssim_maps(x, y, data_range)
        term = structure * luminance if scale == len(MS_WEIGHTS) - 1 else structure
        product = product * term.mean((2, 3)).clamp_min(0) ** weight
        x, y = _halved(x), _halved(y)
    return product.mean(1)


def psnr(x: Tensor, y: Tensor, *, data_range: float) -> Tensor:
    """Return the peak signal-to-noise ratio of each pair.

    Args:
        x: (B, C, H, W), any numeric dtype.
        y: the same shape as x.
        data_range: as in `ssim`.

    Returns:
        float64 (B,), dB; infinite for equal pictures.

    Raises:
        InputError: other shapes.
    """
    x, y = _checked(x, y, smallest=1)
    return 10 * torch.log10(data_range**2 / (x - y).square().flatten(1).mean(1))


def _ssim_maps(x: Tensor, y: Tensor, data_range: float) -> tuple[Tensor, Tensor]:
    """Return the luminance map and the contrast-structure map, (B, C, H - 10, W - 10)."""
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    stacked = torch.cat([x, y, x * x, y * y, x * y], 1)
    mean_x, mean_y, xx, yy, xy = _blurred(stacked).chunk(5, 1)
    luminance = (2 * mean_x * mean_y + c1) / (mean_x.square() + mean_y.square() + c1)
    covariance = xy - mean_x * mean_y
    variances = xx - mean_x.square() + yy - mean_y.square()
    return luminance, (2 * covariance + c2) / (variances + c2)


def _blurred(x: Tensor) -> Tensor:
    """Return Gaussian means of all windows inside (B, C, H, W)."""
    offsets = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    weights = torch.softmax(-offsets.square() / (2 * SIGMA**2), 0).tolist()
    return _filtered(_filtered(x, weights, 2), weights, 3)


def _filtered(x: Tensor, weights: list[float], dim: int) -> Tensor:
    # Shifted sums: on CPUs, torch's convolution of one float64 channel takes ten times as long.
    size = x.shape[dim] - len(weights) + 1
    total = x.narrow(dim, 0, size) * weights[0]
    for start, weight in enumerate(weights[1:], 1):
        total.add_(x.narrow(dim, start, size), alpha=weight)
    return total


def _halved(x: Tensor) -> Tensor:
    """Return means of 2 x 2 blocks; an odd side is padded with zeros as the reference code does."""
    return F.avg_pool2d(x, 2, padding=[side % 2 for side in x.shape[2:]])


def _checked(x: Tensor, y: Tensor, *, smallest: int = WINDOW) -> tuple[Tensor, Tensor]:
    """Return both in float64 (float32 where the device has no other), or refuse them."""
    if x.ndim != 4 or x.shape != y.shape:
        raise InputError(f"pairs need equal shapes (B, C, H, W), got {tuple(x.shape)} and {tuple(y.shape)}")
    if min(x.shape[2:]) < smallest:
        raise InputError(f"ssim needs sides of at least {smallest} pixels, got {_size(x)}")
    dtype = torch.float32 if x.device.type == "mps" else torch.float64
    return x.to(dtype), y.to(dtype)


def _size(x: Tensor) -> str:
    return f"{x.shape[3]} x {x.shape[2]}"
