"""Penalties on discriminators whose gradient is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ganstyle_gans import regularizers as R
from torch import nn

from ganstyle.testing import check_regularizer


@pytest.fixture
def linear():
    """Return a discriminator D(x) = 2 x_0, whose gradient has length 2 everywhere."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 1, bias=False))
    nn.init.zeros_(network[1].weight)
    network[1].weight.data[0, 0] = 2.0
    return network


REAL, FAKE = torch.full((2, 3, 2, 2), 0.5), torch.full((2, 3, 2, 2), -0.25)


@pytest.mark.parametrize(
    ("penalty", "expected"),
    [
        (R.R1(R.ZeroCentredOptions(gamma=3.0)), 0.5 * 3.0 * 4.0),
        (R.R2(R.ZeroCentredOptions(gamma=3.0)), 0.5 * 3.0 * 4.0),
        (R.GradientPenalty(R.GradientPenaltyOptions()), 10.0 * (2.0 - 1.0) ** 2),
        (R.GradientPenalty(R.GradientPenaltyOptions(target=2.0)), 0.0),
    ],
)
def test_penalty_of_a_linear_discriminator(linear, penalty, expected):
    assert penalty(linear, REAL, FAKE).item() == pytest.approx(expected, abs=1e-9)


def test_r1_looks_at_real_and_r2_at_generated_pictures():
    square = nn.Module()
    square.forward = lambda x: x.square().flatten(1).sum(1)  # |gradient|^2 = 4 |x|^2
    options = R.ZeroCentredOptions()
    assert R.R1(options)(square, REAL, FAKE).item() == pytest.approx(0.5 * 4 * 12 * 0.25)
    assert R.R2(options)(square, REAL, FAKE).item() == pytest.approx(0.5 * 4 * 12 * 0.0625)


def test_gradient_penalties_say_that_they_are_per_picture():
    assert R.R1.per_picture and R.R2.per_picture and R.GradientPenalty.per_picture
    assert not getattr(R.Drift, "per_picture", False) and not getattr(R.Lecam, "per_picture", False)


def twice(network, *weights, at):
    """Check first and second derivatives of a penalty of float64 weights against finite differences."""
    check = lambda *weights: at(lambda x: network(x, *weights))  # noqa: E731
    return torch.autograd.gradcheck(check, weights) and torch.autograd.gradgradcheck(check, weights)


def quadratic(x, matrix, bias):
    """D(x) = x^T M x + b^T x, whose gradient (M + M^T) x + b is known."""
    flat = x.flatten(1)
    return ((flat @ matrix) * flat).sum(1) + flat @ bias


@pytest.fixture
def known():
    """Return pictures, weights and the gradient of `quadratic`, float64."""
    source = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(shape, generator=source, dtype=torch.float64)  # noqa: E731
    real, fake, matrix, bias = draw(3, 1, 2, 2), draw(3, 1, 2, 2), draw(4, 4), draw(4)
    slope = lambda x: x.flatten(1) @ (matrix + matrix.T) + bias  # noqa: E731
    return real, fake, matrix.requires_grad_(), bias.requires_grad_(), slope


@pytest.mark.parametrize(("penalty", "which"), [(R.R1, 0), (R.R2, 1)])
def test_zero_centred_penalties_are_exact_to_the_second_derivative(known, penalty, which):
    *pictures, matrix, bias, slope = known
    part = penalty(R.ZeroCentredOptions(gamma=0.7))
    value = part(lambda x: quadratic(x, matrix, bias), *pictures)
    expected = 0.35 * (slope(pictures[which]).detach().numpy() ** 2).sum(1).mean()
    assert value.dtype is torch.float64 and value.item() == pytest.approx(expected, rel=1e-13)
    assert twice(quadratic, matrix, bias, at=lambda D: part(D, *pictures))


def test_gradient_penalty_is_exact_to_the_second_derivative(known):
    real, fake, matrix, bias, slope = known
    part = R.GradientPenalty(R.GradientPenaltyOptions(weight=3.0, target=0.5))

    def seeded(D):
        torch.manual_seed(4)
        return part(D, real, fake)

    torch.manual_seed(4)
    share = torch.rand(3, 1, 1, 1, dtype=torch.float64)
    lengths = np.linalg.norm(slope(share * real + (1 - share) * fake).detach().numpy(), axis=1)
    expected = 3.0 * ((lengths - 0.5) ** 2).mean()
    assert seeded(lambda x: quadratic(x, matrix, bias)).item() == pytest.approx(expected, rel=1e-11)
    assert twice(quadratic, matrix, bias, at=seeded)


def test_gamma_goes_to_its_final_value_by_the_share_of_the_budget():
    cosine = R.R1(R.ZeroCentredOptions(gamma=0.05, gamma_final=0.005))
    geometric = R.R2(R.ZeroCentredOptions(gamma=100.0, gamma_final=1.0, gamma_schedule="geometric"))
    found = []
    for fraction in (0.0, 0.25, 0.5, 1.0):
        cosine.progress(fraction), geometric.progress(fraction)
        found.append((cosine.gamma, geometric.gamma))
    middle = 0.005 + 0.045 * (1 + np.cos(np.pi / 4)) / 2
    assert found[0] == pytest.approx((0.05, 100.0)) and found[3] == pytest.approx((0.005, 1.0))
    assert found[1] == pytest.approx((middle, 100**0.75)) and found[2] == pytest.approx((0.0275, 10.0))


