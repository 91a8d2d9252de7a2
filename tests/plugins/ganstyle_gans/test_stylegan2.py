"""StyleGAN2: codes, mixing, truncation, conditions, penalties."""

from __future__ import annotations

import pytest
import torch
from ganstyle_gans.regularizers import R1, PathLength, PathLengthOptions, ZeroCentredOptions
from ganstyle_gans.stylegan2 import Stylegan2Options, build_stylegan2
from torch import nn

from ganstyle.api import ImageSpec
from ganstyle.errors import UsageError
from ganstyle.functional.gradients import path_length_penalty, path_lengths, zero_centred_penalty


def shaken(network, *, scale=0.3):
    """Move every parameter off its start, where the strength of noise and all biases are 0."""
    source = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(scale * torch.randn(parameter.shape, generator=source))
    return network


def latents(count=4, *, seed=0):
    return torch.randn(count, 8, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("labels", "size"), [(0, (16, 16)), (3, (96, 64))])
def test_pictures_are_those_of_their_codes(stylegan2, labels, size):
    generator = shaken(stylegan2(height=size[0], width=size[1], labels=labels)["generator"]).eval()
    condition = torch.tensor([2, 1]) if labels else None
    codes = generator.codes(latents(2), condition)
    assert codes.shape == (2, generator.layers, 8)
    pictures = generator(latents(2), condition)
    assert torch.equal(pictures, generator.synthesise(codes)) and pictures.shape == (2, 3, *size)


def test_a_32_pixel_picture_takes_eight_codes_and_each_matters(stylegan2):
    generator = shaken(stylegan2(height=32, width=32)["generator"])
    codes = generator.codes(latents(2)).detach().requires_grad_(True)
    generator.synthesise(codes).square().sum().backward()
    assert codes.shape[1] == 8 and (codes.grad.abs().amax((0, 2)) > 1e-6).all()


def test_only_the_direction_of_a_latent_counts(stylegan2):
    generator = stylegan2()["generator"].eval()
    assert torch.allclose(generator(5 * latents()), generator(latents()), atol=1e-5)


def test_pictures_are_clamped_when_sampling_and_whole_in_training(stylegan2):
    generator = stylegan2(noise=False, mixing=0.0)["generator"]
    with torch.no_grad():
        generator.to_rgb[-1].bias.copy_(torch.tensor([3.0, 0.0, -3.0]))
    trained, sampled = generator(latents()), generator.eval()(latents())
    assert trained.max() > 2 and trained.min() < -2
    assert torch.equal(sampled, trained.clamp(-1, 1))


def test_mixed_codes_change_once_to_those_of_another_latent(stylegan2):
    generator = stylegan2(mixing=1.0)["generator"]
    codes, own = generator.codes(latents(64)), generator.mapping(latents(64), None)
    kept, others = (codes == own[:, None]).all(2), (codes == codes[:, 5:]).all(2)
    crossovers = kept.sum(1)
    assert torch.equal(kept, torch.arange(6) < crossovers[:, None]) and torch.equal(others, ~kept)
    assert set(crossovers.tolist()) == {1, 2, 3, 4, 5}


def test_mixing_has_its_share_of_training_pictures_and_none_of_samples(stylegan2):
    generator = stylegan2(mixing=0.25)["generator"]
    same = lambda codes: (codes == codes[:, :1]).all(2).all(1)  # noqa: E731
    assert same(generator.codes(latents(2000))).float().mean().item() == pytest.approx(0.75, abs=0.03)
    assert same(generator.eval().codes(latents(200))).all()


def test_mean_code_moves_in_training_only_and_without_a_gradient(stylegan2):
    generator = stylegan2()["generator"]
    mean = generator.mapping(latents(), None).mean(0)
    generator.codes(latents())
    assert torch.allclose(generator.mean_code, 0.005 * mean, rtol=1e-4, atol=1e-8)
    before = generator.mean_code.clone()
    generator.eval()(latents())
    assert torch.equal(generator.mean_code, before) and not generator.mean_code.requires_grad


def test_full_truncation_gives_one_mean_picture(stylegan2):
    generator = shaken(stylegan2()["generator"])
    for seed in range(3):
        generator.codes(latents(seed=seed))
    codes = generator.eval().codes(latents())
    pictures = [generator.synthesise(generator.mean_code + psi * (codes - generator.mean_code)) for psi in (0, 0.5, 1)]
    spreads = [(picture - picture.mean(0)).square().mean().item() for picture in pictures]
    assert spreads[0] < 1e-12 < spreads[1] < spreads[2]


def test_stored_noise_makes_samples_repeatable_and_training_random(stylegan2):
    generator = shaken(stylegan2(mixing=0.0)["generator"])
    assert not torch.equal(generator(latents()), generator(latents()))
    generator.eval()
    assert torch.equal(generator(latents()), generator(latents()))


def test_labels_change_pictures_and_logits(stylegan2):
    networks = stylegan2(labels=2)
    generator, discriminator = networks["generator"].eval(), networks["discriminator"]
    zero, one = torch.zeros(4, dtype=torch.long), torch.ones(4, dtype=torch.long)
    pictures = generator(latents(), zero)
    assert not torch.allclose(pictures, generator(latents(), one), atol=1e-3)
    assert not torch.allclose(discriminator(pictures, zero), discriminator(pictures, one), atol=1e-4)


