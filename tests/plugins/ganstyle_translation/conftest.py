"""Small translators, pictures and folders."""

from __future__ import annotations

import pytest
import torch
from PIL import Image

from ganstyle.api import Batch, ImageSpec

TINY = {"base_channels": 4, "blocks": 2, "d_channels": 4}


class LeastSquares:
    """The least-squares loss, written again so that these tests need no other plugin."""

    relativistic = False
    boundary = 0.5

    def discriminator(self, real_logits, fake_logits):
        return ((real_logits - 1).square().mean() + fake_logits.square().mean()) / 2

    def generator(self, real_logits, fake_logits):
        return (fake_logits - 1).square().mean() / 2


@pytest.fixture
def least_squares():
    return LeastSquares()


@pytest.fixture(scope="session")
def make_networks():
    from ganstyle_translation import architectures

    def make(name="cut", *, seed=0, size=(32, 32), labels=0, **options):
        models = {"cut": ("CutOptions", {"embedding": 8}), "cyclegan": ("TranslatorOptions", {})}
        models["multistyle"] = ("ManyOptions", {"style_dim": 6, "z_dim": 3, "hidden": 8, "encoder_channels": 4})
        model, own = models[name]
        torch.manual_seed(seed)
        values = getattr(architectures, model)(**(TINY | own | options))
        return getattr(architectures, f"build_{name}")(values, ImageSpec(*size, labels=labels))

    return make


@pytest.fixture(scope="session")
def pictures():
    def make(count=2, height=32, width=32, *, seed=0):
        """Smooth float pictures in [-1, 1] with some grain."""
        generator = torch.Generator().manual_seed(seed)
        coarse = torch.rand(count, 3, 5, 5, generator=generator) * 2 - 1
        smooth = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bicubic")
        return (smooth + 0.1 * torch.randn(count, 3, height, width, generator=generator)).clamp(-1, 1)

    return make


@pytest.fixture
def batch(pictures):
    found = {name: pictures(2, seed=seed) for seed, name in enumerate(("images", "style", "other"))}
    return Batch(found | {"labels": torch.tensor([0, 1])})


@pytest.fixture
def folders(tmp_path):
    """Three photographs that grow darker, two works that are red: `photos/`, `works/`."""
    for folder, colors in (("photos", [(90, 90, 90), (60, 60, 60), (30, 30, 30)]), ("works", [(200, 0, 0)] * 2)):
        (tmp_path / folder).mkdir()
        for index, color in enumerate(colors):
            noise = torch.randint(40, (40, 48, 3), generator=torch.Generator().manual_seed(index), dtype=torch.uint8)
            pixels = (noise + torch.tensor(color, dtype=torch.uint8)).numpy()
            Image.fromarray(pixels).save(tmp_path / folder / f"{index}.png")
    return tmp_path
