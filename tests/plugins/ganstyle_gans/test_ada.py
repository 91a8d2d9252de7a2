"""ADA: each map against the picture it must give, the draws against the paper's distributions, the controller."""

from __future__ import annotations

import math

import pytest
import torch
from ganstyle_gans.ada import GROUPS, Ada, colours, geometry, recolour, resample

MANY = torch.empty(4000, 3, 16, 16)
ONE = torch.tensor(1.0)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def pictures(count=2, height=8, width=8, *, dtype=torch.float32):
    return torch.rand(count, 3, height, width, dtype=dtype) * 2 - 1


def maps(rows, count=2):
    return torch.tensor(rows).expand(count, 2, 3)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], lambda x: x),
        ([[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], lambda x: x.flip(3)),
        ([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]], lambda x: x.rot90(1, (2, 3))),
        ([[1.0, 0.0, 2.0], [0.0, 1.0, 0.0]], lambda x: torch.cat([x[..., 2:], x[..., [7, 6]]], 3)),
        ([[1.0, 0.0, 0.0], [0.0, 1.0, -0.5]], lambda x: (x + torch.cat([x[:, :, :1], x[:, :, :-1]], 2)) / 2),
    ],
    ids=["nothing", "flip", "turn", "shift mirrors at the edge", "half a pixel is the mean of two"],
)
def test_a_known_map_gives_the_known_picture(rows, expected):
    x = pictures()
    assert torch.allclose(resample(x, maps(rows)), expected(x), atol=1e-5)


def test_scale_of_a_wide_picture_is_the_same_on_both_axes():
    x = torch.zeros(1, 1, 16, 32)
    x[:, :, 6:10, 14:18] = 1.0  # a square of 4 about the centre
    smaller = resample(x, maps([[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]], 1))[0, 0] > 0.5
    assert (smaller[4:-4, 8:-8].nonzero() + torch.tensor([4, 8])).tolist() == [[7, 15], [7, 16], [8, 15], [8, 16]]


def test_blits_at_probability_one_are_the_symmetries_of_the_square_and_whole_shifts():
    found = geometry(MANY, ONE, groups=frozenset({"blit"}))
    assert torch.equal(found, found.round())
    assert len({tuple(m.flatten().tolist()) for m in found[:, :, :2] + 0.0}) == 8
    assert found[:, :, 2].abs().max() == 2.0  # an eighth of 16


def test_a_quarter_is_mirrored_at_one_half():
    """A flip that is applied tosses a coin, as the paper's does."""
    found = geometry(MANY, torch.tensor(0.5), groups=frozenset({"blit"}))
    mirrored = torch.linalg.det(found[:, :, :2]) < 0
    assert mirrored.float().mean().item() == pytest.approx(0.25, abs=0.03)


def test_a_wide_picture_is_turned_upside_down_but_not_on_its_side():
    found = geometry(torch.empty(500, 3, 16, 24), ONE, groups=frozenset({"blit"}))
    assert not found[:, 0, 1].any() and not found[:, 1, 0].any()
    assert set(found[:, 1, 1].tolist()) == {-1.0, 1.0}


def test_scale_and_stretch_have_the_papers_spread():
    found = geometry(MANY, ONE, groups=frozenset({"geom"}))
    singular = torch.linalg.svdvals(found[:, :, :2])
    scale, stretch = singular.prod(1).log2() / 2, (singular[:, 0] / singular[:, 1]).log2() / 2
    assert scale.std().item() == pytest.approx(0.2, abs=0.01) and scale.mean().item() == pytest.approx(0, abs=0.02)
    assert stretch.square().mean().sqrt().item() == pytest.approx(0.2, abs=0.01)


def test_half_of_the_pictures_are_rotated_at_one_half():
    found = geometry(MANY, torch.tensor(0.5), groups=frozenset({"geom"}))
    upright = (found[:, 0, 1] == 0) & (found[:, 1, 0] == 0)
    assert upright.float().mean().item() == pytest.approx(0.5, abs=0.03)  # (sqrt(1 - p))^2 are left


def test_colour_map_is_the_product_of_the_papers_matrices():
    """Brightness, contrast, luma flip, hue, saturation, written out one after the other in float64."""
    x = torch.empty(1, 3, 1, 1, dtype=torch.float64)
    torch.manual_seed(3)
    found, offset = colours(x, ONE.double())
    torch.manual_seed(3)
    u, n = torch.rand(7, 1, dtype=torch.float64)[:, 0], torch.randn(3, 1, dtype=torch.float64)[:, 0]
    v = torch.full((3, 1), 3**-0.5, dtype=torch.float64)
    eye, axis = torch.eye(3, dtype=torch.float64), v @ v.T
    angle = (2 * u[6] - 1) * math.pi
    hue = torch.linalg.matrix_exp(angle * torch.linalg.cross(v.T.expand(3, 3), eye).T)
    flip = eye - 2 * axis * (u[5] < 0.5)
    saturation = axis + (eye - axis) * 2 ** n[2]
    expected = saturation @ hue @ flip * 2 ** (0.5 * n[1])
    assert torch.allclose(found[0], expected, rtol=1e-12)
    assert torch.allclose(offset, (expected @ torch.full((3, 1), 0.2, dtype=torch.float64) * n[0])[:1, 0])


