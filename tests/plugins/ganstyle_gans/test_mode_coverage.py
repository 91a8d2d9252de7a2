"""Toy worlds of separate modes, trained by the task and the engine's own step: which losses find all of them."""

from __future__ import annotations

import math

import pytest
import torch
from ganstyle_gans import losses as L
from ganstyle_gans import regularizers as R
from torch import nn

from ganstyle.api import Batch
from ganstyle.config import OptimizerOptions
from ganstyle.engine.loop import train_step
from ganstyle.engine.optimizers import make_optimizers

SPREAD = 0.05
DRAWN = 2500
RING = torch.tensor([[math.cos(turn * math.pi / 4), math.sin(turn * math.pi / 4)] for turn in range(8)])
GRID = torch.cartesian_prod(torch.arange(-2.0, 3.0), torch.arange(-2.0, 3.0)) / 2


class Points(nn.Sequential):
    """A small network; points are pictures of two channels and one pixel."""

    z_dim = 2

    def __init__(self, outputs):
        width, slope = 64, 0.2
        layers = [nn.Flatten(), nn.Linear(2, width), nn.LeakyReLU(slope), nn.Linear(width, width), nn.LeakyReLU(slope)]
        super().__init__(*layers, nn.Linear(width, outputs), nn.Unflatten(1, (outputs, 1, 1)))

    def forward(self, inputs, labels=None):
        return super().forward(inputs)


def relativistic(gamma):
    """Loss and penalties of R3GAN."""
    options = R.ZeroCentredOptions(gamma=gamma, every=1)
    return {"loss": L.Relativistic(L.NoOptions()), "penalties": [R.R1(options), R.R2(options)]}


def saturating():
    """The minimax loss of the first GAN, alone."""
    return {"loss": L.Bce(L.BceOptions(saturating=True)), "penalties": []}


@pytest.fixture
def covered(gan_task):
    """Return a function that trains R3GAN's loss on modes and returns how many the generator then covers."""

    def train(modes, *, steps, seed):
        torch.manual_seed(seed)
        networks = {"generator": Points(2), "discriminator": Points(1)}
        task = gan_task(networks, **relativistic(0.1))
        optimizers = make_optimizers(task, OptimizerOptions(lr=3e-3, betas=(0.0, 0.99), schedule="cosine"))
        for step in range(steps):
            points = modes[torch.randint(len(modes), (256,))] + SPREAD * torch.randn(256, 2)
            for optimizer in optimizers.values():
                optimizer.set_fraction(step / steps)
            train_step(task, Batch(images=points[:, :, None, None]), step, optimizers=optimizers)
        samples = task.sample(networks, DRAWN, generator=torch.Generator().manual_seed(5))
        return covered_by(samples.flatten(1), modes)

    return train


def covered_by(points, modes):
    """Count modes that have at least a tenth of their share of the points within three standard deviations."""
    distances, nearest = torch.cdist(points, modes).min(1)
    counts = nearest[distances < 3 * SPREAD].bincount(minlength=len(modes))
    return int((counts >= 0.1 * len(points) / len(modes)).sum())


def test_counting_takes_points_at_a_mode_and_no_others():
    at = lambda *numbers: RING[list(numbers)]  # noqa: E731
    assert covered_by(RING.repeat(10, 1), RING) == 8
    assert covered_by(at(0, 1, 2).repeat(10, 1), RING) == 3
    assert covered_by(1.2 * RING.repeat(10, 1), RING) == 0
    assert covered_by(torch.cat([at(3).repeat(200, 1), at(4)]), RING) == 1  # one point is no mode


def test_the_relativistic_loss_with_r1_and_r2_finds_all_modes_of_a_ring(covered):
    assert covered(RING, steps=400, seed=0) == 8


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(5))
def test_it_finds_all_modes_of_the_ring_and_nearly_all_of_the_grid_from_any_seed(covered, seed):
    assert covered(RING, steps=1000, seed=seed) == 8
    assert covered(GRID, steps=2000, seed=seed) >= 24


class Line(nn.Module):
    """A discriminator of one weight, D(x) = w x."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(0.5))

    def forward(self, images, labels=None):
        return self.weight * images.flatten(1)


class Place(nn.Module):
    """A generator that puts all its points at one place."""

    z_dim = 1

    def __init__(self):
        super().__init__()
        self.place = nn.Parameter(torch.tensor(0.5))

    def forward(self, z, labels=None):
        return self.place.expand(len(z), 1, 1, 1)


def distances(task, *, steps, rate=0.1):
    """Play against points at 0 by plain gradient descent; yield how far both players are from the equilibrium."""
    batch, players = Batch(images=torch.zeros(2, 1, 1, 1)), [task.generator.place, task.discriminator.weight]
    for step in range(steps):
        for phase, own in zip(task.phases, reversed(players)):
            (slope,) = torch.autograd.grad(phase.loss(batch, step)[0], own)
            own.data -= rate * slope
        yield math.hypot(*(player.item() for player in players))


def test_the_minimax_loss_alone_circles_its_equilibrium_and_the_penalties_make_it_arrive(gan_task):
    """The Dirac GAN of arXiv:1801.04406, section 2: unregularised training does not converge."""
    networks = lambda: {"generator": Place(), "discriminator": Line()}  # noqa: E731
    alone = list(distances(gan_task(networks(), **saturating()), steps=250))
    helped = list(distances(gan_task(networks(), **relativistic(0.5)), steps=250))
    assert min(alone[-100:]) > 0.65 and helped[-1] < 0.001
