"""Exponential moving averages of the networks that are sampled (arXiv:1710.10196, section 6)."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping

import torch
from torch import nn


class AveragedNetworks:
    """Averages whose half-life is counted in images, so that batch size doesn't change them.

    Args:
        networks: role to module, being trained.
        roles: which of them are averaged; the copies are in eval mode and need no gradient.
        halflife_images: after this many images an old weight counts half; 0 copies.
        ramp: the half-life is at most this share of the images seen, so that early weights don't linger.
    """

    def __init__(
        self,
        networks: Mapping[str, nn.Module],
        roles: Iterable[str],
        *,
        halflife_images: float,
        ramp: float = 0.05,
    ) -> None:
        self.source = {role: networks[role] for role in roles}
        self.networks = {role: copy.deepcopy(net).eval().requires_grad_(False) for role, net in self.source.items()}
        self.halflife_images, self.ramp = halflife_images, ramp

    def decay(self, images: int, batch: int) -> float:
        """Return the weight of the old average for a step of `batch` images after `images` were seen."""
        halflife = min(self.halflife_images, self.ramp * images)
        return 0.5 ** (batch / halflife) if halflife > 0 else 0.0

    @torch.no_grad()
    def update(self, images: int, batch: int) -> None:
        """Move every parameter toward the trained one; copy the buffers."""
        decay = self.decay(images, batch)
        for role, source in self.source.items():
            target = self.networks[role]
            torch._foreach_lerp_(list(target.parameters()), list(source.parameters()), 1 - decay)
            for old, new in zip(target.buffers(), source.buffers(), strict=True):
                old.copy_(new)

    @torch.no_grad()
    def copy_source(self) -> None:
        """Start again from the trained weights."""
        for role, source in self.source.items():
            self.networks[role].load_state_dict(source.state_dict())

    def is_finite(self) -> bool:
        """Return whether every averaged weight is a number."""
        return all(bool(torch.isfinite(p).all()) for net in self.networks.values() for p in net.parameters())
