"""LPIPS, its offline relative and DISTS: the shipped weights, the formulas, and that damage costs."""

from __future__ import annotations

import pytest
import torch
from ganstyle_metrics.perceptual import (
    Dists,
    LiteOptions,
    Lpips,
    _reduced,
    build_lpips_lite0,
    channel_weights,
    l2_pooled,
)
from ganstyle_metrics.trunks import TAPS
from metric_pictures import blurred, noisy, scene, state_of

from ganstyle.errors import InputError
from ganstyle.nn.trunks import Trunk

CHANNELS = {
    "lpips_alex": (64, 192, 384, 256, 256),
    "lpips_vgg": (64, 128, 256, 512, 512),
    "lpips_squeeze": (64, 128, 256, 384, 384, 512, 512),
    "dists_vgg": (3, 64, 128, 256, 512, 512),
}


@pytest.fixture(scope="module")
def lpips():
    return Lpips(Trunk("squeeze", state_of("squeeze")), key="lpips_squeeze", protocol="", device="cpu")


@pytest.fixture(scope="module")
def dists():
    return Dists(Trunk("vgg", state_of("vgg")), key="dists_vgg16", protocol="", device="cpu")


@pytest.fixture(scope="module")
def lite():
    return build_lpips_lite0(LiteOptions(), "cpu")


@pytest.mark.parametrize("name", sorted(CHANNELS))
def test_the_shipped_weights_have_a_value_for_each_channel_and_none_below_zero(name):
    found = [channel_weights()[f"{name}.{i}"] for i in range(len(CHANNELS[name]))]
    assert tuple(weights.shape[-1] for weights in found) == CHANNELS[name]
    assert all((weights >= 0).all() and weights.sum() > 0 for weights in found)


def test_lpips_is_the_weighted_distance_of_normalised_maps(lpips):
    image, other = scene(0)[None], scene(1)[None]
    taps = [str(tap) for tap in TAPS["squeeze"]]
    x, y = (lpips.trunk(picture.float() / 127.5 - 1, taps) for picture in (image, other))
    expected = 0.0
    for i, tap in enumerate(taps):
        a, b = (maps[tap].double() / maps[tap].double().norm(dim=1, keepdim=True).clamp_min(1e-10) for maps in (x, y))
        weighted = (a - b).square() * channel_weights()[f"lpips_squeeze.{i}"].view(1, -1, 1, 1)
        expected += weighted.sum(1).mean().item()
    assert lpips.measure(image, other).item() == pytest.approx(expected, rel=1e-4)


def test_each_pair_of_a_batch_has_its_own_value(lpips):
    images, other = torch.stack([scene(0), scene(1)]), torch.stack([scene(0), scene(2)])
    found = lpips.measure(images, other)
    assert found[0] == 0
    assert found[1].item() == pytest.approx(lpips.measure(images[1:], other[1:]).item())


def test_weights_of_another_file_are_told(lpips):
    assert "not the published weights" in lpips.warnings()[0]


def test_l2_pooling_is_the_root_of_hann_weighted_squares():
    features = torch.rand(1, 2, 6, 5, generator=torch.Generator().manual_seed(0)) + 0.1
    found = l2_pooled(features)
    assert found.shape == (1, 2, 3, 3)
    window = torch.tensor([0.25, 0.5, 0.25])  # the Hann window's 0.5, 1, 0.5 over its sum
    inside = features[0, 1, 1:4, 1:4].square()
    assert found[0, 1, 1, 1].item() == pytest.approx((window @ inside @ window).sqrt().item(), rel=1e-5)


def test_dists_reduces_the_shorter_side_to_256_and_leaves_small_pictures_alone():
    image = torch.zeros(1, 3, 300, 611, dtype=torch.uint8)
    assert _reduced(image).shape == (1, 3, 256, int(611 * 256 / 300))
    assert _reduced(image[..., :90]).shape == (1, 3, 300, 90)


def test_dists_of_a_picture_with_itself_is_nothing_and_damage_costs(dists):
    image = scene()[None]
    assert dists.measure(image, image).item() == pytest.approx(0, abs=1e-5)
    values = [dists.measure(noisy(image, strength), image).item() for strength in (10, 60)]
    assert 0 < values[0] < values[1] < 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda image, level: blurred(image, level),
        lambda image, level: noisy(image, 12 * level),
        lambda image, level: image.roll(2 * level, 3),
        lambda image, level: (image.float() * (1 - 0.12 * level)).to(torch.uint8),
    ],
    ids=["blur", "noise", "shift", "darker"],
)
def test_the_offline_distance_rises_with_damage(lite, damage):
    image = scene(height=96, width=96)[None]
    values = [lite.measure(damage(image, level), image).item() for level in (1, 2, 3)]
    assert 0 < values[0] < values[1] < values[2] < 1
    assert lite.measure(image, image).item() == pytest.approx(0, abs=1e-9)


def test_at_equal_error_brightness_is_forgiven_and_blur_is_not(lite):
    image = noisy(scene(height=96, width=96), 15)[None]
    smooth = blurred(image, 1)
    shift = (smooth.float() - image).square().mean().sqrt()
    brighter = (image.float() + shift).clamp(0, 255).to(torch.uint8)
    assert lite.measure(brighter, image) < 0.5 * lite.measure(smooth, image)


def test_the_offline_key_and_protocol_never_claim_to_be_lpips(lite):
    assert lite.key == "lpips_efficientnet_lite0"
    assert lite.protocol.startswith("ours, not LPIPS")


@pytest.mark.parametrize("metric", ["lpips", "dists", "lite"])
def test_pairs_that_do_not_compare_are_refused(metric, request):
    found = request.getfixturevalue(metric)
    with pytest.raises(InputError, match="equal sizes"):
        found.update(scene()[None], scene(width=72)[None])
    with pytest.raises(InputError, match="too small"):
        found.update(scene(width=20)[None], scene(width=20)[None])
