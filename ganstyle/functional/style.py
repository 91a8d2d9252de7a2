"""Style and content as statistics of feature maps: pure functions of tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

EPSILON = 1e-5


def channel_statistics(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of every channel of every picture.

    Args:
        features: float (B, C, H, W), any range.

    Returns:
        Two float (B, C, 1, 1); the deviation is biased and at least sqrt(1e-5).

    Source: Huang and Belongie 2017 (arXiv:1703.06868), eqs. 5 and 6.
    """
    # Two plain means: torch.var_mean took 5 to 8 times as long on CPU (torch 2.14).
    mean = features.mean((2, 3), keepdim=True)
    variance = (features - mean).square().mean((2, 3), keepdim=True)
    return mean, (variance + EPSILON).sqrt()


def instance_normalised(features: Tensor) -> Tensor:
    """Return the maps with mean 0 and deviation 1 in every channel.

    Args:
        features: float (B, C, H, W), any range.

    Returns:
        float (B, C, H, W).
    """
    mean, deviation = channel_statistics(features)
    return (features - mean) / deviation


def adain(content: Tensor, style: Tensor) -> Tensor:
    """Give the content's maps the channel mean and deviation of the style's maps.

    Args:
        content: float (B, C, H, W), any range.
        style: float (B, C, h, w), any range; its size may differ.

    Returns:
        float (B, C, H, W).

    Source: Huang and Belongie 2017 (arXiv:1703.06868), eq. 8.
    """
    mean, deviation = channel_statistics(style)
    return instance_normalised(content) * deviation + mean


