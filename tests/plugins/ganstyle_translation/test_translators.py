"""Translators: any size, tiles, directions, codes."""

from __future__ import annotations

import pytest
import torch
from ganstyle_translation.translators import ManyTranslator, StyleEncoder, Translator


@pytest.fixture
def both(make_networks):
    return make_networks("cyclegan")["translator"].eval()


@pytest.fixture
def many(make_networks):
    return make_networks("multistyle", labels=3)["translator"].eval()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (17, 30), (32, 8)])
def test_any_size_goes_in_and_comes_out(both, pictures, height, width):
    assert both.translate(pictures(1, height, width)).shape == (1, 3, height, width)


def test_the_two_directions_are_two_networks(both, pictures):
    images = pictures(1)
    assert both.directions == ("a2b", "b2a")
    assert not torch.equal(both.translate(images), both.translate(images, direction="b2a"))
    assert torch.equal(both(images, "b2a"), both.translate(images, direction="b2a"))


@pytest.mark.parametrize("options", [{}, {"generator": "resnet"}, {"norm": "none"}])
def test_a_tile_with_the_moments_of_the_whole_equals_the_whole(make_networks, pictures, options):
    translator = make_networks("cut", blocks=1, **options)["translator"].eval()
    images = pictures(1, 96, 160, seed=4)
    whole = translator.translate(images)
    tile = translator.translate(images[..., :112], statistics=translator.measure(images))
    assert torch.allclose(tile[..., :48], whole[..., :48], atol=1e-5)


def test_without_those_moments_a_tile_would_differ(make_networks, pictures):
    translator, images = make_networks("cut", blocks=1)["translator"].eval(), pictures(1, 96, 160, seed=4)
    seam = translator.translate(images)[..., :48] - translator.translate(images[..., :112])[..., :48]
    assert seam.abs().max() > 1e-3


def test_codes_of_a_domain_depend_on_the_seed_alone(many):
    first, again, other = (many.drawn(1, seed=seed, count=2) for seed in (0, 0, 1))
    assert first.shape == (2, many.code_length)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first, many.drawn(2, seed=0, count=2))


def test_one_code_serves_a_whole_batch(many, pictures):
    images, code = pictures(2), many.drawn(0)
    together = many.translate(images, code=code)
    alone = many.translate(images[1:], code=code)
    assert torch.allclose(together[1:], alone, atol=1e-5)


def test_a_reference_decides_the_result(many, pictures):
    images = pictures(1)
    codes = [many.encode(pictures(1, seed=seed)) for seed in (1, 2)]
    made = [many.translate(images, code=code) for code in codes]
    assert not torch.allclose(made[0], made[1])


def test_the_style_encoder_sees_moments_not_places():
    torch.manual_seed(0)
    encoder, images = StyleEncoder(4, 5), torch.rand(1, 3, 31, 45) * 2 - 1
    twice = torch.cat([images[:, :, :30, :44]] * 2, 3)
    assert encoder(images).shape == (1, 5)
    assert torch.allclose(encoder(twice), encoder(images[:, :, :30, :44]), atol=0.02)


def test_taps_are_of_the_first_direction(both, pictures):
    images = pictures(1)
    taps = both.taps(images)
    assert [tap.shape[1] for tap in taps] == list(both.tap_channels)
    with torch.no_grad():
        for parameter in both.generators["b2a"].parameters():
            parameter.zero_()
    assert all(torch.equal(one, two) for one, two in zip(taps, both.taps(images)))


def test_only_codes_make_domains(both, many):
    assert (both.domains, both.code_length) == (0, 0)
    assert (many.domains, many.code_length) == (3, 6)
    assert isinstance(many, Translator) and isinstance(many, ManyTranslator)
