"""Small stylizers and pictures, made once."""

from __future__ import annotations

import pytest
import torch

from ganstyle.api import Batch, ImageSpec


class Hinge:
    """The hinge loss, written again so that these tests need no other plugin."""

    relativistic = False

    def discriminator(self, real_logits, fake_logits):
        return torch.relu(1 - real_logits).mean() + torch.relu(1 + fake_logits).mean()

    def generator(self, real_logits, fake_logits):
        return -fake_logits.mean()


@pytest.fixture
def hinge():
    return Hinge()


@pytest.fixture(scope="session")
def make_networks():
    from ganstyle_styles.adastyle import AdaStyleOptions, build_adastyle

    def make(seed=0, **options):
        torch.manual_seed(seed)
        small = {"base_channels": 8, "hidden": 32, "embedding": 16, "d_channels": 8} | options
        networks = build_adastyle(AdaStyleOptions(**small), ImageSpec(64, 64))
        with torch.no_grad():  # as after some training: codes that differ and change the picture
            networks["stylizer"].encoder.head.weight.mul_(30)
        return networks

    return make


@pytest.fixture
def networks(make_networks):
    return make_networks()


@pytest.fixture(scope="session")
def still_stylizer(make_networks):
    """A stylizer in evaluation mode that no test may change."""
    return make_networks()["stylizer"].eval().requires_grad_(False)


@pytest.fixture(scope="session")
def pictures():
    def make(count=2, height=64, width=64, *, seed=0):
        """Smooth float pictures in [-1, 1] with some grain."""
        generator = torch.Generator().manual_seed(seed)
        coarse = torch.rand(count, 3, 5, 5, generator=generator) * 2 - 1
        smooth = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bicubic")
        return (smooth + 0.1 * torch.randn(count, 3, height, width, generator=generator)).clamp(-1, 1)

    return make


@pytest.fixture
def batch(pictures):
    return Batch({"images": pictures(3), "style": pictures(3, seed=1), "other": pictures(3, seed=2)})


@pytest.fixture(scope="session")
def as_bytes():
    return lambda images: ((images + 1) * 127.5).round().byte()