def modulate(
    features: Tensor,
    log_gain: Tensor,
    bias: Tensor,
    *,
    statistics: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Normalise every channel, then apply a gain and a bias: e^g (x - mu) / sigma + b.

    Args:
        features: float (B, C, H, W), any range.
        log_gain: float (B, C), g of the equation.
        bias: float (B, C), b of the equation.
        statistics: mu and sigma, float (B or 1, C, 1, 1), of a larger picture that
            `features` is a tile of; `None` measures them here.

    Returns:
        float (B, C, H, W).
    """
    mean, deviation = channel_statistics(features) if statistics is None else statistics
    scale = log_gain.exp()[:, :, None, None] / deviation
    return features * scale + (bias[:, :, None, None] - mean * scale)


def gram_matrix(features: Tensor) -> Tensor:
    """Return the channel correlations of each feature map.

    Args:
        features: float (B, C, H, W), any range.

    Returns:
        float (B, C, C), divided by C * H * W so that layers compare.

    Source: Gatys et al. 2016, eq. 3 (which does not divide).
    """
    flat = features.flatten(2)
    return flat @ flat.mT / (flat.shape[1] * flat.shape[2])


def total_variation(images: Tensor) -> Tensor:
    """Return the mean absolute difference of neighbours, down plus across.

    Args:
        images: float (B, C, H, W), any range.

    Returns:
        float scalar, in the range's unit.
    """
    down = (images[:, :, 1:] - images[:, :, :-1]).abs().mean()
    return down + (images[:, :, :, 1:] - images[:, :, :, :-1]).abs().mean()


def relative_distance(value: Tensor, target: Tensor) -> Tensor:
    """Return |value - target|^2 / |target|^2 of each picture, so that layers compare.

    Args:
        value: float (B, ...), any range.
        target: float (B or 1, ...), not all zero.

    Returns:
        float (B,), at least 0.
    """
    difference = (value - target).square().flatten(1).sum(1)
    return difference / (target.square().flatten(1).sum(1) + 1e-8)


Statistics = Mapping[str, tuple[Tensor, Tensor]]
"""tap -> Gram matrix float (B, C, C) and moments float (B, 2C)."""


def style_statistics(features: Mapping[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
    """Return what style distances compare.

    Args:
        features: tap -> float (B, C, H, W).

    Returns:
        tap -> Gram matrix (B, C, C) and moments (B, 2C); see `gram_matrix` and `moments_of`.
    """
    grams = {tap: gram_matrix(maps) for tap, maps in features.items()}
    return {tap: (gram, moments_of(features[tap], gram)) for tap, gram in grams.items()}


def mean_statistics(several: Sequence[Statistics]) -> dict[str, tuple[Tensor, Tensor]]:
    """Return the mean Gram matrices and moments of several works, which stand for their style.

    Args:
        several: at least one, each with the same taps; sizes of the works may differ.
    """
    means = {}
    for tap in several[0]:
        grams, moments = zip(*(one[tap] for one in several), strict=True)
        means[tap] = torch.stack(grams).mean(0), torch.stack(moments).mean(0)
    return means


def gram_distance(value: Statistics, target: Statistics) -> Tensor:
    """Return |G - G'|^2 / |G'|^2, averaged over the target's taps, float (B,).

    Source: Gatys et al. 2016, eqs. 4 and 5, with the target's norm for their constants.
    """
    return torch.stack([relative_distance(value[tap][0], gram) for tap, (gram, _) in target.items()]).mean(0)


def moments_distance(value: Statistics, target: Statistics) -> Tensor:
    """Return |m - m'|^2 / |m'|^2 of means and deviations, averaged over the target's taps, float (B,).

    Source: Huang and Belongie 2017 (arXiv:1703.06868), eq. 13, over the target's norm.
    """
    return torch.stack([relative_distance(value[tap][1], moments) for tap, (_, moments) in target.items()]).mean(0)


def style_distance(features: Mapping[str, Tensor], target: Mapping[str, Tensor], *, moments: float = 3.0) -> Tensor:
    """Return how far two sets of feature maps are apart in Gram matrix and moments.

    Args:
        features: tap -> float (B, C, H, W).
        target: tap -> float (B or 1, C, h, w); its taps are the ones compared.
        moments: weight of the means and deviations beside the Gram matrix.

    Returns:
        float (B,), averaged over the taps: `gram_distance` plus `moments` times `moments_distance`, each over the
        target's norm, which makes one weight fit every backbone.
    """
    mine, theirs = style_statistics({tap: features[tap] for tap in target}), style_statistics(target)
    return gram_distance(mine, theirs) + moments * moments_distance(mine, theirs)


def moments_of(features: Tensor, gram: Tensor) -> Tensor:
    """Return the mean and the deviation of every channel of feature maps whose Gram matrix is known.

    Args:
        features: float (B, C, H, W), any range.
        gram: float (B, C, C), from `gram_matrix`; its diagonal holds the mean squares.

    Returns:
        float (B, 2C): means, then deviations of at least sqrt(1e-5).
    """
    mean = features.mean((2, 3))
    square = gram.diagonal(dim1=1, dim2=2) * gram.shape[1]
    deviation = ((square - mean.square()).clamp(min=0) + EPSILON).sqrt()
    return torch.cat([mean, deviation], 1)


def whitened(features: Tensor, *, ridge: float = 0.01) -> Tensor:
    """Return the maps with uncorrelated channels of deviation 1: what is left is layout, not palette or texture mix.

    Args:
        features: float (B, C, H, W), any range.
        ridge: of the mean variance of the channels, added to every variance: directions of less are noise.

    Returns:
        float (B, C, H, W): the covariance's inverse root (ZCA) times the centred maps.

    Source: Li et al. 2017 (arXiv:1705.08086), eq. 1, with a ridge for its cut of small singular values.
    """
    flat = features.flatten(2).double()
    flat = flat - flat.mean(2, keepdim=True)
    covariance = flat @ flat.mT / flat.shape[2]
    values, vectors = torch.linalg.eigh(covariance)
    floor = ridge * values.mean(1, keepdim=True) + EPSILON**2
    root = (vectors * (values.clamp(min=0) + floor).rsqrt()[:, None]) @ vectors.mT
    return (root @ flat).view(features.shape).to(features.dtype)


def content_distance(
    features: Mapping[str, Tensor],
    target: Mapping[str, Tensor],
    taps: Sequence[str],
    *,
    normalised: Callable[[Tensor], Tensor] = instance_normalised,
) -> Tensor:
    """Return the squared distance of normalised maps: layout, not palette.

    Args:
        features: tap -> float (B, C, H, W).
        target: tap -> float (B, C, H, W), of the same sizes.
        taps: the taps that count.
        normalised: `instance_normalised` or `whitened`.

    Returns:
        float (B,), averaged over the taps; 0 for equal maps, 2 for unrelated ones.
    """
    return torch.stack([
        (normalised(features[tap]) - normalised(target[tap])).square().flatten(1).mean(1) for tap in taps
    ]).mean(0)  # fmt: skip