def test_each_collapse_doubles_gamma_along_its_schedule_too():
    part = R.R1(R.ZeroCentredOptions(gamma=0.4, gamma_final=0.1))
    assert part.strengthen(2, since=1) == "r1 gamma 1.6"
    part.progress(1.0)
    assert part.gamma == pytest.approx(0.4)
    part.strengthen(0, since=0)
    assert part.gamma == pytest.approx(0.1)


def test_a_stronger_penalty_is_what_the_formula_gives_for_the_doubled_gamma():
    torch.manual_seed(0)
    network, pictures = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 1)), torch.randn(3, 3, 2, 2)
    part, double = (R.R1(R.ZeroCentredOptions(gamma=gamma)) for gamma in (1.5, 3.0))
    part.strengthen(1, since=0)
    assert torch.equal(part(network, pictures, pictures), double(network, pictures, pictures))


def test_only_a_gamma_that_changes_follows_the_budget():
    fixed = R.R1(R.ZeroCentredOptions(gamma=2.0))
    fixed.progress(0.5)
    assert fixed.gamma == 2.0 and not fixed.follows_budget
    assert R.R1(R.ZeroCentredOptions(gamma_final=0.1)).follows_budget


def logits(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_drift_is_the_mean_square_of_the_real_logits():
    real = logits(4, 1).requires_grad_()
    part = R.Drift(R.DriftOptions(weight=0.5))
    assert part(None, real, logits(4, 1, seed=1)).item() == pytest.approx(0.5 * (real**2).mean().item(), rel=1e-6)


def test_lecam_is_the_distance_to_the_other_sides_average_of_the_steps_before():
    part = R.Lecam(R.LecamOptions(weight=0.3, decay=0.75, start=0))
    means, found, expected = [0.0, 0.0], [], []
    for step in range(4):
        real, fake = logits(5, 1, seed=step) + 1, logits(5, 1, seed=step + 9)
        part.begin(step)
        found.append(part(None, real, fake).item())
        d, f = real.numpy(), fake.numpy()
        expected.append(0.3 * (((d - means[1]) ** 2).mean() + ((f - means[0]) ** 2).mean()))
        means = [0.75 * means[0] + 0.25 * d.mean(), 0.75 * means[1] + 0.25 * f.mean()]
    assert found == pytest.approx(expected, rel=1e-6)


def test_lecam_begins_to_count_at_its_start_but_averages_before():
    part = R.Lecam(R.LecamOptions(start=2, weight=1.0))
    found = []
    for step in range(4):
        part.begin(step)
        found.append(part(None, torch.ones(2, 1), -torch.ones(2, 1)).item())
    assert found[:2] == [0.0, 0.0] and found[2] == pytest.approx(2 * (1 + 1 - 0.99**2) ** 2)


def test_lecam_gradients_match_finite_differences():
    part = R.Lecam(R.LecamOptions(weight=0.3, start=0))
    part.means["real"].value.fill_(0.4), part.means["fake"].value.fill_(-0.2)
    given = logits(4, 1).requires_grad_(), logits(4, 1, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda d, f: part(None, d, f), given)


def test_an_average_moves_once_a_step_by_the_joint_batch_and_never_by_what_is_not_finite():
    whole, parts = R.StepMean(), R.StepMean()
    whole.note(torch.tensor(2.0), 4)
    parts.note(torch.tensor(1.0), 1), parts.note(torch.tensor(7 / 3), 3)
    whole.settle(), parts.settle()
    assert whole.value.item() == parts.value.item() == pytest.approx(2.0)
    parts.note(torch.tensor(float("nan")), 4), parts.settle(), parts.settle()
    assert parts.value.item() == pytest.approx(2.0)


def test_averages_are_those_of_all_ranks(monkeypatch):
    monkeypatch.setattr(R, "mean_over_ranks", lambda value: (value + 4.0) / 2)
    mean = R.StepMean()
    mean.note(torch.tensor(2.0), 4), mean.settle()
    assert mean.value.item() == 3.0


def test_path_length_is_the_variance_about_an_average_that_moves_once_a_step():
    part = R.PathLength(R.PathLengthOptions(weight=2.0, decay=0.75))
    matrix = torch.linalg.qr(logits(4, 4))[0].float()
    synthesis = lambda codes: (3.0 * codes[:, 0] @ matrix).view(-1, 1, 2, 2)  # noqa: E731
    torch.manual_seed(0)
    lengths = 3.0 * torch.randn(6, 1, 2, 2).flatten(1).norm(dim=1) / 2  # |J^T y| of an orthogonal map times 3
    codes = torch.zeros(6, 1, 4, requires_grad=True)
    torch.manual_seed(0)
    value, average = part(synthesis, codes, synthesis(codes)), 0.25 * lengths.mean()
    assert value.item() == pytest.approx(2 * (lengths - average).square().mean().item(), rel=1e-5)
    assert part.mean.value.item() == 0.0
    part.begin(4)
    assert part.mean.value.item() == pytest.approx(average.item(), rel=1e-5)


@pytest.mark.parametrize(
    ("component", "options"),
    [
        (R.R1, {"gamma_final": 0.1}),
        (R.R2, {"gamma_final": 0.1, "gamma_schedule": "geometric"}),
        (R.Drift, {}),
        (R.Lecam, {"start": 0}),
        (R.Lecam, {}),
        (R.PathLength, {"every": 1}),
    ],
)
def test_penalties_keep_the_contract_with_other_options(component, options):
    assert check_regularizer(component, options) is None
