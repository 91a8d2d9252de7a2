"""Labels of a conditional GAN, as several architectures take them: beside z in G, compared with features in D.

The names of the weights (`first`, `embedding`) are those that stored models have.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class LatentInput(nn.Module):
    """The start of a generator whose label is embedded beside z (arXiv:1411.1784), and which enters by one linear map.

    Attributes:
        z_dim: latent dimension.
        labels: number of labels; 0 is unconditional.
        embedding: labels to vectors as long as z; None if unconditional.
        first: the linear map by which z and the label enter.
    """

    first: nn.Linear

    def __init__(self, *, z_dim: int, labels: int, outputs: int) -> None:
        """Draw the weights.

        Args:
            z_dim: of the latents.
            labels: 0 is unconditional.
            outputs: of the linear map, which has no bias.
        """
        super().__init__()
        self.z_dim, self.labels = z_dim, labels
        self.embedding = nn.Embedding(labels, z_dim) if labels else None
        self.first = nn.Linear(z_dim * (2 if labels else 1), outputs, bias=False)

    def enter(self, z: Tensor, labels: Tensor | None) -> Tensor:
        """Return float (B, outputs) of z, float (B, z_dim), and labels, int64 (B,), if conditional."""
        if self.embedding is not None:
            z = torch.cat([z, self.embedding(labels)], dim=1)
        return self.first(z)

    def style_weights(self) -> Tensor:
        """Return the linear map by which z enters, float (n, z_dim), for editing directions (arXiv:2007.06600)."""
        return self.first.weight[:, : self.z_dim]


def with_label(logits: Tensor, features: Tensor, *, embedding: nn.Embedding | None, labels: Tensor | None) -> Tensor:
    """Return logits that agree with a label: plus its vector times the mean features (arXiv:1802.05637, eq. 3).

    Args:
        logits: float (B, n).
        features: float (B, C, H, W) from which they were made.
        embedding: labels to C numbers; None leaves the logits.
        labels: int64 (B,), if there is an embedding.
    """
    if embedding is None:
        return logits
    return logits + (embedding(labels) * features.mean((2, 3))).sum(1, keepdim=True)