def test_grey_pictures_of_one_channel_get_what_grey_ones_of_three_get():
    gray = torch.rand(6, 1, 4, 4)
    found = colours(gray, ONE)
    assert torch.allclose(recolour(gray, *found), recolour(gray.expand(-1, 3, -1, -1), *found)[:, :1], atol=1e-6)


def test_pictures_stay_as_they_are_at_probability_zero():
    x = pictures(4, 8, 12)
    assert torch.allclose(Ada(p=0.0)(x), x, atol=1e-5)


def test_each_picture_is_changed_on_its_own():
    x = pictures(1).expand(16, -1, -1, -1)
    assert len({round(value, 5) for value in Ada(p=1.0)(x).flatten(1).std(1).tolist()}) == 16


@pytest.mark.parametrize("groups", [("blit", "geom"), ("color",), GROUPS])
def test_gradients_exist_to_the_second_order(groups):
    x = pictures(1, 2, 3, dtype=torch.float64)
    p = ONE.double()
    where, colour = geometry(x, p, groups=frozenset(groups)), colours(x, p)
    distort = lambda x: recolour(resample(x, where), *colour).square()  # noqa: E731
    x.requires_grad_(True)
    assert torch.autograd.gradcheck(distort, (x,)) and torch.autograd.gradgradcheck(distort, (x,))


def test_controller_raises_p_by_the_pictures_shown_and_only_every_fourth_step():
    ada = Ada(speed_images=1000)
    seen = []
    for step in range(9):
        ada.begin(step)
        ada.observe(torch.tensor(0.9), 32)  # above the target: D knows the real ones by heart
        seen.append(ada.p.item())
    assert seen == pytest.approx([0.0] * 4 + [0.128] * 4 + [0.256])


def test_controller_stays_between_zero_and_the_strongest():
    ada = Ada(p=0.79, speed_images=1000)
    ada.observe(torch.tensor(1.0), 32), ada.begin(4)
    assert ada.p.item() == pytest.approx(0.8)
    for step in range(8, 120, 4):
        ada.observe(torch.tensor(0.1), 32), ada.begin(step)
    assert ada.p.item() == 0.0


def test_a_logit_that_is_not_finite_leaves_p_alone():
    ada = Ada(p=0.5, speed_images=1000)
    ada.observe(torch.tensor(math.nan), 32), ada.begin(4)
    assert ada.p.item() == 0.5
    ada.observe(torch.tensor(1.0), 32), ada.begin(8)
    assert ada.p.item() > 0.5


def test_controller_moves_by_the_mean_over_ranks_and_their_joint_pictures(monkeypatch):
    monkeypatch.setattr("ganstyle_gans.ada.mean_over_ranks", lambda r: (r + 0.1) / 2)  # the other rank sees 0.1
    monkeypatch.setattr("ganstyle_gans.ada.world_size", lambda: 2)
    ada = Ada(p=0.5, speed_images=1000)
    ada.observe(torch.tensor(0.9), 32), ada.begin(4)
    assert ada.p.item() == pytest.approx(0.5 - 0.064)


def test_probability_follows_the_budget_without_a_controller():
    ada = Ada(p=0.0, final=0.5)
    found = []
    for fraction in (0.0, 0.5, 1.0):
        ada.progress(fraction), ada.observe(torch.tensor(1.0), 10**6), ada.begin(4)
        found.append(ada.p.item())
    assert found == pytest.approx([0.0, 0.25, 0.5]) and ada.follows_budget and not Ada().follows_budget


def test_restored_controller_goes_on_from_half_a_window():
    ada, other = Ada(p=0.5, speed_images=1000), Ada(speed_images=1000)
    ada.observe(torch.tensor(1.0), 48)
    other.load_state_tensors({key: x.clone() for key, x in ada.state_tensors().items()})
    for controller in (ada, other):
        controller.observe(torch.tensor(0.0), 16), controller.begin(4)
    assert other.p.item() == ada.p.item() == pytest.approx(0.564)  # mean sign .75 of 64 pictures


def test_a_collapse_raises_p_by_a_tenth_of_what_the_saved_state_does_not_know():
    ada = Ada(p=0.5)
    assert ada.strengthen(2, since=1) == "ADA's p +0.1" and ada.p.item() == pytest.approx(0.6)
    ada.strengthen(4, since=2)
    assert ada.p.item() == pytest.approx(0.8)
    ada.strengthen(9, since=4)
    assert ada.p.item() == pytest.approx(0.8)  # the strongest


def test_a_state_that_knows_of_all_collapses_or_follows_the_budget_is_left_as_it_is():
    strong, fixed = Ada(p=0.95), Ada(p=0.0, final=0.5)
    assert strong.strengthen(3, since=3) == fixed.strengthen(1, since=0) == ""
    assert strong.p.item() == pytest.approx(0.95) and fixed.p.item() == 0.0
