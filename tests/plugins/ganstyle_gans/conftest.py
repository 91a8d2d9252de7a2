"""Small players for the tests of the GAN plugin."""

from __future__ import annotations

import pytest
import torch
from ganstyle_gans.dcgan import DcganOptions, build_dcgan
from ganstyle_gans.losses import Bce, BceOptions
from ganstyle_gans.progan import ProganOptions, build_progan
from ganstyle_gans.stylegan2 import Stylegan2Options, build_stylegan2
from ganstyle_gans.task import GanOptions, GanTask

from ganstyle.api import Batch, ImageSpec


@pytest.fixture
def dcgan():
    """Return a function that builds a seeded 16-pixel DCGAN: `dcgan(labels=2, norm="none")`."""

    def build(*, height=16, width=16, labels=0, seed=0, **options):
        torch.manual_seed(seed)
        values = {"z_dim": 8, "base_channels": 4, **options}
        return build_dcgan(DcganOptions(**values), ImageSpec(height, width, labels=labels))

    return build


@pytest.fixture
def progan():
    """Return a function that builds a seeded 32-pixel ProGAN of four stages."""

    def build(*, height=32, width=32, labels=0, seed=0, **options):
        torch.manual_seed(seed)
        values = {"z_dim": 8, "base_channels": 4, "max_channels": 8, **options}
        return build_progan(ProganOptions(**values), ImageSpec(height, width, labels=labels))

    return build


@pytest.fixture
def stylegan2():
    """Return a function that builds a seeded 16-pixel StyleGAN2 of three resolutions, six codes a picture."""

    def build(*, height=16, width=16, labels=0, seed=0, **options):
        torch.manual_seed(seed)
        values = {"z_dim": 8, "w_dim": 8, "base_channels": 4, "max_channels": 8, **options}
        return build_stylegan2(Stylegan2Options(**values), ImageSpec(height, width, labels=labels))

    return build


@pytest.fixture
def gan_task():
    """Return a function that makes a task of networks: `gan_task(networks, penalties=[...], d_steps=2)`."""

    def build(networks, *, loss=None, penalties=(), **options):
        return GanTask(GanOptions(**options), networks, loss=loss or Bce(BceOptions()), penalties=penalties)

    return build


@pytest.fixture
def noise_batch():
    """Return a function that makes a seeded batch of noise pictures."""

    def make(count=4, *, height=16, width=16, labels=0, seed=0):
        generator = torch.Generator().manual_seed(seed)
        batch = Batch(images=torch.rand(count, 3, height, width, generator=generator) * 2 - 1)
        return Batch(batch | {"labels": torch.arange(count) % labels}) if labels else batch

    return make
