"""Scores from nearest neighbours in feature space: precision, recall, density, coverage, and copies of real pictures.

Throughout, the first set of a pair is the generated one, the second the real one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ganstyle.errors import InputError
from ganstyle.functional.feature_pairs import FeaturePair

TIE = 1e-9
"""Squared distances that differ by less than this share are equal: rounding must not decide."""
DRAWS = 20
LARGEST_DRAW = 1024  # rows of a side; the deviation of larger sets is scaled from draws of this size


@dataclass(frozen=True)
class Neighbourhoods:
    """Shares that balls around the rows of one set catch of the other.

    Attributes:
        precision: share of generated rows in a ball around a real one, in [0, 1].
        recall: share of real rows in a ball around a generated one, in [0, 1].
        density: balls around real rows that a generated row lies in, mean, divided by k; 1 for equal distributions.
        coverage: share of real rows whose ball holds a generated row, in [0, 1].
    """

    precision: float
    recall: float
    density: float
    coverage: float


def neighbourhoods(pair: FeaturePair, *, k: int, closed: bool) -> Neighbourhoods:
    """Return precision, recall, density and coverage.

    Args:
        pair: generated and real features.
        k: a ball reaches to the k-th nearest neighbour within the own set.
        closed: whether the surface belongs to the ball: it does in Kynkäänniemi et al., not in the code of Naeem et al.

    Raises:
        InputError: a set has no k-th neighbours.

    Source: Kynkäänniemi et al. 2019 (arXiv:1904.06991), eq. 1 and 2; Naeem et al. 2020 (arXiv:2002.09797), eq. 3, 4.
    """
    return pair.once(("neighbourhoods", k, closed), lambda: _neighbourhoods(pair, k, closed))


def _neighbourhoods(pair: FeaturePair, k: int, closed: bool) -> Neighbourhoods:
    within = TIE if closed else -TIE
    fake_reach, real_reach = (radii(pair, side, k) * (1 + within) for side in "xy")
    caught, balls, recalled = 0, 0, torch.zeros_like(real_reach, dtype=torch.bool)
    nearest = torch.full_like(real_reach, torch.inf)
    for part, squared in pair.squared_distances("xy"):
        inside = _reaches(squared, real_reach, closed)
        caught, balls = caught + int(inside.any(1).sum()), balls + int(inside.sum())
        recalled |= _reaches(squared, fake_reach[part, None], closed).any(0)
        nearest = torch.minimum(nearest, squared.amin(0))
    fakes = len(pair.x)
    return Neighbourhoods(
        precision=caught / fakes,
        recall=recalled.double().mean().item(),
        density=balls / (k * fakes),
        coverage=_reaches(nearest, real_reach, closed).double().mean().item(),
    )


def _reaches(squared: Tensor, reach: Tensor, closed: bool) -> Tensor:
    return squared <= reach if closed else squared < reach


def radii(pair: FeaturePair, side: str, k: int) -> Tensor:
    """Return the squared distance of each row to its k-th nearest other row, float64 (N,).

    Raises:
        InputError: fewer than k + 1 rows.
    """
    count = len(pair.rows(side))
    if count <= k:
        name = "generated" if side == "x" else "real"
        raise InputError(
            f"{count:,} {name} images are too few for {k} neighbours of each",
            hint=f"use at least {k + 1} images, or a smaller k",
        )
    return pair.once(("radii", side, k), lambda: _radii(pair, side, k))


def _radii(pair: FeaturePair, side: str, k: int) -> Tensor:
    # The nearest of all is the row itself, at 0.
    return torch.cat([squared.kthvalue(k + 1).values for _, squared in pair.squared_distances(side * 2)])


def neighbourhood_deviations(pair: FeaturePair, *, k: int, closed: bool, seed: int = 2020) -> Neighbourhoods | None:
    """Return the standard deviation of each score, from random parts of both sets; None if the parts are too small.

    Args:
        pair: generated and real features.
        k: as for the scores.
        closed: likewise.
        seed: of the parts.

    Note:
        Parts without repetition, halves up to 2,048 rows. A part of share f spreads sqrt((1 - f) / f) times as much as
        the whole does, which is 1 for halves. Rows drawn with repetition would be their own nearest neighbours.
    """
    sizes = [len(pair.x), len(pair.y)]
    share = min(0.5, LARGEST_DRAW / max(sizes))
    counts = [int(size * share) for size in sizes]
    if min(counts) <= k:
        return None
    rng = np.random.RandomState(seed)
    found = []
    for _ in range(DRAWS):
        rows = [torch.from_numpy(rng.choice(size, count, replace=False)) for size, count in zip(sizes, counts)]
        scores = neighbourhoods(pair.subset(*(index.to(pair.x.device) for index in rows)), k=k, closed=closed)
        found.append([scores.precision, scores.recall, scores.density, scores.coverage])
    return Neighbourhoods(*(torch.tensor(found).std(0) * (share / (1 - share)) ** 0.5).tolist())


@dataclass(frozen=True)
class NearestReal:
    """The real picture that is nearest to each generated one.

    Attributes:
        index: int64 (N,), row of the real set.
        distance: float64 (N,).
        own: float64 (N,), how far that real picture is from the nearest other real one.
    """

    index: Tensor
    distance: Tensor
    own: Tensor

    @property
    def authentic(self) -> Tensor:
        """Bool (N,): the real picture has a real neighbour that is nearer than the generated one."""
        return self.own < self.distance


def nearest_real(pair: FeaturePair) -> NearestReal:
    """Return, for each generated picture, its nearest real one and how crowded it is there.

    Args:
        pair: generated and real features; the real ones should be those that the model was trained on.

    Source: Alaa et al. 2022 (arXiv:2102.08921), section 3.3: a generated picture is authentic if its nearest real
        picture has a nearer real neighbour; the share of them in percent is AuthPct.
    """
    squared, index = zip(*(part.min(1) for _, part in pair.squared_distances("xy")), strict=True)
    found = torch.cat(index)
    return NearestReal(found, torch.cat(squared).sqrt(), radii(pair, "y", 1)[found].sqrt())
