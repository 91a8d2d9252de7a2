"""A small classifier of handwritten digits, trained where it is needed: it counts what a generator makes of MNIST."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def build_judge() -> nn.Sequential:
    """Return an untrained network: float (B, 1, 32, 32) in [-1, 1] to logits (B, 10)."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, 2, 1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, 2, 1),
        nn.ReLU(),
        nn.Conv2d(32, 32, 3, 2, 1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * 16, 10),
    )


def as_seen(images: Tensor) -> Tensor:
    """Return uint8 (B, 3, H, W) or (B, H, W) as the judge sees it: grey, 32 by 32, in [-1, 1]."""
    gray = images.float().mean(1) if images.ndim == 4 else images.float()
    return F.interpolate(gray[:, None], size=(32, 32), mode="bilinear", align_corners=False) / 127.5 - 1.0


def train_judge(images: Tensor, labels: Tensor, *, epochs: int = 2, seed: int = 0) -> nn.Sequential:
    """Fit the judge.

    Args:
        images: uint8 (N, H, W).
        labels: int64 (N,).
        epochs: passes over the images.
        seed: of the weights and the order.
    """
    torch.manual_seed(seed)
    judge = build_judge()
    adam = torch.optim.Adam(judge.parameters(), lr=2e-3)
    for _ in range(epochs):
        for rows in torch.randperm(len(images)).split(128):
            adam.zero_grad()
            F.cross_entropy(judge(as_seen(images[rows])), labels[rows]).backward()
            adam.step()
    return judge.eval()


@torch.no_grad()
def digits_of(judge: nn.Module, images: Tensor) -> Tensor:
    """Return the digit, int64 (B,), that the judge sees in each picture."""
    return torch.cat([judge(as_seen(part)).argmax(1) for part in images.split(500)])


def shares(digits: Tensor) -> Tensor:
    """Return float64 (10,): how much of the pictures each digit has."""
    return torch.bincount(digits, minlength=10).double() / len(digits)
