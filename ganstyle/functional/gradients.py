"""Penalties on the gradient of a discriminator; always in float32, differentiable once more."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Network = Callable[[Tensor], Tensor]


def squared_gradient_norms(network: Network, images: Tensor) -> Tensor:
    """Return the squared length of dD/dx of each picture.

    A logit must depend on its own picture only, otherwise the gradients of a batch add up.

    Args:
        network: pictures to logits (B, ...); the logits of one picture are summed.
        images: float (B, C, H, W); detached here.

    Returns:
        float32 (B,), at least 0.
    """
    with torch.enable_grad(), torch.autocast(images.device.type, enabled=False):
        images = images.detach().float().requires_grad_(True)
        logits = network(images)
        (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
        return gradient.square().flatten(1).sum(1)


def zero_centred_penalty(network: Network, images: Tensor, *, gamma: float = 1.0) -> Tensor:
    """Return gamma / 2 E |dD/dx|^2: R1 on real pictures, R2 on generated ones.

    Args:
        network: pictures to logits (B, ...).
        images: float (B, C, H, W).
        gamma: weight.

    Returns:
        Scalar.

    Source: Mescheder et al. 2018 (arXiv:1801.04406), eq. 9.
    """
    return 0.5 * gamma * squared_gradient_norms(network, images).mean()


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
    share = torch.rand(len(real), 1, 1, 1, device=real.device)
    between = share * real.detach().float() + (1.0 - share) * fake.detach().float()
    # A length has no gradient at 0; one part in 1e12 under the root gives it one.
    lengths = (squared_gradient_norms(network, between) + 1e-12).sqrt()
    return (lengths - target).square().mean()
