"""A step counts, follows the budget and moves the averages; made in parts it is the same step."""

from __future__ import annotations

import pytest
import torch

from ganstyle.api import Batch
from ganstyle.config import resolve
from ganstyle.engine.session import open_session
from ganstyle.engine.stepping import advance
from ganstyle.registry import default_registry

TINY = ("train.resolution=16", "train.batch=8", "arch.base_channels=4", "train.device=cpu", "task.augment=[]")
SMOOTH = {  # no logit depends on other pictures
    "r3gan": ("arch=r3gan", "arch.max_channels=8", "arch.group_width=4"),
    "dcgan": ("arch=dcgan", "arch.norm=none", 'regularizer=["r1"]'),
}


def session_of(*sets):
    registry = default_registry()
    return open_session(resolve(registry, sets=[*TINY, *sets]), registry)


def pictures(count=8):
    return Batch(images=torch.linspace(-1, 1, count * 3 * 256).reshape(count, 3, 16, 16))


def test_a_step_counts_itself_and_its_pictures():
    session = session_of()
    for _ in range(2):
        advance(session, pictures())
    assert (session.step, session.steps_here, session.images) == (2, 2, 16)


def test_rates_follow_budget_warm_up_and_rollbacks():
    session = session_of("train.images=80", "optimizer.lr=0.8", "optimizer.schedule=linear", "optimizer.final_factor=0")
    session.images, session.lr_scale = 40, 0.5
    advance(session, pictures())
    assert session.optimizers["generator"].lr == pytest.approx(0.8 * 0.5 * 0.5)


def test_the_averages_follow_the_trained_networks_with_the_ramp_of_the_configuration():
    session = session_of("train.ema_halflife_images=100", "train.ema_ramp=0.5")
    source, target = session.task.networks["generator"], session.averaged.networks["generator"]
    before = target.first.weight.clone()
    advance(session, pictures())
    expected = torch.lerp(before, source.first.weight.detach(), 1 - 0.5 ** (8 / 4))  # half of 8 pictures seen
    torch.testing.assert_close(target.first.weight, expected)


@pytest.mark.parametrize("case", SMOOTH.values(), ids=SMOOTH)
@pytest.mark.parametrize("share", ["true", "false"])
def test_the_losses_of_a_step_in_parts_are_those_of_the_whole(case, share):
    losses = {}
    for micro_batch in (8, 2, 3):
        session = session_of(*case, f"train.micro_batch={micro_batch}", f"task.share_fakes={share}")
        for network in session.task.networks.values():
            network.eval()  # G's batch norm would take its statistics from each part alone
        torch.manual_seed(1)
        losses[micro_batch] = advance(session, pictures())
    for parts in (losses[2], losses[3]):
        for phase in ("discriminator", "generator"):
            assert parts[phase].item() == pytest.approx(losses[8][phase].item(), rel=1e-6, abs=1e-6)
