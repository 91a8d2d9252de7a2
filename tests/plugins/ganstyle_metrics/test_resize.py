"""Resizes equal those of the pipelines they are named after."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ganstyle_metrics.resize import antialias, clean, pillow, pytorch, tf1
from PIL import Image
from torch.nn import functional as F
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x


@pytest.mark.parametrize(("height", "width"), [(32, 32), (60, 80), (299, 299), (400, 310), (1, 7)])
def test_tf1_is_bit_equal_to_torch_fidelity(height, width):
    images = torch.randint(0, 256, (2, 3, height, width), dtype=torch.uint8)
    peer = interpolate_bilinear_2d_like_tensorflow1x(images.float(), size=(299, 299), align_corners=False)
    assert torch.equal(tf1(images, 299), peer)


def test_tf1_is_anchored_at_the_corner_and_pytorch_at_pixel_centres():
    step = torch.tensor([[[[0.0, 100.0]]]]).expand(1, 1, 2, 2)
    assert tf1(step, 4)[0, 0, 0].tolist() == [0, 50, 100, 100]
    assert pytorch(step, 4)[0, 0, 0].tolist() == [0, 25, 75, 100]


def test_antialias_equals_pillow_within_its_rounding(photos):
    ours = antialias(photos, 24)
    pillow = [Image.fromarray(p.permute(1, 2, 0).numpy()).resize((24, 24), Image.Resampling.BILINEAR) for p in photos]
    peer = torch.stack([torch.from_numpy(np.array(image)).permute(2, 0, 1) for image in pillow])
    assert (ours - peer).abs().max() <= 1.0


def test_only_antialias_averages_when_a_picture_shrinks():
    stripes = torch.tensor([0.0, 200.0]).repeat(32).expand(1, 1, 64, 64)
    assert antialias(stripes, 8)[..., 1:-1, 1:-1].sub(100).abs().max() < 10
    assert tf1(stripes, 8).unique().tolist() == [0.0]


@pytest.mark.parametrize("side", [24, 100])
def test_clean_is_bicubic_with_antialias_in_floating_point(photos, side):
    peer = F.interpolate(photos.float(), size=(side, side), mode="bicubic", antialias=True).clamp(0, 255)
    ours = clean(photos, side)
    assert ours.shape == peer.shape and ours.dtype == torch.float32
    assert (ours - peer).abs().max() < 0.05
    assert (ours != ours.round()).any()


def test_clean_stays_in_the_range_of_bytes_where_bicubic_overshoots():
    edge = torch.tensor([0, 0, 255, 255], dtype=torch.uint8).repeat_interleave(4).expand(1, 3, 16, 16)
    assert (clean(edge, 37).min(), clean(edge, 37).max()) == (0, 255)
    assert F.interpolate(edge.float(), size=37, mode="bicubic", antialias=True).max() > 255


def test_pillow_is_bit_equal_to_pillow(photos):
    ours = pillow(photos, 33)
    for picture, found in zip(photos, ours, strict=True):
        peer = Image.fromarray(picture.permute(1, 2, 0).numpy()).resize((33, 33), Image.Resampling.BICUBIC)
        assert torch.equal(found, torch.from_numpy(np.array(peer)).permute(2, 0, 1).float())
