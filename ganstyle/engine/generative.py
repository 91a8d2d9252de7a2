"""What metrics draw from when they make pictures themselves: a generator with latents, styled or not."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganstyle.engine.latents import CodeSpace, Latents


class LatentSource:
    """A generator as the metrics of generators see it.

    Attributes:
        z_dim: of the latents, standard normal.
        labels: number of labels; 0 is unconditional.
        styled: codes are those of a mapping network (W space), one for each layer; otherwise they are the latents.
        device: of the generator.
    """

    def __init__(self, generator: nn.Module) -> None:
        """Look at a generator in evaluation mode.

        Raises:
            UsageError: it takes no latent.
        """
        self._space = CodeSpace(generator)
        self.z_dim, self.labels, self.styled = self._space.z_dim, self._space.labels, self._space.styled
        self.device = self._space.device

    @torch.inference_mode()
    def codes(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return codes (B, L, w_dim) of latents (B, z_dim); labels int64 (B,), needed if the generator has any."""
        return self._space.encode(z.to(self.device), self._shares(labels))

    @torch.inference_mode()
    def synthesise(self, codes: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return pictures, float (B, 3, H, W) in [-1, 1], of codes (B, L, w_dim)."""
        shares = None if self.styled else self._shares(labels)
        images = self._space.render(Latents(codes.to(self.device), shares))
        return images.expand(-1, 3, -1, -1)

    def _shares(self, labels: Tensor | None) -> Tensor | None:
        if not self.labels or labels is None:
            return None
        return torch.eye(self.labels, device=self.device)[labels.to(self.device)]
