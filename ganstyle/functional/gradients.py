"""Penalties on gradients, a discriminator's or a generator's; always in float32, differentiable once more."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Network = Callable[[Tensor], Tensor]


def squared_gradient_norms(network: Network, images: Tensor, *, logits: Tensor | None = None) -> Tensor:
    """Return the squared length of dD/dx of each picture.

    A logit must depend on its own picture only, otherwise the gradients of a batch add up.

    Args:
        network: pictures to logits (B, ...); the logits of one picture are summed.
        images: float (B, C, H, W); detached here unless `logits` are given.
        logits: of these very images, which then must require grad, with the graph and made in float32: saves a pass.

    Returns:
        float32 (B,), at least 0; float64 for such pictures.
    """
    with torch.enable_grad(), torch.autocast(images.device.type, enabled=False):
        if logits is None:
            images = _full(images.detach()).requires_grad_(True)
            logits = network(images)
        (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
        return gradient.square().flatten(1).sum(1)


def zero_centred_penalty(
    network: Network, images: Tensor, *, gamma: float = 1.0, logits: Tensor | None = None
) -> Tensor:
    """Return gamma / 2 E |dD/dx|^2: R1 on real pictures, R2 on generated ones.

    Args:
        network: pictures to logits (B, ...).
        images: float (B, C, H, W).
        gamma: weight.
        logits: as for `squared_gradient_norms`.

    Returns:
        Scalar.

    Source: Mescheder et al. 2018 (arXiv:1801.04406), eq. 9.
    """
    return 0.5 * gamma * squared_gradient_norms(network, images, logits=logits).mean()


def gradient_penalty(network: Network, real: Tensor, fake: Tensor, *, target: float = 1.0) -> Tensor:
    """Return E (|dD/dx| - target)^2 at points drawn between real and generated pictures.

    Args:
        network: pictures to logits (B, ...).
        real: float (B, C, H, W).
        fake: float (B, C, H, W).
        target: wanted length of the gradient.

    Returns:
        Scalar.

    Source: Gulrajani et al. 2017 (arXiv:1704.00028), eq. 3; the draw is torch's global one.
    """
    real, fake = _full(real.detach()), _full(fake.detach())
    share = torch.rand(len(real), 1, 1, 1, device=real.device, dtype=real.dtype)
    between = share * real + (1.0 - share) * fake
    # A length has no gradient at 0; one part in 1e12 under the root gives it one.
    lengths = (squared_gradient_norms(network, between) + 1e-12).sqrt()
    return (lengths - target).square().mean()


def path_lengths(images: Tensor, codes: Tensor, *, directions: Tensor | None = None) -> Tensor:
    """Return |J^T y| of each picture: how far a random change of its pixels reaches back into its code.

    Args:
        images: float (B, C, H, W), made from `codes` in float32, with the graph.
        codes: float (B, L, w_dim) or (B, w_dim), requiring grad; squares are summed over w_dim, averaged over L.
        directions: y, float (B, C, H, W); by default N(0, 1), torch's global draw. Divided by sqrt(H W) here.

    Returns:
        float32 (B,), at least 0.

    Source: Karras et al. 2020 (arXiv:1912.04958), eq. 4. With the 2 log2(r) - 2 layers of an r x r generator, mean and
        division turn the paper's weight (app. B), ln 2 / (r^2 (ln r - ln 2)), into 2 at every resolution.
    """
    with torch.enable_grad(), torch.autocast(images.device.type, enabled=False):
        directions = torch.randn_like(_full(images)) if directions is None else directions
        change = (images * directions).sum() / (images.shape[2] * images.shape[3]) ** 0.5
        (gradient,) = torch.autograd.grad(change, codes, create_graph=True)
        squares = gradient.square().sum(-1)  # of the codes' type, float32 or wider
        # A length has no gradient at 0; one part in 1e12 under the root gives it one.
        return (squares.flatten(1).mean(1) if squares.ndim > 1 else squares).add(1e-12).sqrt()


def path_length_penalty(
    images: Tensor, codes: Tensor, *, mean: Tensor, decay: float = 0.99, directions: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return E (|J^T y| - a)^2 and the new a, the moving average of the lengths.

    Args:
        images: float (B, C, H, W), made from `codes` in float32, with the graph.
        codes: float (B, L, w_dim) or (B, w_dim), requiring grad.
        mean: scalar, the a so far, 0 at the start; kept by the caller, as this function has no state.
        decay: share of the old a that stays.
        directions: as for `path_lengths`.

    Returns:
        Scalar penalty, differentiable; scalar a, detached, this batch included.

    Source: arXiv:1912.04958, eq. 4.
    """
    lengths = path_lengths(images, codes, directions=directions)
    mean = torch.lerp(lengths.detach().mean(), mean.to(lengths), decay)
    return (lengths - mean).square().mean(), mean


def _full(tensor: Tensor) -> Tensor:
    """Return it in float32 at least."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
