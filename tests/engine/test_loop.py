"""A step equals the same update written by hand; accumulation equals the whole batch."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from ganstyle.api import Batch, Phase
from ganstyle.config import OptimizerOptions
from ganstyle.engine.loop import train_step
from ganstyle.engine.optimizers import make_optimizers


class Regression:
    """Two independent linear networks, each with its own phase."""

    averaged = ("a",)

    def __init__(self, *, b_every=1):
        torch.manual_seed(0)
        self.networks = {"a": nn.Linear(3, 1), "b": nn.Linear(3, 1)}
        self.phases = (
            Phase("first", ("a",), lambda batch, step: self.networks["a"](batch["images"]).square().mean()),
            Phase("second", ("b",), self.second_loss, lr_factor=2.0, every=b_every),
        )

    def second_loss(self, batch, step):
        loss = self.networks["b"](batch["images"]).abs().mean()
        return loss, {"half": loss.detach() / 2}


def batch_of(count=6):
    return Batch(images=torch.arange(count * 3, dtype=torch.float32).reshape(count, 3) / 10)


def run(task, steps=1, micro_batch=None, **options):
    optimizers = make_optimizers(task, OptimizerOptions(**options))
    return [train_step(task, batch_of(), i, optimizers=optimizers, micro_batch=micro_batch) for i in range(steps)]


def test_a_step_equals_torchs_adam_written_by_hand():
    task = Regression()
    expected = copy.deepcopy(task.networks)
    run(task, lr=0.1)
    for role, lr, loss in (("a", 0.1, torch.square), ("b", 0.2, torch.abs)):
        adam = torch.optim.Adam(expected[role].parameters(), lr=lr, betas=(0.5, 0.999))
        loss(expected[role](batch_of()["images"])).mean().backward()
        adam.step()
        torch.testing.assert_close(task.networks[role].weight, expected[role].weight)


@pytest.mark.parametrize("micro_batch", [1, 2, 4, 5])
def test_accumulated_micro_batches_equal_the_whole_batch(micro_batch):
    whole, parts = Regression(), Regression()
    losses = run(whole, lr=0.01)[0], run(parts, lr=0.01, micro_batch=micro_batch)[0]
    assert losses[0]["first"].item() == pytest.approx(losses[1]["first"].item(), rel=1e-6)
    torch.testing.assert_close(whole.networks["a"].weight, parts.networks["a"].weight, rtol=1e-6, atol=1e-7)


def test_parts_of_a_loss_are_reported_under_their_phase():
    losses = run(Regression())[0]
    assert losses["second/half"] == losses["second"] / 2
    assert set(losses) == {"first", "second", "second/half"}


def test_a_phase_runs_only_at_its_own_steps():
    task = Regression(b_every=3)
    ran = ["second" in losses for losses in run(task, steps=7)]
    assert ran == [True, False, False, True, False, False, True]


def test_losses_stay_on_the_device_and_carry_no_graph():
    losses = run(Regression())[0]
    assert all(isinstance(value, torch.Tensor) and not value.requires_grad for value in losses.values())
