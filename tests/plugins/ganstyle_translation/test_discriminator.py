"""The patch discriminator: what it sees, how it tells domains apart."""

from __future__ import annotations

import pytest
import torch
from ganstyle_translation.discriminator import PatchDiscriminator

from ganstyle.nn.modules import has_spectral_norm


def reach(layers):
    """Return how many pixels of a row change one logit in the middle."""
    torch.manual_seed(0)
    judge = PatchDiscriminator(2, layers, norm="none").eval()
    images = torch.randn(1, 3, 128, 128, requires_grad=True)
    logits = judge(images)
    logits[0, 0, logits.shape[2] // 2, logits.shape[3] // 2].backward()
    return int((images.grad.abs().sum((0, 1, 2)) > 0).sum())


def test_three_layers_see_the_70_pixels_of_the_paper():
    assert [reach(layers) for layers in (1, 2, 3)] == [16, 34, 70]


def test_norms_are_what_they_are_called():
    kinds = {norm: PatchDiscriminator(2, 2, norm=norm) for norm in ("spectral", "instance", "none")}
    assert [has_spectral_norm(judge) for judge in kinds.values()] == [True, False, False]
    assert [sum(isinstance(m, torch.nn.InstanceNorm2d) for m in j.modules()) for j in kinds.values()] == [0, 2, 0]


def test_the_domain_adds_a_projection_of_the_features():
    torch.manual_seed(0)
    judge, images = PatchDiscriminator(2, 1, norm="none", labels=3), torch.randn(2, 3, 16, 16)
    plain, first = judge(images), judge(images, torch.tensor([1, 1]))
    expected = (judge.features(images).mean((2, 3)) * judge.domains.weight[1]).sum(1)
    assert torch.allclose(first - plain, expected[:, None, None, None].expand_as(plain), atol=1e-5)
    assert expected.abs().min() > 1e-4


@pytest.mark.parametrize("size", [(16, 16), (32, 24)])
def test_small_and_narrow_pictures_are_judged(size):
    assert PatchDiscriminator(2, 1)(torch.zeros(1, 3, *size)).shape[0] == 1
