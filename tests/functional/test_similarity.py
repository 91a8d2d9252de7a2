"""Similarities against scikit-image and independent formulas, on real photographs."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage
import skimage
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from ganstyle.errors import InputError
from ganstyle.functional.similarity import MS_WEIGHTS, ms_ssim, psnr, ssim

SETTINGS = {"channel_axis": 2, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}


def pair(name="astronaut", *, height=96, width=128, damage="noise"):
    """A photograph of scikit-image and a damaged copy, uint8 (H, W, 3)."""
    image = getattr(skimage.data, name)()[40 : 40 + height, 60 : 60 + width]
    if damage == "blur":
        return image, scipy.ndimage.gaussian_filter(image, (1.5, 1.5, 0))
    noise = np.random.default_rng(0).normal(0, 20, image.shape)
    return image, (image + noise).clip(0, 255).astype(np.uint8)


def tensor(image):
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None]


@pytest.mark.parametrize("damage", ["noise", "blur"])
@pytest.mark.parametrize(("name", "height", "width"), [("astronaut", 96, 128), ("coffee", 61, 47), ("coffee", 11, 30)])
def test_ssim_equals_scikit_image(name, height, width, damage):
    a, b = pair(name, height=height, width=width, damage=damage)
    expected = structural_similarity(a, b, data_range=255, **SETTINGS)
    assert ssim(tensor(a), tensor(b), data_range=255.0).item() == pytest.approx(expected, abs=1e-12)


def test_ssim_of_unit_range_images_equals_that_of_bytes():
    a, b = (tensor(image) for image in pair())
    unit = ssim(a.double() / 255, b.double() / 255, data_range=1.0)
    assert unit.item() == pytest.approx(ssim(a, b, data_range=255.0).item(), abs=1e-12)


def test_ssim_is_per_picture_symmetric_and_one_for_equal_pictures():
    a, b = (tensor(image) for image in pair())
    both = ssim(torch.cat([a, a]), torch.cat([b, a]), data_range=255.0)
    assert both[0] == ssim(b, a, data_range=255.0)[0] < 0.9
    assert both[1].item() == pytest.approx(1.0, abs=1e-12)


def test_psnr_equals_scikit_image_and_is_infinite_for_equal_pictures():
    a, b = pair()
    values = psnr(tensor(np.stack([a])[0]), tensor(b), data_range=255.0)
    assert values.item() == pytest.approx(peak_signal_noise_ratio(a, b, data_range=255), rel=1e-12)
    assert psnr(tensor(a), tensor(a), data_range=255.0).item() == float("inf")


def test_psnr_of_a_known_offset():
    x = torch.zeros(2, 3, 4, 4, dtype=torch.uint8)
    assert psnr(x, x + 51, data_range=255.0).tolist() == pytest.approx([20 * np.log10(5)] * 2)


def ms_formula(a, b):
    """Wang et al. 2003 eq. 7 with scipy's filters, one channel, even sides."""
    a, b = a.astype(float), b.astype(float)
    result = 1.0
    for scale, weight in enumerate(MS_WEIGHTS):
        blur = [scipy.ndimage.gaussian_filter(z, 1.5, truncate=3.5)[5:-5, 5:-5] for z in (a, b, a * a, b * b, a * b)]
        c1, c2 = 2.55**2, 7.65**2
        term = (2 * (blur[4] - blur[0] * blur[1]) + c2) / (blur[2] - blur[0] ** 2 + blur[3] - blur[1] ** 2 + c2)
        if scale == 4:
            term = term * (2 * blur[0] * blur[1] + c1) / (blur[0] ** 2 + blur[1] ** 2 + c1)
        result *= term.mean() ** weight
        a, b = (z.reshape(z.shape[0] // 2, 2, -1, 2).mean((1, 3)) for z in (a, b))
    return result


@pytest.mark.parametrize("damage", ["noise", "blur"])
def test_ms_ssim_equals_the_formula_with_scipy_filters(damage):
    a, b = pair(height=192, width=224, damage=damage)
    expected = np.mean([ms_formula(a[..., c], b[..., c]) for c in range(3)])
    assert ms_ssim(tensor(a), tensor(b), data_range=255.0).item() == pytest.approx(expected, abs=1e-9)


def test_small_or_unequal_pictures_are_named():
    x = torch.zeros(1, 3, 10, 40)
    with pytest.raises(InputError, match="at least 11 pixels, got 40 x 10"):
        ssim(x, x, data_range=1.0)
    with pytest.raises(InputError, match="above 160 pixels"):
        ms_ssim(torch.zeros(1, 3, 160, 300), torch.zeros(1, 3, 160, 300), data_range=1.0)
    with pytest.raises(InputError, match="equal shapes"):
        psnr(x, x[:, :, 1:], data_range=1.0)
