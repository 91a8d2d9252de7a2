"""The small patch discriminator that a style is refined against: is this a piece of the works?

Papers: Isola et al. 2017 (arXiv:1611.07004) for logits of patches; Miyato et al. 2018
(arXiv:1802.05957) for spectral normalisation, which lets it learn from a handful of works.
Original code: none used.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from ganstyle.api import LossLike
from ganstyle.nn.modules import frozen

WIDTHS = (3, 24, 48, 96)


class Rival(nn.Module):
    """Spectrally normalised logits of patches of 38 pixels: strokes and colours, not motifs."""

    def __init__(self) -> None:
        """Make four convolutions and a head."""
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(WIDTHS):
            layers += [spectral_norm(nn.Conv2d(inputs, outputs, 4, 2, 1)), nn.LeakyReLU(0.2)]
        last = spectral_norm(nn.Conv2d(WIDTHS[-1], WIDTHS[-1], 3, 1, 1))
        self.layers = nn.Sequential(*layers, last, nn.LeakyReLU(0.2), spectral_norm(nn.Conv2d(WIDTHS[-1], 1, 1)))

    def forward(self, images: Tensor) -> Tensor:
        """Return float32 (B, 1, H/8, W/8) of float32 (B, 3, H, W) in [-1, 1]."""
        return self.layers(images)


class Contest:
    """A rival with its optimiser and the loss that both sides play.

    Args:
        loss: any adversarial loss; a relativistic one gets the works' logits as well.
        device: where the pictures are.
        lr: Adam's rate.
        seed: of the rival's weights.
    """

    def __init__(self, loss: LossLike, *, device: torch.device, lr: float, seed: int) -> None:
        self.loss = loss
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.rival = Rival().to(device, memory_format=torch.channels_last)
        self.adam = torch.optim.Adam(self.rival.parameters(), lr=lr, betas=(0.0, 0.99))

    def learn(self, works: Tensor, painted: Tensor) -> float:
        """Teach the rival one step and return its loss; both float32 (B, 3, H, W) in [-1, 1]."""
        real, fake = self.rival(torch.cat([works, painted.detach()])).chunk(2)
        loss = self.loss.discriminator(real, fake)
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()
        return float(loss.detach())

    def judge(self, works: Tensor, painted: Tensor) -> Tensor:
        """Return what the painted pictures pay, a scalar; gradients pass through to them alone."""
        with frozen(self.rival) as rival:
            real = rival(works) if self.loss.relativistic else None
            return self.loss.generator(real, rival(painted))
