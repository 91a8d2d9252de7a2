"""Nothing that a step depends on hides outside the saved weights: else a resumed run would not be the same run."""

from __future__ import annotations

import pytest
import torch
from ganstyle_gans.fastgan import FastganOptions, build_fastgan
from ganstyle_gans.projected import ProjectedOptions, build_projected
from ganstyle_gans.r3gan import R3ganOptions, build_r3gan

from ganstyle.api import ImageSpec

SIZES = {"z_dim": 8, "base_channels": 4, "max_channels": 8}
BUILDERS = {
    "r3gan": lambda image: build_r3gan(R3ganOptions(**SIZES), image),
    "fastgan": lambda image: build_fastgan(FastganOptions(**SIZES, reconstruction="pixels"), image),
    "projected": lambda image: {
        **build_r3gan(R3ganOptions(**SIZES), image),
        **build_projected(ProjectedOptions(channels=4, side=64), image),
    },
}


def step(task, batch, *, seed):
    """Make one step of both players; return all gradients."""
    torch.manual_seed(seed)
    found = []
    for phase in task.phases:
        network = task.networks[phase.roles[0]]
        network.zero_grad()
        phase.loss(batch, 0)[0].backward()
        with torch.no_grad():
            for part in network.parameters():
                found.append(part.grad.clone())
                part.sub_(0.05 * part.grad)
    return found


@pytest.mark.parametrize("name", BUILDERS)
def test_a_step_after_loading_is_the_step_without(name, gan_task, noise_batch):
    tasks = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        tasks.append(gan_task(BUILDERS[name](ImageSpec(16, 16))))
    kept, resumed = tasks
    step(kept, noise_batch(2), seed=2)
    for role, network in resumed.networks.items():
        network.load_state_dict({key: value.clone() for key, value in kept.networks[role].state_dict().items()})
    pairs = list(zip(step(kept, noise_batch(2), seed=3), step(resumed, noise_batch(2), seed=3)))
    assert pairs and all(torch.equal(one, other) for one, other in pairs)