def test_what_style_weights_send_to_zero_changes_no_picture(stylegan2):
    generator = shaken(stylegan2(w_dim=64, base_channels=4, max_channels=4)["generator"].double()).eval()
    weights = generator.style_weights()
    assert weights.shape == (4 * 8, 64)  # five styled layers and three to RGB, four channels each
    unseen = torch.linalg.svd(weights)[2][32:]  # rows orthogonal to all of them
    codes = generator.codes(latents(2).double())
    pictures = generator.synthesise(codes)
    assert torch.allclose(generator.synthesise(codes + 3 * unseen.sum(0)), pictures, atol=1e-9)
    assert not torch.allclose(generator.synthesise(codes + weights[0]), pictures, atol=1e-3)


def test_logits_see_the_group_and_without_one_do_not(stylegan2):
    pictures = torch.randn(4, 3, 16, 16)
    grouped, alone = (stylegan2(group=group)["discriminator"] for group in (4, 1))
    assert grouped.batch_dependent and not torch.allclose(grouped(pictures)[:1], grouped(pictures[:1]), atol=1e-4)
    assert not alone.batch_dependent and torch.allclose(alone(pictures)[:1], alone(pictures[:1]), atol=1e-5)


def test_lower_layers_lead_from_the_picture_inwards(stylegan2):
    discriminator, pictures = stylegan2()["discriminator"], torch.randn(4, 3, 16, 16)
    features = nn.Sequential(*discriminator.lower_layers())(pictures)
    assert features.shape == (4, 8, 4, 4)
    assert torch.equal(discriminator.head(discriminator.last(features)), discriminator(pictures))


def test_deviation_is_kept_through_the_discriminator(stylegan2):
    discriminator = stylegan2(base_channels=32, max_channels=64)["discriminator"]
    features = discriminator.from_rgb(torch.randn(8, 3, 1, 1).expand(-1, -1, 16, 16))
    for block in discriminator.blocks:
        features = block(features)
        assert 0.4 < features.square().mean().sqrt().item() < 1.6


@pytest.mark.parametrize("role", ["generator", "discriminator"])
def test_penalties_give_the_same_gradients_in_either_memory_format(stylegan2, role):
    networks = {layout: stylegan2(noise=False, mixing=0.0) for layout in (torch.contiguous_format, torch.channels_last)}
    gradients = []
    for layout, pair in networks.items():
        network = shaken(pair[role]).to(memory_format=layout)
        penalty_of(network, role, layout).backward()
        gradients.append({name: part.grad for name, part in network.named_parameters() if part.grad is not None})
    assert gradients[0].keys() == gradients[1].keys() and len(gradients[0]) > 10
    for name, gradient in gradients[0].items():
        assert torch.allclose(gradient, gradients[1][name], rtol=1e-3, atol=1e-5 * gradient.abs().max().item()), name


def penalty_of(network, role, layout):
    """Path length for the generator, R1 for the discriminator: both differentiate twice."""
    pictures = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(3)).to(memory_format=layout)
    if role == "discriminator":
        return zero_centred_penalty(network, pictures)
    codes = network.codes(latents())
    return path_length_penalty(network.synthesise(codes), codes, mean=torch.zeros(()), directions=pictures)[0]


def test_path_lengths_are_those_of_the_measured_jacobian(stylegan2):
    generator = shaken(stylegan2(noise=False, mixing=0.0, w_dim=3)["generator"].double())
    codes = generator.codes(latents(1).double()).detach().requires_grad_(True)
    y = torch.randn(1, 3, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    steps = 1e-6 * torch.eye(6 * 3, dtype=torch.float64).view(18, 6, 3)  # one number of one layer each
    change = generator.synthesise(codes + steps) - generator.synthesise(codes - steps)
    measured = (change * y).sum((1, 2, 3)) / 2e-6 / 16
    expected = (measured.square().sum() / 6).sqrt().item()  # mean over the six layers
    assert path_lengths(generator.synthesise(codes), codes, directions=y).item() == pytest.approx(expected, rel=1e-6)


def test_a_size_that_no_grid_reaches_is_refused(stylegan2):
    with pytest.raises(UsageError, match="stylegan2 can't make 50x50"):
        stylegan2(height=50, width=50)


def test_half_precision_pictures_are_close_to_whole_ones(stylegan2):
    networks = stylegan2()
    generator, discriminator = shaken(networks["generator"]).eval(), networks["discriminator"]
    pictures = generator(latents())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        coarse = generator(latents())
        logits = discriminator(coarse)
    assert coarse.dtype == torch.bfloat16 and (coarse.float() - pictures).abs().mean() < 0.03 * pictures.std()
    assert torch.allclose(logits.float(), discriminator(pictures), atol=0.05)


def test_both_phases_train_every_parameter_with_r1_and_path_length(stylegan2, gan_task, noise_batch):
    penalties = [R1(ZeroCentredOptions()), PathLength(PathLengthOptions())]
    networks = stylegan2(labels=2)
    task = gan_task(networks, penalties=penalties)
    for phase in task.phases:  # step 0: everything lazy is due
        phase.loss(noise_batch(labels=2), 0)[0].backward()
    gradients = {name: part.grad for network in networks.values() for name, part in network.named_parameters()}
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients.values())
    assert all(gradient.any() for gradient in gradients.values())


@pytest.mark.slow  # the first draw on a meta device imports much
def test_the_paper_s_widths_give_the_paper_s_networks():
    """Configuration F at 1024 pixels: 18 codes a picture, 30.37 million parameters against 29.01."""
    widths = {"z_dim": 512, "w_dim": 512, "mapping_layers": 8, "base_channels": 32, "max_channels": 512}
    with torch.device("meta"):
        networks = build_stylegan2(Stylegan2Options(**widths), ImageSpec(1024, 1024))
    sizes = {role: sum(part.numel() for part in network.parameters()) / 1e6 for role, network in networks.items()}
    assert networks["generator"].layers == 18
    assert sizes == pytest.approx({"generator": 30.37, "discriminator": 29.01}, abs=0.005)
