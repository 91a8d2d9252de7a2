"""ProGAN: what each stage makes and sees."""

from __future__ import annotations

import pytest
import torch

from ganstyle.errors import UsageError
from ganstyle.functional.images import enlarge, shrink

FADES = {1: 1 / 12, 2: 3 / 12, 3: 5 / 12}  # four stages in half the budget: stage -> where its fade starts


def at(networks, fraction):
    for network in networks.values():
        network.set_progress(fraction)
    return networks["generator"], networks["discriminator"]


@pytest.mark.parametrize("size", [(32, 32), (48, 32), (28, 28), (64, 64)])
@pytest.mark.parametrize("fraction", [0.0, 0.2, 0.31, 0.46, 1.0])
def test_pictures_have_the_full_size_at_every_stage(progan, size, fraction):
    generator, discriminator = at(progan(height=size[0], width=size[1]), fraction)
    pictures = generator(torch.randn(4, 8))
    assert pictures.shape == (4, 3, *size) and pictures.abs().max() <= 1
    assert discriminator(pictures).shape == (4, 1)


def test_first_stage_makes_flat_squares(progan):
    generator, _ = at(progan(), 0.0)
    pictures = generator(torch.randn(2, 8))
    assert torch.equal(enlarge(pictures[:, :, ::8, ::8], 8), pictures) and pictures.std() > 0


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_a_fade_starts_with_the_previous_stages_pictures(progan, stage):
    networks, z = progan(), torch.randn(2, 8)
    before = at(networks, FADES[stage] - 1e-9)[0](z)
    start = at(networks, FADES[stage] + 1e-12)[0]
    assert start.stage()[0] == stage and torch.allclose(start(z), before, atol=1e-6)


def test_alpha_zero_is_exactly_the_previous_stage_and_one_the_new(progan):
    generator, z = progan()["generator"], torch.randn(2, 8)
    generator.stage = lambda: (1, 1.0)
    previous = generator(z)
    generator.stage = lambda: (2, 0.0)
    assert torch.equal(generator(z), previous)
    generator.stage = lambda: (2, 1.0)
    features = generator.blocks[1](generator.blocks[0](generator.first(generator.norm(z))))
    assert torch.equal(generator(z), enlarge(torch.tanh(generator.to_rgb[2](features)), 2))


def test_discriminator_at_alpha_zero_judges_as_the_previous_stage(progan):
    discriminator, x = progan()["discriminator"], torch.randn(4, 3, 32, 32)
    discriminator.stage = lambda: (2, 1.0)
    previous = discriminator(x)
    discriminator.stage = lambda: (3, 0.0)
    assert torch.allclose(discriminator(x), previous, atol=1e-6)


def test_discriminator_sees_no_more_than_its_stage(progan):
    _, discriminator = at(progan(), 0.0)
    x = torch.randn(4, 3, 32, 32)
    assert torch.allclose(discriminator(x), discriminator(enlarge(shrink(x, 8), 8)), atol=1e-5)
    assert torch.allclose(discriminator(x), discriminator(shrink(x, 8)), atol=1e-5)


def test_real_pictures_fade_like_generated_ones(progan):
    _, discriminator = at(progan(), 3.5 / 12)  # stage 2, half faded in
    x = torch.randn(2, 3, 32, 32)
    half = shrink(x, 2)
    expected = 0.5 * half + 0.5 * enlarge(shrink(half, 2), 2)
    assert torch.allclose(discriminator.prepare(x, real=True), expected, atol=1e-5)
    assert torch.equal(discriminator.prepare(x, real=False), half)


def test_length_of_the_latent_does_not_count(progan):
    generator, z = progan()["generator"], torch.randn(2, 8)
    assert torch.allclose(generator(5 * z), generator(z), atol=1e-5)


def test_parameters_are_the_same_at_every_stage(progan):
    networks = progan()
    shapes = {key: value.shape for key, value in networks["generator"].state_dict().items()}
    at(networks, 0.0)
    assert {key: value.shape for key, value in networks["generator"].state_dict().items()} == shapes


def test_collapsed_pictures_are_visible_to_the_discriminator(progan):
    _, discriminator = at(progan(), 1.0)
    x = torch.randn(4, 3, 32, 32)
    alone = torch.cat([discriminator(x[i : i + 1].expand(4, -1, -1, -1))[:1] for i in range(4)])
    assert (discriminator(x) - alone).abs().min() > 1e-5 and discriminator.batch_dependent


def test_only_grown_layers_learn(progan):
    networks = progan()
    generator, discriminator = at(networks, 3.5 / 12)
    discriminator(generator(torch.randn(4, 8))).sum().backward()
    learning = {
        name.split(".")[1] for name, p in generator.named_parameters() if "to_rgb" in name and p.grad is not None
    }
    assert learning == {"1", "2"} and generator.blocks[2][1].weight.grad is None
    assert discriminator.blocks[2][0][0].weight.grad is None


def test_labels_change_picture_and_judgement(progan):
    networks, z = progan(labels=2), torch.randn(1, 8).expand(2, -1)
    pictures = networks["generator"](z, torch.arange(2))
    assert not torch.allclose(pictures[0], pictures[1], atol=1e-3)
    same = pictures[:1].expand(2, -1, -1, -1)
    logits = networks["discriminator"](same, torch.arange(2))
    assert (logits[0] - logits[1]).abs() > 1e-4


def test_a_size_it_cannot_make_is_refused_by_name(progan):
    with pytest.raises(UsageError, match="progan can't make 100x100"):
        progan(height=100, width=100)
