"""Metrics of pairs."""

from __future__ import annotations

import math

import pytest
import torch
from ganstyle_metrics.similarity import SimilarityOptions, build_ms_ssim, build_psnr, build_ssim
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from ganstyle.errors import InputError, NoInputError

SETTINGS = {"channel_axis": 2, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}


def damaged(images):
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    return (images + noise * torch.tensor([5.0, 40.0]).view(2, 1, 1, 1)).clamp(0, 255).to(torch.uint8)


def arrays(images):
    return [image.permute(1, 2, 0).numpy() for image in images]


def test_ssim_is_the_mean_of_scikit_image(photos):
    metric = build_ssim(SimilarityOptions(), "cpu")
    metric.update(damaged(photos), photos)
    pairs = zip(arrays(damaged(photos)), arrays(photos), strict=True)
    expected = [structural_similarity(a, b, data_range=255, **SETTINGS) for a, b in pairs]
    assert metric.compute() == {"ssim_gauss11": pytest.approx(sum(expected) / 2, abs=1e-12)}


def test_psnr_is_the_mean_of_values_not_the_value_of_the_mean_error(photos):
    metric = build_psnr(SimilarityOptions(), "cpu")
    metric.update(damaged(photos), photos)
    pairs = list(zip(arrays(photos), arrays(damaged(photos)), strict=True))
    values = [peak_signal_noise_ratio(a, b, data_range=255) for a, b in pairs]
    pooled = peak_signal_noise_ratio(photos.numpy(), damaged(photos).numpy(), data_range=255)
    found = metric.compute()["psnr_mean"]
    assert found == pytest.approx(sum(values) / 2, rel=1e-12)
    assert abs(found - pooled) > 1


def test_interval_is_that_of_student_around_the_mean(photos):
    metric = build_psnr(SimilarityOptions(), "cpu")
    for image, other in zip(damaged(photos), photos, strict=True):
        metric.update(image[None], other[None])
    low, high = metric.intervals()["psnr_mean"]
    a, b = metric.values().tolist()
    assert (low + high) / 2 == pytest.approx((a + b) / 2)
    assert high - low == pytest.approx(2 * 12.7062 * abs(a - b) / 2)  # Student's t of one degree


def test_identical_pairs_are_infinite_and_said_so(photos):
    metric = build_psnr(SimilarityOptions(), "cpu")
    metric.update(photos, photos)
    assert metric.compute()["psnr_mean"] == math.inf
    assert metric.warnings() == ["2 pairs are identical: their value is infinite"]
    assert metric.intervals() == {}


def test_batches_of_other_sizes_mix_and_reset_forgets(photos):
    metric = build_ssim(SimilarityOptions(), "cpu")
    metric.update(photos, photos)
    metric.update(photos[..., :20], photos[..., :20])
    assert len(metric.values()) == 4
    metric.reset()
    with pytest.raises(NoInputError, match="no pairs"):
        metric.compute()


def test_pictures_too_small_for_five_scales_are_refused(photos):
    with pytest.raises(InputError, match="above 160 pixels"):
        build_ms_ssim(SimilarityOptions(), "cpu").update(photos, photos)
