"""Style and content as statistics of feature maps: pure functions of tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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


def style_distance(features: Mapping[str, Tensor], target: Mapping[str, Tensor], *, moments: float = 3.0) -> Tensor:
    """Return how far two sets of feature maps are apart in Gram matrix and moments.

    Args:
        features: tap -> float (B, C, H, W).
        target: tap -> float (B or 1, C, h, w); its taps are the ones compared.
        moments: weight of the means and deviations beside the Gram matrix.

    Returns:
        float (B,), averaged over the taps.

    Source: Gatys et al. 2016, eq. 5, and arXiv:1703.06868, eq. 13, each divided by the
    target's norm, which makes one weight fit every backbone.
    """
    return torch.stack([
        _layer_distance(features[tap], target[tap], moments) for tap in target
    ]).mean(0)  # fmt: skip


def _layer_distance(features: Tensor, target: Tensor, moments: float) -> Tensor:
    """Return one tap's share of `style_distance`, float (B,)."""
    mine, theirs = gram_matrix(features), gram_matrix(target)
    distance = relative_distance(moments_of(features, mine), moments_of(target, theirs))
    return relative_distance(mine, theirs) + moments * distance


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


def content_distance(features: Mapping[str, Tensor], target: Mapping[str, Tensor], taps: Sequence[str]) -> Tensor:
    """Return the squared distance of instance-normalised maps: layout, not palette.

    Args:
        features: tap -> float (B, C, H, W).
        target: tap -> float (B, C, H, W), of the same sizes.
        taps: the taps that count.

    Returns:
        float (B,), averaged over the taps; 0 for equal maps, 2 for unrelated ones.
    """
    return torch.stack([
        (instance_normalised(features[tap]) - instance_normalised(target[tap]))
        .square().flatten(1).mean(1)
        for tap in taps
    ]).mean(0)  # fmt: skip
