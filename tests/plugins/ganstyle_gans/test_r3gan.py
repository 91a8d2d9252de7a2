"""R3GAN: blocks that start as the identity, resampling, the two coarse maps, labels, penalties of second order."""

from __future__ import annotations

import pytest
import torch
from ganstyle_gans.r3gan import Downsampling, R3ganOptions, ResidualBlock, Upsampling, build_r3gan
from torch.nn import functional as F

from ganstyle.api import ImageSpec
from ganstyle.errors import UsageError
from ganstyle.functional.gradients import zero_centred_penalty


@pytest.fixture
def r3gan():
    """Return a function that builds seeded players."""

    def build(*, height=16, width=16, labels=0, **options):
        torch.manual_seed(0)
        values = {"z_dim": 8, "base_channels": 8, "max_channels": 16, **options}
        return build_r3gan(R3ganOptions(**values), ImageSpec(height, width, labels=labels))

    return build


def awake(network):
    """Move every weight off its start: zero layers hide what is behind them."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for part in network.parameters():
            part.add_(0.1 * torch.randn(part.shape, generator=generator))
    return network


def blocks(network):
    return [part for part in network.modules() if isinstance(part, ResidualBlock)]


def test_a_new_block_is_exactly_the_identity():
    block, x = ResidualBlock(8, inner=16, group_width=4, depth=3), torch.randn(2, 8, 5, 4)
    assert torch.equal(block(x), x) and not torch.equal(awake(block)(x), x)


def test_a_block_is_the_formula():
    block, x = awake(ResidualBlock(4, inner=8, group_width=2, depth=1)).double(), torch.randn(1, 4, 3, 3).double()
    act = lambda h: torch.where(h > 0, h, 0.2 * h)  # noqa: E731
    inner = act(torch.einsum("oi,bihw->bohw", block.expand.weight[:, :, 0, 0], x) + block.expand.bias.view(1, -1, 1, 1))
    parts = [
        F.conv2d(inner[:, g : g + 2], block.mix.weight[g : g + 2], block.mix.bias[g : g + 2], padding=1)
        for g in range(0, 8, 2)
    ]
    expected = x + torch.einsum("oi,bihw->bohw", block.project.weight[:, :, 0, 0], act(torch.cat(parts, 1)))
    assert torch.allclose(block(x), expected, atol=1e-12)


@pytest.mark.parametrize(("width", "groups"), [(16, 2), (32, 1), (12, 8), (1, 32)])
def test_group_width_is_the_greatest_that_divides(width, groups):
    assert ResidualBlock(16, inner=32, group_width=width, depth=1).mix.groups == groups


def test_other_convolutions_shrink_with_the_fourth_root_of_the_depth():
    torch.manual_seed(0)
    shallow, deep = (ResidualBlock(64, inner=128, group_width=16, depth=depth) for depth in (1, 16))
    for one, other in ((shallow.expand, deep.expand), (shallow.mix, deep.mix)):
        assert (one.weight.std() / other.weight.std()).item() == pytest.approx(2.0, rel=0.05)


def test_a_deep_stack_neither_explodes_nor_vanishes_after_a_step():
    """With the last convolutions at a step's size of 1e-2 each, 32 blocks change the variance by a bounded factor."""
    torch.manual_seed(0)
    stack = torch.nn.Sequential(*(ResidualBlock(16, inner=32, group_width=16, depth=32) for _ in range(32)))
    x = torch.randn(4, 16, 8, 8)
    for block in stack:
        torch.nn.init.normal_(block.project.weight, 0.0, 0.05)
    assert 1.0 < (stack(x).var() / x.var()).item() < 3.0


def test_a_new_discriminator_is_linear_in_its_pictures(r3gan):
    discriminator, x = r3gan()["discriminator"], torch.randn(2, 3, 16, 16)
    difference = discriminator(x[:1]) - discriminator(x[1:])
    assert torch.allclose(discriminator(3 * x[:1]) - discriminator(3 * x[1:]), 3 * difference, atol=1e-4)
    assert difference.abs() > 1e-3


@pytest.mark.parametrize("layer", [Upsampling(3, 3), Downsampling(3, 3)])
def test_resampling_keeps_constants(layer):
    x = torch.tensor([1.0, -2.0, 0.5]).view(1, 3, 1, 1).expand(2, -1, 4, 6)
    result = layer(x)
    assert torch.allclose(result, x[:, :, :1, :1].expand_as(result), atol=1e-6)


def test_resampling_is_bilinear():
    ramp = torch.arange(4.0).view(1, 1, 1, 4).expand(1, 1, 2, 4)
    finer = torch.tensor([0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3])
    assert torch.allclose(Upsampling(1, 1)(ramp), finer.expand(1, 1, 4, 8))
    assert torch.equal(Downsampling(1, 1)(ramp), torch.tensor([0.5, 2.5]).view(1, 1, 1, 2))


def test_channels_change_by_a_pointwise_convolution_that_commutes_with_resampling():
    layer, x = Upsampling(3, 5), torch.randn(1, 3, 4, 4)
    assert torch.allclose(layer(x), layer.change(F.interpolate(x, scale_factor=2, mode="bilinear")), atol=1e-5)


