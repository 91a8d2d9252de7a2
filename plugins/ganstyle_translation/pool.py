"""The image pool: D is shown translated pictures of former steps as well (arXiv:1612.07828, as in arXiv:1703.10593)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


class ImagePool:
    """Keeps some of the pictures it was shown, and gives back an old one half of the time.

    Attributes:
        size: pictures kept; 0 gives back what comes.
        kept: float (3, H, W) each.
    """

    def __init__(self, size: int) -> None:
        """Start empty."""
        self.size, self.kept = size, list[Tensor]()

    def swapped(self, images: Tensor, step: int, *, salt: int = 0) -> Tensor:
        """Take pictures, and return as many: until the pool is full the same, then each kept one with chance 1/2.

        Args:
            images: float (B, 3, H, W), without a graph.
            step: with `salt` the only source of chance, so that a resumed run draws the same.
            salt: tells pools apart.

        Returns:
            float (B, 3, H, W).
        """
        if not self.size:
            return images
        draws = np.random.default_rng([step, salt]).random((len(images), 2)).tolist()
        return torch.stack([self._swapped(image, *draw) for image, draw in zip(images, draws)])

    def _swapped(self, image: Tensor, coin: float, place: float) -> Tensor:
        if len(self.kept) < self.size:
            self.kept.append(image)
            return image
        if coin < 0.5:
            return image
        slot = int(place * self.size)
        old, self.kept[slot] = self.kept[slot], image
        return old

    def state(self) -> dict[str, Tensor]:
        """Return `kept`, float (max(1, n), 3, H, W), and `count`, int64 (): what a checkpoint must hold."""
        kept = torch.stack(self.kept) if self.kept else torch.zeros(1, 3, 1, 1)
        return {"kept": kept, "count": torch.tensor(len(self.kept))}

    def load(self, kept: Tensor, count: Tensor, *, device: torch.device) -> None:
        """Take back what `state` gave."""
        self.kept = [image.to(device) for image in kept[: int(count)]]
