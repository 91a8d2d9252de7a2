"""Non-finite gradients are skipped inside the kernel, counted and named; state goes round."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from ganstyle.api import Phase
from ganstyle.config import OptimizerOptions
from ganstyle.engine.optimizers import GuardedAdam
from ganstyle.engine.precision import LossScale


def optimizer_of(network, **options):
    return GuardedAdam(Phase("only", ("net",), lambda batch, step: None), {"net": network}, OptimizerOptions(**options))


def step_with(optimizer, network, gradient, step=0):
    for parameter in network.parameters():
        parameter.grad = torch.full_like(parameter, gradient)
    optimizer.step(step)


def test_a_non_finite_gradient_changes_nothing_and_is_counted():
    network = nn.Linear(2, 1)
    optimizer = optimizer_of(network, lr=0.1)
    step_with(optimizer, network, 1.0)
    before = {key: value.clone() for key, value in optimizer.state_tensors().items() if "guard" not in key}
    weight = network.weight.clone()
    step_with(optimizer, network, math.inf, step=7)
    assert torch.equal(network.weight, weight)
    assert all(torch.equal(optimizer.state_tensors()[key], value) for key, value in before.items())
    assert optimizer.read_guard() == (1, 1, 7)


def test_a_good_step_ends_the_row_of_bad_ones_but_not_their_count():
    network = nn.Linear(2, 1)
    optimizer = optimizer_of(network)
    for step, gradient in enumerate([math.nan, math.nan, 1.0, math.nan]):
        step_with(optimizer, network, gradient, step)
    assert optimizer.read_guard() == (1, 3, 3)


def test_after_a_skip_the_next_update_is_that_of_plain_adam():
    network, plain = nn.Linear(2, 1), nn.Linear(2, 1)
    plain.load_state_dict(network.state_dict())
    optimizer, adam = optimizer_of(network, lr=0.1), torch.optim.Adam(plain.parameters(), lr=0.1, betas=(0.5, 0.999))
    for step, gradient in enumerate([1.0, math.nan, -2.0]):
        step_with(optimizer, network, gradient, step)
    for gradient in (1.0, -2.0):
        for parameter in plain.parameters():
            parameter.grad = torch.full_like(parameter, gradient)
        adam.step()
    torch.testing.assert_close(network.weight, plain.weight)


def test_clipping_scales_the_gradient_to_the_given_norm():
    network = nn.Linear(2, 1, bias=False)
    optimizer = optimizer_of(network, clip_norm=0.5)
    network.weight.grad = torch.tensor([[3.0, 4.0]])
    optimizer.step(0)
    assert optimizer.norm.item() == pytest.approx(5.0)
    torch.testing.assert_close(network.weight.grad, torch.tensor([[0.3, 0.4]]))


def test_state_restored_into_another_optimizer_gives_the_same_next_update():
    first, second = nn.Linear(3, 2), nn.Linear(3, 2)
    one, two = optimizer_of(first), optimizer_of(second)
    for step in range(3):
        step_with(one, first, 0.5 + step, step)
    second.load_state_dict(first.state_dict())
    two.load_state_tensors({key: value.clone() for key, value in one.state_tensors().items()})
    for optimizer, network in ((one, first), (two, second)):
        step_with(optimizer, network, -1.0, 3)
    assert torch.equal(first.weight, second.weight)


def test_restoring_a_fresh_state_forgets_what_came_later():
    network = nn.Linear(3, 2)
    optimizer = optimizer_of(network)
    fresh = {key: value.clone() for key, value in optimizer.state_tensors().items()}
    step_with(optimizer, network, 1.0)
    optimizer.load_state_tensors(fresh)
    assert set(optimizer.state_tensors()) == {"only/guard"}


def test_the_rate_is_base_times_phase_times_schedule_times_scale():
    phase = Phase("only", ("net",), lambda batch, step: None, lr_factor=4.0)
    optimizer = GuardedAdam(phase, {"net": nn.Linear(1, 1)}, OptimizerOptions(lr=0.01, schedule="cosine"))
    optimizer.set_fraction(1.0, scale=0.5)
    assert optimizer.lr == pytest.approx(0.01 * 4 * 0.1 * 0.5)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_updates_are_those_of_torchs_own_adam(layout):
    torch.manual_seed(0)
    network = nn.Conv2d(3, 4, 3).to(memory_format=layout)
    plain = nn.Conv2d(3, 4, 3).to(memory_format=layout)
    plain.load_state_dict(network.state_dict())
    optimizer = optimizer_of(network, lr=0.1, betas=(0.3, 0.9), eps=1e-3)
    adam = torch.optim.Adam(plain.parameters(), lr=0.1, betas=(0.3, 0.9), eps=1e-3)
    for step in range(4):
        images = torch.randn(2, 3, 5, 5)
        for net in (network, plain):
            net.zero_grad()
            net(images).square().mean().backward()
        optimizer.step(step)
        adam.step()
    torch.testing.assert_close(network.weight, plain.weight, rtol=1e-5, atol=1e-6)


def test_lazy_penalties_raise_the_betas_to_a_power():
    phase = Phase("only", ("net",), lambda batch, step: None, beta_power=0.8)
    optimizer = GuardedAdam(phase, {"net": nn.Linear(1, 1)}, OptimizerOptions(betas=(0.5, 0.99)))
    assert optimizer.current_betas == pytest.approx((0.5**0.8, 0.99**0.8))


@pytest.mark.parametrize(("fraction", "beta2"), [(0.0, 0.9), (0.5, 0.945), (1.0, 0.99)])
def test_the_second_decay_goes_from_the_first_to_the_final_value_along_a_cosine(fraction, beta2):
    optimizer = optimizer_of(nn.Linear(1, 1), betas=(0.0, 0.9), final_beta2=0.99)
    optimizer.set_fraction(fraction)
    assert optimizer.current_betas == pytest.approx((0.0, beta2))


def test_the_rate_warms_up_by_images_on_top_of_the_schedule():
    optimizer = optimizer_of(nn.Linear(1, 1), lr=0.4, warmup_images=100, schedule="linear", final_factor=0.0)
    optimizer.set_fraction(0.5, images=50)
    assert optimizer.lr == pytest.approx(0.4 * 0.5 * 0.5)


def scaled(network, **options):
    scale = LossScale(torch.device("cpu"), **options)
    phase = Phase("only", ("net",), lambda batch, step: None)
    return GuardedAdam(phase, {"net": network}, OptimizerOptions(lr=0.1, clip_norm=0.5), loss_scale=scale)


def test_a_scaled_loss_gives_the_update_of_an_unscaled_one():
    network, plain = nn.Linear(2, 1, bias=False), nn.Linear(2, 1, bias=False)
    plain.load_state_dict(network.state_dict())
    optimizers = scaled(network, start=2.0**10), optimizer_of(plain, lr=0.1, clip_norm=0.5)
    for optimizer, net in zip(optimizers, (network, plain)):
        optimizer.backward((net.weight * torch.tensor([3.0, 4.0])).sum())
        optimizer.step(0)
    assert network.weight.grad.tolist() == [[pytest.approx(0.3), pytest.approx(0.4)]]
    assert optimizers[0].norm.item() == pytest.approx(5.0)
    torch.testing.assert_close(network.weight, plain.weight)


def test_an_overflow_halves_the_scale_and_is_counted_only_when_the_scale_is_not_to_blame():
    network = nn.Linear(2, 1)
    optimizer = scaled(network, start=4.0)
    guards = []
    for step in range(4):
        step_with(optimizer, network, math.inf, step)
        guards.append(optimizer.read_guard()[:2])
    assert optimizer.loss_scale.scale.item() == 0.25 and guards == [(0, 0), (0, 0), (1, 1), (2, 2)]


def test_a_loss_scale_below_one_is_told_once_with_what_to_do():
    optimizer = scaled(nn.Linear(2, 1), start=0.5)
    values = {key: value.item() for key, value in optimizer.scalars().items()}
    (warning,) = optimizer.warnings(values)
    assert "0.5" in warning and "train.precision=bfloat16" in warning
    assert optimizer.warnings(values) == []
    assert scaled(nn.Linear(2, 1), start=1.0).warnings({"only/loss_scale": 1.0}) == []


def test_the_loss_scale_goes_round_with_the_state_and_may_be_missing_in_it():
    network = nn.Linear(2, 1)
    one, two = scaled(network, start=8.0), scaled(network, start=64.0)
    step_with(one, network, 1.0)
    two.load_state_tensors({key: value.clone() for key, value in one.state_tensors().items()})
    assert (two.loss_scale.scale.item(), two.loss_scale.good.item()) == (8.0, 1.0)
    two.load_state_tensors({key: value for key, value in one.state_tensors().items() if "loss_scale" not in key})
    assert two.loss_scale.scale.item() == 8.0


def test_gradients_are_those_of_the_phases_own_parameters_alone():
    own, other = nn.Linear(2, 1), nn.Linear(1, 1)
    optimizer_of(own).backward(other(own(torch.ones(1, 2))).sum())
    assert own.weight.grad is not None and other.weight.grad is None
