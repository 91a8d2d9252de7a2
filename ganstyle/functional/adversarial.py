"""Adversarial losses on logits: d = D(x), f = D(G(z)); batch means, stable at any logit."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def softplus(x: Tensor) -> Tensor:
    """Return log(1 + e^x), exact on both sides; torch's own is cut off at 20.

    Args:
        x: float, any shape.
    """
    return -F.logsigmoid(-x)


def bce_discriminator(real_logits: Tensor, fake_logits: Tensor, *, real_label: float = 1.0) -> Tensor:
    """Return the cross-entropy of telling real from fake.

    Args:
        real_logits: float, any shape.
        fake_logits: float, any shape.
        real_label: target of real pictures; below 1 is one-sided smoothing (arXiv:1606.03498).

    Returns:
        Scalar l sp(-d) + (1 - l) sp(d) + sp(f), averaged.

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), eq. 1.
    """
    real = real_label * softplus(-real_logits) + (1.0 - real_label) * softplus(real_logits)
    return real.mean() + softplus(fake_logits).mean()


def bce_generator(fake_logits: Tensor, *, saturating: bool = False) -> Tensor:
    """Return sp(-f), or -sp(f) if saturating (whose gradient dies while D wins).

    Args:
        fake_logits: float, any shape.
        saturating: the minimax form of the paper's eq. 1 instead of its section 3 form.
    """
    return -softplus(fake_logits).mean() if saturating else softplus(-fake_logits).mean()


def lsgan_discriminator(
    real_logits: Tensor, fake_logits: Tensor, *, fake_label: float = 0.0, real_label: float = 1.0
) -> Tensor:
    """Return the least-squares (Euclidean) loss ((d - b)^2 + (f - a)^2) / 2.

    Args:
        real_logits: float, any shape.
        fake_logits: float, any shape.
        fake_label: a.
        real_label: b.

    Source: Mao et al. 2017 (arXiv:1611.04076), eq. 2.
    """
    return 0.5 * ((real_logits - real_label).square().mean() + (fake_logits - fake_label).square().mean())


def lsgan_generator(fake_logits: Tensor, *, target: float = 1.0) -> Tensor:
    """Return (f - c)^2 / 2.

    Args:
        fake_logits: float, any shape.
        target: c, what G wants D to believe.

    Source: arXiv:1611.04076, eq. 2.
    """
    return 0.5 * (fake_logits - target).square().mean()


def hinge_discriminator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return relu(1 - d) + relu(1 + f).

    Source: Miyato et al. 2018 (arXiv:1802.05957), eq. 16.
    """
    return F.relu(1.0 - real_logits).mean() + F.relu(1.0 + fake_logits).mean()


def wasserstein_discriminator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return f - d; unbounded, so D needs a Lipschitz constraint.

    Source: Arjovsky et al. 2017 (arXiv:1701.07875), eq. 2.
    """
    return fake_logits.mean() - real_logits.mean()


def negative_logit(fake_logits: Tensor) -> Tensor:
    """Return -f, what G minimises under the hinge and Wasserstein losses."""
    return -fake_logits.mean()


def relativistic_pairing(higher_logits: Tensor, lower_logits: Tensor) -> Tensor:
    """Return sp(lower - higher) over pairs of the batch.

    Args:
        higher_logits: float (B, ...): real for D, fake for G.
        lower_logits: float of the same shape: fake for D, real for G.

    Source: Jolicoeur-Martineau 2019 (arXiv:1807.00734), as in R3GAN (arXiv:2501.05441), eq. 2.
    """
    return softplus(lower_logits - higher_logits).mean()


def lecam_distance(real_logits: Tensor, fake_logits: Tensor, *, real_mean: Tensor, fake_mean: Tensor) -> Tensor:
    """Return E (d - m_f)^2 + E (f - m_d)^2: real logits near those of fakes so far, and the reverse.

    Args:
        real_logits: d, float, any shape.
        fake_logits: f, float, any shape.
        real_mean: m_d, scalar.
        fake_mean: m_f, scalar.

    Source: Tseng et al. 2021 (arXiv:2104.03310), eq. 4.
    """
    return (real_logits - fake_mean).square().mean() + (fake_logits - real_mean).square().mean()
