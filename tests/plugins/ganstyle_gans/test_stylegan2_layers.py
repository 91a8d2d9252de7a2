"""StyleGAN2's layers against the paper's definitions, in float64."""

from __future__ import annotations

import math

import pytest
import torch
from ganstyle_gans.stylegan2_layers import NOISE_RATE, ModulatedConv2d, ResidualDown, SlowLinear, StyledLayer
from torch.nn import functional as F

from ganstyle.nn.blocks import EqualizedLinear
from ganstyle.nn.filters import Blur, doubled


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_definition(layer, features, code):
    """Eqs. 1 and 3: scale, then normalise, each picture's own weights, then convolve."""
    pictures = []
    for picture, style in zip(features, layer.style(code)):
        weight = layer.weight * layer.scale * style[None, :, None, None]
        if layer.demodulate:
            weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        if layer.blur is None:
            pictures.append(F.conv2d(picture[None], weight, padding=layer.padding))
        else:
            grown = F.conv_transpose2d(picture[None], weight.transpose(0, 1), stride=2)
            pictures.append(Blur(padding=1, gain=4.0).double()(grown))
    return torch.cat(pictures)


@pytest.mark.parametrize(("kernel", "up"), [(1, False), (3, False), (3, True)])
@pytest.mark.parametrize("demodulate", [False, True])
def test_scaling_input_and_output_is_scaling_the_weights(up, demodulate, kernel):
    torch.manual_seed(0)
    layer = ModulatedConv2d(5, 4, kernel, w_dim=6, demodulate=demodulate, up=up).double()
    features, code = draw(3, 5, 4, 6), draw(3, 6, seed=1)
    found = layer(features, code, bias=torch.arange(4.0).double(), gain=1.5)
    expected = 1.5 * by_definition(layer, features, code) + torch.arange(4.0).view(4, 1, 1)
    assert torch.allclose(found, expected, rtol=1e-10, atol=1e-10)


def test_demodulated_outputs_have_unit_deviation_whatever_the_style():
    torch.manual_seed(0)
    layer = ModulatedConv2d(32, 16, 3, w_dim=8)
    code = 30 * torch.randn(2, 8)
    out = layer(torch.randn(2, 32, 64, 64), code, bias=torch.zeros(16))[..., 1:-1, 1:-1]
    deviations = out.std((2, 3))
    assert (deviations - 1).abs().max() < 0.06 and abs(deviations.mean().item() - 1) < 0.01


def test_demodulation_forgets_the_length_of_the_style():
    torch.manual_seed(0)
    layer = ModulatedConv2d(6, 4, 3, w_dim=5).double()
    features, code, bias = draw(2, 6, 4, 4), draw(2, 5, seed=1), torch.zeros(4).double()
    once = layer(features, code, bias=bias)
    with torch.no_grad():
        layer.style.weight.mul_(1000.0)
        layer.style.bias.mul_(1000.0)
    assert torch.allclose(layer(features, code, bias=bias), once, rtol=1e-6)


def test_the_enlarging_convolution_is_centred():
    """With 1 in the middle of its kernel, it is the plain doubling."""
    layer = ModulatedConv2d(1, 1, 3, w_dim=2, demodulate=False, up=True).double()
    with torch.no_grad():
        layer.weight.zero_()[0, 0, 1, 1] = 1.0 / layer.scale
        layer.style.weight.zero_()
    features = draw(2, 1, 5, 7)
    found = layer(features, draw(2, 2), bias=torch.zeros(1).double())
    assert torch.allclose(found[..., 1:-1, 1:-1], doubled(features)[..., 1:-1, 1:-1], atol=1e-10)


def test_second_gradients_of_the_modulated_convolution():
    torch.manual_seed(0)
    layer = ModulatedConv2d(2, 2, 3, w_dim=3, up=True).double()
    features, code = draw(2, 2, 3, 3).requires_grad_(True), draw(2, 3, seed=1).requires_grad_(True)
    run = lambda features, code: layer(features, code, bias=torch.zeros(2).double())  # noqa: E731
    assert torch.autograd.gradgradcheck(run, (features, code), fast_mode=True)


def styled(**options):
    torch.manual_seed(0)
    layer = StyledLayer(4, 3, w_dim=5, size=(6, 8), **options).double()
    with torch.no_grad():
        layer.bias.copy_(torch.tensor([-1.0, 0.0, 2.0]))
        if layer.strength is not None:
            layer.strength.fill_(0.5 / NOISE_RATE)
    return layer


@pytest.mark.parametrize("up", [False, True])
def test_noise_and_bias_come_before_the_rectifier_and_its_gain(up):
    layer = styled(up=up).eval()
    features, code = draw(2, 4, *((3, 4) if up else (6, 8))), draw(2, 5, seed=1)
    inner = by_definition(layer.conv, features, code) + 0.5 * layer.noise + layer.bias.view(3, 1, 1)
    assert torch.allclose(layer(features, code), math.sqrt(2.0) * F.leaky_relu(inner, 0.2), atol=1e-10)


def test_noise_is_drawn_anew_in_training_and_fixed_otherwise():
    layer, features, code = styled(), draw(1, 4, 6, 8).expand(2, -1, -1, -1), draw(1, 5).expand(2, -1)
    training = layer(features, code)
    assert not torch.allclose(training[0], training[1])
    sampled = layer.eval()(features, code)
    assert torch.equal(sampled[0], sampled[1]) and torch.equal(sampled, layer(features, code))


def test_without_noise_training_and_sampling_agree():
    layer, features, code = styled(noise=False), draw(2, 4, 6, 8), draw(2, 5)
    assert torch.equal(layer(features, code), layer.eval()(features, code))


def test_a_slow_layer_starts_like_another_and_moves_a_hundredth_as_far():
    slow, plain, moved = SlowLinear(6, 4), EqualizedLinear(6, 4), []
    with torch.no_grad():
        slow.weight.copy_(plain.weight / 0.01)
    x = torch.randn(8, 6)
    assert torch.allclose(slow(x), plain(x), atol=1e-5)
    for layer in (slow, plain):
        before = layer(x).detach()
        layer(x).sum().backward()
        with torch.no_grad():
            for part in layer.parameters():
                part.sub_(1e-3 * part.grad.sign())  # Adam's first step, whatever the gradient's length
        moved.append(layer(x).detach() - before)
    assert torch.allclose(moved[0], 0.01 * moved[1], rtol=0.05, atol=1e-5)


def unscaled(layer, x):
    """Convolve with weights of unit output and nothing folded in."""
    weight = layer.weight / math.sqrt(layer.weight[0].numel())
    return F.conv2d(x, weight, stride=layer.stride, padding=layer.padding)


def test_the_residual_block_is_the_paper_s_sum_over_the_root_of_two():
    torch.manual_seed(0)
    block, x = ResidualDown(4, 6).double(), draw(2, 4, 8, 6)
    rectified = lambda x: math.sqrt(2.0) * F.leaky_relu(x, 0.2)  # noqa: E731
    inner = rectified(unscaled(block.down, block.blur(rectified(unscaled(block.same, x)))))
    skip = unscaled(block.skip[1], block.skip[0](x))
    assert torch.allclose(block(x), (inner + skip) / math.sqrt(2.0), atol=1e-10)


def test_the_residual_block_keeps_the_deviation_of_its_input():
    torch.manual_seed(0)
    smooth = F.interpolate(torch.randn(8, 32, 8, 8), scale_factor=4.0, mode="nearest")
    assert 0.6 < ResidualDown(32, 64)(smooth).square().mean().sqrt().item() < 1.4
