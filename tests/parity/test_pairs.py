"""Similarities of pairs beside scikit-image, pytorch-msssim, torchmetrics and lpips."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from ganstyle.functional.similarity import ms_ssim, psnr, ssim

KINDS = [32, 256, "mixed", "grey"]


def damaged(picture, *, strength=12):
    """The picture with seeded noise."""
    noise = torch.randn(picture.shape, generator=torch.Generator().manual_seed(0)) * strength
    return (picture + noise).round().clamp(0, 255).to(torch.uint8)


@pytest.fixture(params=KINDS)
def pairs(request, real_pictures):
    """Pairs (1, 3, H, W) of real pictures and what noise made of them."""
    return [(damaged(picture)[None], picture[None]) for picture in real_pictures(request.param, 3)]


def window64():
    """pytorch-msssim's window of 11 Gaussian weights in float64, for three channels."""
    weights = torch.exp(-(torch.arange(-5, 6).double() ** 2) / (2 * 1.5**2))
    return (weights / weights.sum()).expand(3, 1, 1, 11)


def pixels(image):
    return image[0].permute(1, 2, 0).numpy()


def test_ssim_equals_scikit_image(pairs):
    window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    for image, reference in pairs:
        value, full = structural_similarity(
            pixels(image), pixels(reference), channel_axis=2, data_range=255, full=True, **window
        )
        # scikit-image means over windows that lie inside: a crop of 5 on each side.
        assert value == pytest.approx(full[5:-5, 5:-5].mean(), rel=1e-9)
        assert ssim(image, reference, data_range=255.0).item() == pytest.approx(value, abs=1e-6)


def test_ssim_equals_pytorch_msssim(pairs):
    peer = pytest.importorskip("pytorch_msssim")
    for image, reference in pairs:
        found = ssim(image, reference, data_range=255.0).item()
        doubles = image.double(), reference.double()
        assert found == pytest.approx(peer.ssim(*doubles, data_range=255, win=window64()).item(), abs=1e-9)
        # Its own window is float32, and its sum not quite 1: variances of bright flat places suffer.
        assert found == pytest.approx(peer.ssim(*doubles, data_range=255).item(), abs=2e-4)


def test_psnr_equals_scikit_image(pairs):
    for image, reference in pairs:
        value = peak_signal_noise_ratio(pixels(reference), pixels(image), data_range=255)
        assert psnr(image, reference, data_range=255.0).item() == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("kind", [256, "mixed", "grey"])
def test_ms_ssim_equals_pytorch_msssim_and_torchmetrics(kind, real_pictures):
    msssim = pytest.importorskip("pytorch_msssim")
    metrics = pytest.importorskip("torchmetrics.functional.image")
    big = [picture for picture in real_pictures(kind, 8) if min(picture.shape[1:]) >= 176][:3]  # torchmetrics' limit
    assert big
    for picture in big:
        image, reference = damaged(picture)[None].double(), picture[None].double()
        found = ms_ssim(image, reference, data_range=255.0).item()
        assert found == pytest.approx(msssim.ms_ssim(image, reference, data_range=255, win=window64()).item(), abs=1e-9)
        # torchmetrics drops the last row of an odd side between scales, pytorch-msssim and ganstyle pad it with zeros.
        even = all(side % 16 == 0 for side in picture.shape[1:])
        value = metrics.multiscale_structural_similarity_index_measure(image, reference, data_range=255.0).item()
        assert found == pytest.approx(value, abs=2e-5 if even else 2e-3)


def test_values_of_a_set_are_means_of_pairs(real_pictures):
    pictures = real_pictures(32, 10)
    images, references = torch.stack([damaged(one) for one in pictures]), torch.stack(pictures)
    one_by_one = [psnr(a[None], b[None], data_range=255.0).item() for a, b in zip(images, references, strict=True)]
    assert psnr(images, references, data_range=255.0).mean().item() == pytest.approx(np.mean(one_by_one), rel=1e-12)
