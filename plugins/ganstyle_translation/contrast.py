"""PatchNCE: a piece of the result must tell which piece of the photograph it came from (arXiv:2007.15651)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def patch_nce(queries: Tensor, keys: Tensor, *, temperature: float = 0.07, across: bool = False) -> Tensor:
    """Return -log(e^(q.k+ / t) / sum_k e^(q.k / t)), averaged: 0 if every query finds its key, log P at chance.

    Args:
        queries: float (B, P, C), unit vectors.
        keys: float (B, P, C), unit vectors; the p-th is the answer to the p-th query. No gradient reaches them.
        temperature: t.
        across: the pieces of all pictures of the batch compete, not only those of the same one.

    Returns:
        Scalar.

    Source: Park et al. 2020 (arXiv:2007.15651), eqs. 2 and 3; `across` is its section 4.4, for single pictures.
    """
    if across:
        queries, keys = queries.flatten(0, 1)[None], keys.flatten(0, 1)[None]
    logits = (queries @ keys.detach().mT / temperature).flatten(0, 1)
    answers = torch.arange(keys.shape[1], device=keys.device).repeat(len(keys))
    return F.cross_entropy(logits, answers)


class Projector(nn.Module):
    """Two linear layers for each tap, to unit vectors that patches are compared by."""

    def __init__(self, channels: Sequence[int], width: int) -> None:
        """Make a perceptron for each tap.

        Args:
            channels: of the taps.
            width: of its hidden layer and of its answer.
        """
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, width)) for inputs in channels
        )

    def forward(self, taps: Sequence[Tensor], places: Sequence[Tensor]) -> list[Tensor]:
        """Return the vectors of some places.

        Args:
            taps: float (B, C, h, w) each.
            places: int64 (P,) each, below h * w of its tap.

        Returns:
            float (B, P, width) for each tap, of length 1.
        """
        chosen = [tap.flatten(2)[:, :, place].mT for tap, place in zip(taps, places, strict=True)]
        return [F.normalize(head(rows), dim=2) for head, rows in zip(self.heads, chosen, strict=True)]


def places_of(taps: Sequence[Tensor], step: int, *, count: int) -> list[Tensor]:
    """Return random places of every tap that depend on the step and the sizes alone, so that parts of a batch agree.

    Args:
        taps: float (B, C, h, w) each.
        step: counted from 0.
        count: places of each; fewer where a tap has no more.

    Returns:
        int64 (P,) each, on the device of the taps.
    """
    found = []
    for index, tap in enumerate(taps):
        generator = torch.Generator().manual_seed(step * len(taps) + index)
        order = torch.randperm(tap.shape[2] * tap.shape[3], generator=generator)
        found.append(order[:count].to(tap.device, non_blocking=True))
    return found
