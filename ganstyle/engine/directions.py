"""Editing directions by closed-form factorization: Shen and Zhou 2021, arXiv:2007.06600, eq. 4 and 5."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ganstyle.engine.latents import CodeSpace, Latents
from ganstyle.errors import UsageError


def principal_directions(weights: Tensor, count: int | None = None) -> tuple[Tensor, Tensor]:
    """Return the unit vectors along which a linear map changes its output most.

    Args:
        weights: A, float (n, d).
        count: how many; None is all.

    Returns:
        Rows n_i, float64 (count, d), the eigenvectors of A^T A, and their singular values ||A n_i||, float64
        (count,), descending. The largest component of each vector is positive, so that a sign never flips.
    """
    matrix = weights.detach().double().cpu()
    values, vectors = torch.linalg.eigh(matrix.T @ matrix)
    rows = vectors.T.flip(0)[:count]
    largest = rows.abs().argmax(1, keepdim=True)
    signs = rows.gather(1, largest).sign()
    return rows * signs, values.flip(0)[:count].clamp_min(0).sqrt()


def direction_of(generator: nn.Module, number: int) -> Tensor:
    """Return an editing direction of a generator, float64 (W,).

    Args:
        generator: with `style_weights() -> (n, W)`.
        number: 1 is the strongest.

    Raises:
        UsageError: the generator offers no weights, or has fewer directions.
    """
    weights = getattr(generator, "style_weights", None)
    if weights is None:
        raise UsageError(f"{type(generator).__name__} offers no style weights to factorize", where="option --direction")
    directions, _ = principal_directions(weights())
    if not 1 <= number <= len(directions):
        raise UsageError(
            f"there is no direction {number}; this generator has 1 to {len(directions)}, the strongest first",
            where="option --direction",
        )
    return directions[number - 1]


def edited(
    space: CodeSpace,
    latents: Latents,
    *,
    number: int,
    strengths: Sequence[float],
    layers: Sequence[int] | None = None,
) -> Latents:
    """Return each latent at each strength along a direction, row by row.

    Args:
        space: of the generator.
        latents: B of them.
        number: of the direction, 1 is the strongest.
        strengths: in standard deviations of the generator's codes along the direction; 0 changes nothing.
        layers: from 0, coarse to fine, that are edited; None is all.

    Returns:
        B x len(strengths) latents.
    """
    direction = direction_of(space.generator, number).to(latents.codes)
    steps = torch.tensor(strengths).to(latents.codes) * space.deviation(direction)
    mask = latents.codes.new_zeros(latents.codes.shape[1])
    mask[list(layers) if layers is not None else slice(None)] = 1
    moves = steps[:, None, None] * mask[:, None] * direction
    codes = (latents.codes[:, None] + moves).flatten(0, 1)
    shares = latents.shares
    return Latents(codes, None if shares is None else shares.repeat_interleave(len(strengths), 0))