def test_the_latent_scales_the_channels_of_a_learned_map(r3gan):
    generator, z = r3gan(height=24, width=16)["generator"], torch.randn(2, 8)
    seen = []
    generator.stages[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    generator(z)
    expected = torch.einsum("bz,cz,chw->bchw", z, generator.first.weight, generator.basis[0])
    assert torch.allclose(seen[0], expected, atol=1e-5) and seen[0].shape[2:] == (6, 4)


def test_logits_weigh_every_place_of_the_coarse_map(r3gan):
    discriminator, x = awake(r3gan()["discriminator"]), torch.randn(2, 3, 16, 16)
    maps = discriminator.stages(discriminator.from_rgb(x))
    found = torch.einsum("bchw,chw->bc", maps, discriminator.basis[0])
    expected = found @ discriminator.head.weight.T + discriminator.head.bias
    assert torch.allclose(discriminator(x), expected, atol=1e-4)


def test_with_labels_the_logit_is_a_scalar_product(r3gan):
    discriminator, x = awake(r3gan(labels=3)["discriminator"]), torch.randn(1, 3, 16, 16)
    found = discriminator.head((discriminator.stages(discriminator.from_rgb(x)) * discriminator.basis).sum((2, 3)))
    expected = [(found[0] @ discriminator.embedding.weight[label]) / 8**0.5 for label in range(3)]
    logits = discriminator(x.expand(3, -1, -1, -1), torch.arange(3))[:, 0]
    assert torch.allclose(logits, torch.stack(expected), atol=1e-4) and logits.std() > 1e-3


def test_labels_change_the_picture(r3gan):
    generator, z = r3gan(labels=2)["generator"], torch.randn(1, 8).expand(2, -1)
    pictures = generator(z, torch.arange(2))
    assert (pictures[0] - pictures[1]).abs().mean() > 1e-2


def test_pictures_are_judged_one_by_one(r3gan):
    discriminator, x = awake(r3gan()["discriminator"]), torch.randn(4, 3, 16, 16)
    alone = torch.cat([discriminator(picture[None]) for picture in x])
    assert torch.allclose(discriminator(x), alone, atol=1e-4)


def test_penalty_trains_every_weight_that_bends_the_logits(r3gan):
    """Double backward against a central difference of the penalty, in float64."""
    discriminator, x = awake(r3gan(base_channels=4)["discriminator"]).double(), torch.randn(2, 3, 16, 16).double()
    weight = discriminator.stages[1][0].mix.weight

    def penalty():  # the functional one is float32 by contract
        probe = x.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(discriminator(probe).sum(), probe, create_graph=True)
        return gradient.square().sum()

    (slope,) = torch.autograd.grad(penalty(), weight)
    direction = torch.randn_like(weight)
    with torch.no_grad():
        weight.add_(1e-5 * direction)
    above = penalty().detach()
    with torch.no_grad():
        weight.sub_(2e-5 * direction)
    assert ((above - penalty().detach()) / 2e-5).item() == pytest.approx((slope * direction).sum().item(), rel=1e-4)


def test_penalty_is_differentiable_in_float32_and_channels_last(r3gan):
    discriminator = awake(r3gan()["discriminator"]).to(memory_format=torch.channels_last)
    zero_centred_penalty(discriminator, torch.randn(2, 3, 16, 16), gamma=1.0).backward()
    bent = [name for name, part in discriminator.named_parameters() if part.grad is None or not part.grad.any()]
    # The output bias has no part in a gradient by the pictures; the biases behind the last bend have none either.
    assert bent == [name for name in bent if name.endswith("bias")]


def test_style_weights_leave_the_label_out(r3gan):
    generator = r3gan(labels=2)["generator"]
    assert torch.equal(generator.style_weights(), generator.first.weight[:, :8])


def test_lower_layers_go_from_the_picture_inwards(r3gan):
    discriminator, x = r3gan()["discriminator"], torch.randn(1, 3, 16, 16)
    for layer in discriminator.lower_layers():
        x = layer(x)
    assert x.shape[1:] == discriminator.basis.shape[1:]


def test_largest_side_is_256(r3gan):
    with pytest.raises(UsageError, match="r3gan can't make 512x512"):
        r3gan(height=512, width=512)


def test_pictures_beyond_the_range_keep_their_gradient_in_training_and_are_clamped_when_sampled(r3gan):
    G, z = r3gan()["generator"], torch.randn(2, 8)
    torch.nn.init.constant_(G.to_rgb.bias, -3.0)
    G(z).sum().backward()
    assert float(G(z).detach().max()) < -1 and float(G.to_rgb.bias.grad.min()) == 2 * 16 * 16
    assert torch.equal(G.eval()(z), torch.full((2, 3, 16, 16), -1.0))


def test_a_bounded_generator_ends_with_tanh(r3gan):
    free, bounded, z = r3gan()["generator"], r3gan(bounded=True)["generator"], torch.randn(2, 8)
    torch.testing.assert_close(bounded(z), torch.tanh(free(z)))
