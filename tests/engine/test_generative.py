"""Generators as the metrics that draw for themselves see them."""

from __future__ import annotations

import pytest
import torch

from ganstyle.api import ImageSpec
from ganstyle.engine.generative import LatentSource
from ganstyle.errors import UsageError
from ganstyle.registry import default_registry


def generator(name, labels=0, **options):
    torch.manual_seed(0)
    built = default_registry().build("arch", name, options, ImageSpec(16, 16, labels=labels))
    return built["generator"].eval()


STYLEGAN = {"z_dim": 8, "w_dim": 8, "base_channels": 4, "max_channels": 8, "mapping_layers": 1}


@pytest.mark.parametrize("labels", [0, 3])
def test_codes_of_a_styled_generator_lead_to_its_pictures(labels):
    network = generator("stylegan2", labels, **STYLEGAN)
    source = LatentSource(network)
    z = torch.randn(2, 8, generator=torch.Generator().manual_seed(1))
    chosen = torch.tensor([0, 2]) if labels else None
    with torch.no_grad():
        expected = network(z, chosen) if labels else network(z)
    assert source.styled and (source.z_dim, source.labels) == (8, labels)
    codes = source.codes(z, chosen)
    assert codes.ndim == 3 and codes.shape[2] == 8
    assert torch.allclose(source.synthesise(codes, chosen), expected, atol=1e-5)


@pytest.mark.parametrize("labels", [0, 3])
def test_a_generator_without_codes_is_its_own_latent_space(labels):
    network = generator("dcgan", labels, z_dim=8, base_channels=4)
    source = LatentSource(network)
    z = torch.randn(2, 8, generator=torch.Generator().manual_seed(1))
    chosen = torch.tensor([1, 1]) if labels else None
    with torch.no_grad():
        expected = network(z, chosen) if labels else network(z)
    assert not source.styled and torch.equal(source.codes(z), z[:, None])
    assert torch.allclose(source.synthesise(source.codes(z), chosen), expected, atol=1e-5)


def test_a_network_that_takes_no_latent_is_refused():
    with pytest.raises(UsageError, match="makes no pictures from latents"):
        LatentSource(torch.nn.Identity())
