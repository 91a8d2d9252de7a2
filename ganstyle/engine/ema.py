"""Exponential moving averages of the networks that are sampled (arXiv:1710.10196, section 6)."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from itertools import chain

import torch
from torch import nn


class AveragedNetworks:
    """Averages whose half-life is counted in images, so that batch size doesn't change them.

    Args:
        networks: role to module, being trained.
        roles: which of them are averaged; the copies are in eval mode and need no gradient.
        halflife_images: after this many images an old weight counts half; 0 copies.
        ramp: the half-life is at most this share of the images seen, so that early weights don't linger; 0 is off.
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
        pairs = [(self.networks[role], net) for role, net in self.source.items()]
        # Listed once: walking the modules anew at every step costs more than small averages do.
        self._parameters = [list(chain.from_iterable(net.parameters() for net in side)) for side in zip(*pairs)]
        self._buffers = [list(chain.from_iterable(net.buffers() for net in side)) for side in zip(*pairs)]

    def decay(self, images: int, batch: int) -> float:
        """Return the weight of the old average for a step of `batch` images after `images` were seen."""
        halflife = min(self.halflife_images, self.ramp * images) if self.ramp else self.halflife_images
        return 0.5 ** (batch / halflife) if halflife > 0 else 0.0

    @torch.no_grad()
    def update(self, images: int, batch: int) -> None:
        """Move every parameter toward the trained one; copy the buffers."""
        if not self.source:
            return
        old, new = self._parameters
        torch._foreach_lerp_(old, new, 1 - self.decay(images, batch))
        old, new = self._buffers
        if old:
            torch._foreach_copy_(old, new)

    @torch.no_grad()
    def copy_source(self) -> None:
        """Start again from the trained weights."""
        for role, source in self.source.items():
            self.networks[role].load_state_dict(source.state_dict())

    def is_finite(self) -> bool:
        """Return whether every averaged weight is a number."""
        return all(bool(torch.isfinite(p).all()) for net in self.networks.values() for p in net.parameters())
