"""The rival of a refinement learns works, judges paintings, and starts the same for equal seeds."""

from __future__ import annotations

import pytest
import torch
from ganstyle_styles.rival import Contest, Rival

from ganstyle.registry import load_registry


def contest(seed=0, name="hinge", lr=2e-3):
    loss = load_registry(plugins=False).build("loss", name, {})
    return Contest(loss, device=torch.device("cpu"), lr=lr, seed=seed)


@pytest.fixture(scope="module")
def striped():
    works = torch.zeros(4, 3, 48, 48)
    works[:, :, :, ::4] = 1.0
    return works


def test_a_patch_is_38_pixels():
    images = torch.randn(1, 3, 96, 96).requires_grad_()
    Rival().eval()(images)[0, 0, 6, 6].backward()
    touched = images.grad[0].abs().sum(0) > 0
    assert [int(touched.any(axis).sum()) for axis in (0, 1)] == [38, 38]


def test_it_learns_to_tell_works_from_paintings(striped):
    game, painted = contest(), torch.zeros(4, 3, 48, 48)
    losses = [game.learn(striped, painted) for _ in range(30)]
    assert losses[-1] < 0.7 * losses[0]
    with torch.no_grad():
        assert float(game.rival(striped).mean()) > float(game.rival(painted).mean())


def test_paintings_get_gradients_and_the_rival_none(striped):
    game, painted = contest(), torch.zeros(4, 3, 48, 48, requires_grad=True)
    game.judge(striped, painted).backward()
    assert float(painted.grad.abs().max()) > 0
    assert all(part.grad is None for part in game.rival.parameters())


def test_a_relativistic_loss_sees_the_works(striped):
    game, painted = contest(name="relativistic"), torch.zeros(4, 3, 48, 48)
    paid = [float(game.judge(works, painted)) for works in (striped, painted)]
    assert paid[0] != paid[1]


def test_equal_seeds_start_alike_and_leave_the_global_seed_alone():
    torch.manual_seed(3)
    first, again, other = (contest(seed).rival.state_dict() for seed in (5, 5, 6))
    drawn = torch.rand(1)
    torch.manual_seed(3)
    assert torch.equal(drawn, torch.rand(1))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)
