"""Averages have a half-life in images, whatever the batch."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ganstyle.engine.ema import AveragedNetworks


def averaged_of(value=0.0, **options):
    network = nn.BatchNorm1d(1)
    nn.init.constant_(network.weight, value)
    return network, AveragedNetworks({"net": network}, ("net",), **options)


@pytest.mark.parametrize("batch", [1, 8, 100])
def test_after_one_half_life_an_old_weight_counts_half(batch):
    network, averaged = averaged_of(0.0, halflife_images=800, ramp=1e9)
    nn.init.constant_(network.weight, 1.0)
    for step in range(800 // batch):
        averaged.update(step * batch, batch) if step else averaged.update(1, batch)
    assert averaged.networks["net"].weight.item() == pytest.approx(0.5, abs=2e-3)


def test_a_half_life_of_zero_copies():
    network, averaged = averaged_of(0.0, halflife_images=0)
    nn.init.constant_(network.weight, 3.0)
    averaged.update(32, 32)
    assert averaged.networks["net"].weight.item() == 3.0


def test_early_in_training_the_half_life_is_a_share_of_the_images_seen():
    _, averaged = averaged_of(halflife_images=10_000, ramp=0.05)
    assert averaged.decay(2_000, 50) == pytest.approx(0.5 ** (50 / 100))
    assert averaged.decay(10**9, 50) == pytest.approx(0.5 ** (50 / 10_000))


def test_buffers_are_copied_not_averaged():
    network, averaged = averaged_of(halflife_images=1e9, ramp=1e9)
    network.running_mean.fill_(7.0)
    averaged.update(32, 32)
    assert averaged.networks["net"].running_mean.item() == 7.0


def test_poisoned_averages_are_noticed_and_start_again_from_the_source():
    network, averaged = averaged_of(1.0, halflife_images=10)
    averaged.networks["net"].weight.fill_(float("nan"))
    assert not averaged.is_finite()
    averaged.copy_source()
    assert averaged.is_finite() and torch.equal(averaged.networks["net"].weight, network.weight)


def test_the_averages_need_no_gradient_and_never_train():
    _, averaged = averaged_of(halflife_images=10)
    net = averaged.networks["net"]
    assert not net.training and not any(parameter.requires_grad for parameter in net.parameters())


def test_without_a_ramp_the_half_life_holds_from_the_first_step():
    _, averaged = averaged_of(halflife_images=100, ramp=0)
    assert averaged.decay(8, 50) == pytest.approx(0.5**0.5)


def test_several_networks_are_averaged_together_each_to_its_own():
    networks = {name: nn.Linear(1, 1) for name in ("a", "b")}
    averaged = AveragedNetworks(networks, ("a", "b"), halflife_images=8, ramp=0)
    before = {name: net.weight.item() for name, net in averaged.networks.items()}
    for shift, network in enumerate(networks.values(), start=1):
        nn.init.constant_(network.weight, shift)
    averaged.update(8, 8)
    for shift, name in enumerate(networks, start=1):
        assert averaged.networks[name].weight.item() == pytest.approx((before[name] + shift) / 2)
