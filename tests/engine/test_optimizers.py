"""Non-finite gradients are skipped inside the kernel, counted and named; state goes round."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from ganstyle.api import Phase
from ganstyle.config import OptimizerOptions
from ganstyle.engine.optimizers import GuardedAdam


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
    assert optimizer.adam.param_groups[0]["lr"] == pytest.approx(0.01 * 4 * 0.1 * 0.5)
