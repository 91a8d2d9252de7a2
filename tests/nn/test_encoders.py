"""The frozen encoder against an independent network with unfolded norms."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from ganstyle.nn.encoders import FoldedConv, load_lite0
from ganstyle.nn.lite0 import LITE0_STAGES, installed_lite0

TAPS = tuple(f"b{i}.{part}" for i in range(11) for part in ("depthwise", "output"))


@pytest.fixture(scope="module")
def encoder():
    return load_lite0()


def picture(height=64, width=64, *, count=1):
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0)) * 2 - 1


def plain_conv(x, weights, names, *, stride=1):
    """Convolution, then batch norm, unfolded; torch's own padding of an explicitly grown picture."""
    weight, norm = weights[f"{names[0]}.weight"], f"{names[1]}."
    kernel, groups = weight.shape[-1], len(weight) if weight.shape[1] == 1 else 1
    total = [max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in x.shape[2:]]
    x = F.pad(x, (total[1] // 2, total[1] - total[1] // 2, total[0] // 2, total[0] - total[0] // 2))
    x = F.conv2d(x, weight, stride=stride, groups=groups)
    moments = (weights[norm + "running_mean"], weights[norm + "running_var"])
    return F.batch_norm(x, *moments, weights[norm + "weight"], weights[norm + "bias"], eps=1e-3)


def plain_lite0(images, weights):
    """Yield (depthwise map, output) of each block, straight from the paper's table."""
    x = plain_conv(((images + 1) / 2 * 255 - 127) / 128, weights, ("_conv_stem", "_bn0"), stride=2).clamp(0, 6)
    strides = [s.stride if i == 0 else 1 for s in LITE0_STAGES for i in range(s.blocks)]
    for index, stride in enumerate(strides[:11]):
        block, wide = f"_blocks.{index}.", x
        if index:
            wide = plain_conv(x, weights, (block + "_expand_conv", block + "_bn0")).clamp(0, 6)
        wide = plain_conv(wide, weights, (block + "_depthwise_conv", block + "_bn1"), stride=stride).clamp(0, 6)
        out = plain_conv(wide, weights, (block + "_project_conv", block + "_bn2"))
        x = out + x if stride == 1 and out.shape == x.shape else out
        yield wide, x


@pytest.mark.parametrize("size", [(64, 64), (53, 70)])
def test_every_tap_agrees_with_the_unfolded_network(encoder, size):
    stored = torch.load(installed_lite0(), map_location="cpu", weights_only=True)
    weights = {name: value.double() for name, value in stored.items()}
    images = picture(*size)
    found = encoder(images, TAPS)
    for index, maps in enumerate(plain_lite0(images.double(), weights)):
        for part, expected in zip(("depthwise", "output"), maps, strict=True):
            assert torch.allclose(found[f"b{index}.{part}"].double(), expected, atol=2e-3), (index, part)


def test_strides_and_channels_are_those_of_the_table(encoder):
    found = encoder(picture(64, 96), TAPS)
    expected = {"b0.depthwise": (32, 2), "b1.depthwise": (96, 4), "b3.depthwise": (144, 8), "b5.depthwise": (240, 16)}
    for tap, (channels, stride) in expected.items():
        assert found[tap].shape == (1, channels, 64 // stride, 96 // stride)
        assert encoder.channels(tap) == channels
    assert found["b10.output"].shape == (1, 112, 4, 6)


def test_a_folded_convolution_equals_convolution_and_norm():
    conv, norm = nn.Conv2d(3, 5, 3, padding=1, bias=False), nn.BatchNorm2d(5, eps=1e-3)
    for value in (norm.weight, norm.bias, norm.running_mean):
        nn.init.normal_(value)
    nn.init.uniform_(norm.running_var, 0.5, 2)
    folded = FoldedConv(conv.weight.detach(), {k: v.detach() for k, v in norm.state_dict().items()})
    images = picture(6, 7)
    assert torch.allclose(folded(images), norm.eval()(conv(images)), atol=1e-5)


def test_the_encoder_is_in_no_checkpoint_and_has_nothing_to_train(encoder):
    assert list(encoder.parameters()) == []
    assert encoder.state_dict() == {}
    assert not any(value.requires_grad for value in encoder.buffers())


def test_gradients_pass_through_to_the_picture(encoder):
    images = picture().requires_grad_()
    encoder(images, ["b4.output"])["b4.output"].square().sum().backward()
    assert float(images.grad.abs().sum()) > 0


def test_typical_moments_are_those_of_a_clipped_gaussian(encoder):
    conv = encoder.blocks[3].depthwise
    noise = torch.randn(200_000, 1, generator=torch.Generator().manual_seed(0))
    drawn = (conv.typical_mean + conv.typical_deviation * noise).clamp(0, 6)
    mean, deviation = encoder.typical_moments("b3.depthwise")
    assert torch.allclose(mean, drawn.mean(0), atol=0.02)
    assert torch.allclose(deviation, drawn.std(0), atol=0.02)


def test_later_blocks_are_not_kept():
    assert len(load_lite0(last_block=2).blocks) == 3


def test_unknown_names_are_refused_with_the_known_ones(encoder):
    with pytest.raises(ValueError, match=r"no tap 'b11.output'; use b0 to b10"):
        encoder(picture(), ["b11.output"])


def test_it_loads_while_other_networks_are_built_on_the_meta_device():
    with torch.device("meta"):
        encoder = load_lite0(last_block=1)
    assert encoder.blocks[0].depthwise.weight.device.type == "cpu"
    assert torch.isfinite(encoder(picture(), ["b1.output"])["b1.output"]).all()
