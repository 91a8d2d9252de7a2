"""Made-up pictures: smooth blobs, different from one another, equal for equal seeds."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def float_pictures(count: int, height: int, width: int, *, channels: int = 3, seed: int = 0) -> Tensor:
    """Return float32 (count, channels, height, width) in [-1, 1]."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(count, channels, 5, 5, generator=generator)
    fine = torch.randn(count, channels, height, width, generator=generator)
    smooth = F.interpolate(coarse, (height, width), mode="bilinear", align_corners=True)
    return torch.tanh(smooth + 0.1 * fine)


def byte_pictures(count: int, height: int, width: int, *, seed: int = 0) -> Tensor:
    """Return uint8 (count, 3, height, width)."""
    return ((float_pictures(count, height, width, seed=seed) + 1) * 127.5).round().to(torch.uint8)
