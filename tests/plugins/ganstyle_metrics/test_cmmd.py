"""CMMD: its pictures, its embedding, its distance."""

from __future__ import annotations

import pytest
import torch
from ganstyle_metrics import cmmd
from ganstyle_metrics.cmmd import ClipExtractor, Cmmd, build_cmmd, centre_square
from ganstyle_metrics.resize import pillow
from ganstyle_metrics.vision_transformer import Shape, VisionTransformer, quick_gelu
from ganstyle_metrics.weights_table import CLIP

from ganstyle.data.weights import WeightsOptions
from ganstyle.errors import EnvironmentProblem

SMALL = Shape(patch=14, grid=24, width=16, depth=1, heads=2, epsilon=1e-5, gelu=quick_gelu, norm_first=True, out=8)


class Given:
    """An extractor for features that are fed in directly."""

    key, width, resize, weights_sha256, standard = "given", 12, "none", "00", True


def unit(n, *, seed, shift=0.0):
    rows = torch.randn(n, 12, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + shift
    return torch.nn.functional.normalize(rows)


def metric(fake, real):
    found = Cmmd(Given())
    found.update_features(fake, real=False)
    found.update_features(real, real=True)
    return found


def test_value_is_the_definition_of_the_paper():
    fake, real = unit(30, seed=0), unit(25, seed=1, shift=0.4)
    gamma = 1 / (2 * 10**2)
    kernels = [torch.exp(-gamma * torch.cdist(a, b) ** 2).mean() for a, b in ((fake, fake), (real, real), (fake, real))]
    expected = 1000 * (kernels[0] + kernels[1] - 2 * kernels[2]).item()
    found = metric(fake, real)
    assert found.compute() == {"cmmd_clip_vitl14_336": pytest.approx(expected, rel=1e-6)}
    low, high = found.intervals()["cmmd_clip_vitl14_336"]
    assert low < expected < high
    assert "below 5,000" in found.warnings()[-1]


def test_embedding_is_of_the_centre_square_and_has_length_one(photos):
    torch.manual_seed(0)
    network = VisionTransformer(SMALL).eval()
    for value in network.parameters():
        torch.nn.init.normal_(value, std=0.3)
    extractor = ClipExtractor(network, weights_sha256="00", device="cpu")
    found = extractor(photos)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(2))
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073])[:, None, None]
    deviation = torch.tensor([0.26862954, 0.26130258, 0.27577711])[:, None, None]
    with torch.inference_mode():
        expected = network((pillow(photos[..., 10:70], 336) / 255 - mean) / deviation)
    torch.testing.assert_close(found, torch.nn.functional.normalize(expected), rtol=1e-3, atol=1e-4)
    assert extractor.width == 8 and not extractor.standard


@pytest.mark.parametrize(("height", "width", "expected"), [(4, 7, (0, 1)), (7, 4, (1, 0)), (5, 5, (0, 0))])
def test_the_square_is_in_the_middle(height, width, expected):
    images = torch.arange(height * width).view(1, 1, height, width)
    found = centre_square(images)
    assert found.shape[2] == found.shape[3] == min(height, width)
    assert found[0, 0, 0, 0] == expected[0] * width + expected[1]


def test_missing_weights_are_named_with_their_place(tmp_path, monkeypatch):
    monkeypatch.setenv("GANSTYLE_WEIGHTS_DIR", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(EnvironmentProblem) as caught:
        build_cmmd(WeightsOptions(), "cpu")
    assert CLIP.url in caught.value.hint and str(tmp_path / CLIP.files[0]) in caught.value.where
    assert cmmd.CLIP_L14.out == 768
