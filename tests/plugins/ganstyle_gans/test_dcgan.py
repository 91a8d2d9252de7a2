"""DCGAN: sizes, labels, seeds, and that it learns."""

from __future__ import annotations

import pytest
import torch
from ganstyle_gans.dcgan import DcganOptions
from pydantic import ValidationError
from torch import nn

from ganstyle.api import Batch
from ganstyle.errors import UsageError
from ganstyle.nn.modules import has_batch_norm, has_spectral_norm


@pytest.mark.parametrize("size", [(16, 16), (28, 28), (32, 32), (48, 32), (96, 64), (128, 128)])
@pytest.mark.parametrize("upsampling", ["transposed", "resize"])
def test_pictures_have_the_asked_size_and_range_and_a_logit_each(dcgan, size, upsampling):
    networks = dcgan(height=size[0], width=size[1], upsampling=upsampling)
    pictures = networks["generator"](torch.randn(2, 8))
    assert pictures.shape == (2, 3, *size) and pictures.abs().max() <= 1
    assert networks["discriminator"](pictures).shape == (2, 1)


def test_a_size_it_cannot_make_is_refused_by_name(dcgan):
    with pytest.raises(UsageError, match="dcgan can't make 50x50 pictures; near it: 48x48"):
        dcgan(height=50, width=50)


def test_bad_options_are_refused():
    with pytest.raises(ValidationError):
        DcganOptions(norm="instance")
    with pytest.raises(ValidationError):
        DcganOptions(z_dim=0)


def test_equal_seeds_give_equal_weights(dcgan):
    first, again, other = (dcgan(seed=seed)["generator"].state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["first.weight"], other["first.weight"])


def test_weights_start_as_in_the_paper(dcgan):
    convolutions = [part for part in dcgan(base_channels=64)["discriminator"].modules() if isinstance(part, nn.Conv2d)]
    weights = torch.cat([part.weight.flatten() for part in convolutions])
    assert weights.std().item() == pytest.approx(0.02, rel=0.02)


def test_first_discriminator_layer_has_no_batch_norm(dcgan):
    kinds = [type(part) for part in dcgan()["discriminator"].layers]
    assert kinds == [nn.Conv2d, nn.LeakyReLU, nn.Conv2d, nn.BatchNorm2d, nn.LeakyReLU]


@pytest.mark.parametrize(("norm", "batch", "spectral"), [("batch", 1, 0), ("spectral", 0, 1), ("none", 0, 0)])
def test_norm_option_decides_the_discriminators_norm(dcgan, norm, batch, spectral):
    discriminator = dcgan(norm=norm, labels=2)["discriminator"]
    assert (has_batch_norm(discriminator), has_spectral_norm(discriminator)) == (bool(batch), bool(spectral))


def test_spectral_discriminator_cannot_change_faster_than_its_layers_allow(dcgan):
    discriminator = dcgan(norm="spectral")["discriminator"]
    for _ in range(20):
        discriminator(torch.randn(2, 3, 16, 16))
    weights = [part.weight.flatten(1) for part in discriminator.modules() if isinstance(part, nn.Conv2d)]
    assert [torch.linalg.matrix_norm(w, 2).item() for w in weights] == pytest.approx([1.0] * 3, abs=0.02)


def test_every_weight_gets_a_gradient(dcgan):
    networks = dcgan(labels=2)
    labels = torch.tensor([0, 1, 0, 1])
    networks["discriminator"](networks["generator"](torch.randn(4, 8), labels), labels).sum().backward()
    missing = [n for net in networks.values() for n, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    assert not [name for name in missing if "bias" not in name]


def test_generator_in_eval_mode_makes_each_picture_alone(dcgan):
    generator = dcgan()["generator"].eval()
    z = torch.randn(4, 8)
    assert torch.allclose(generator(z)[1:2], generator(z[1:2]), atol=1e-6)


def test_label_changes_picture_and_judgement(dcgan):
    networks = dcgan(labels=3)
    z, labels = torch.randn(1, 8).expand(3, -1), torch.arange(3)
    pictures = networks["generator"].eval()(z, labels)
    logits = networks["discriminator"].eval()(pictures[:1].expand(3, -1, -1, -1), labels)
    assert len({round(p.mean().item(), 6) for p in pictures}) == 3
    assert len({round(value, 9) for value in logits.flatten().tolist()}) == 3


def test_projection_adds_the_inner_product_of_label_and_mean_features(dcgan):
    discriminator = dcgan(labels=2)["discriminator"].eval()
    x, label = torch.randn(1, 3, 16, 16), torch.tensor([1])
    features = discriminator.layers(x)
    expected = discriminator.last(features).item() + (discriminator.embedding.weight[1] @ features.mean((2, 3))[0])
    assert discriminator(x, label).item() == pytest.approx(expected.item(), abs=1e-6)


def between_two_colours(count):
    """Return flat pictures from red to blue in equal steps."""
    red, blue = torch.tensor([0.8, -0.6, -0.6]), torch.tensor([-0.6, -0.6, 0.8])
    share = torch.linspace(0, 1, count)[:, None]
    return (share * red + (1 - share) * blue)[:, :, None, None].expand(-1, -1, 16, 16)


@pytest.mark.parametrize("norm", ["batch", "spectral"])
def test_it_learns_a_world_between_two_colours(dcgan, gan_task, norm):
    networks = dcgan(norm=norm)
    task, batch = gan_task(networks), Batch(images=between_two_colours(16))
    adams = {p.name: torch.optim.Adam(networks[p.roles[0]].parameters(), 2e-3, (0.5, 0.999)) for p in task.phases}
    for step in range(150):
        for phase in task.phases:
            adams[phase.name].zero_grad()
            phase.loss(batch, step)[0].backward()
            adams[phase.name].step()
    means = task.sample(networks, 200, generator=torch.Generator().manual_seed(0)).mean((2, 3))
    assert means.mean(0).tolist() == pytest.approx([0.1, -0.6, 0.1], abs=0.3)
    assert torch.corrcoef(means[:, ::2].T)[0, 1] < -0.5  # less red is more blue
