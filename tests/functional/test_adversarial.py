"""Losses against formulas written out in float64 numpy."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from ganstyle.functional import adversarial as A

REAL = torch.tensor([[-2.0], [0.0], [0.5], [3.0]], dtype=torch.float64)
FAKE = torch.tensor([[1.5], [-0.25], [-4.0], [0.75]], dtype=torch.float64)
D, F = REAL.numpy(), FAKE.numpy()


def sp(x):
    return np.log1p(np.exp(x))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (A.bce_discriminator(REAL, FAKE), -np.log(sigmoid(D)).mean() - np.log(1 - sigmoid(F)).mean()),
        (A.bce_generator(FAKE), -np.log(sigmoid(F)).mean()),
        (A.bce_generator(FAKE, saturating=True), np.log(1 - sigmoid(F)).mean()),
        (A.lsgan_discriminator(REAL, FAKE), ((D - 1) ** 2 + F**2).mean() / 2),
        (A.lsgan_discriminator(REAL, FAKE, fake_label=-1.0), ((D - 1) ** 2 + (F + 1) ** 2).mean() / 2),
        (A.lsgan_generator(FAKE), ((F - 1) ** 2).mean() / 2),
        (A.lsgan_generator(FAKE, target=0.0), (F**2).mean() / 2),
        (A.hinge_discriminator(REAL, FAKE), (np.maximum(0, 1 - D) + np.maximum(0, 1 + F)).mean()),
        (A.wasserstein_discriminator(REAL, FAKE), F.mean() - D.mean()),
        (A.negative_logit(FAKE), -F.mean()),
        (A.relativistic_pairing(REAL, FAKE), sp(F - D).mean()),
    ],
)
def test_loss_equals_its_formula(value, expected):
    assert value.item() == pytest.approx(expected, rel=1e-13)


def test_smoothed_real_label_is_cross_entropy_with_that_label():
    expected = -(0.9 * np.log(sigmoid(D)) + 0.1 * np.log(1 - sigmoid(D))).mean() + sp(F).mean()
    assert A.bce_discriminator(REAL, FAKE, real_label=0.9).item() == pytest.approx(expected, rel=1e-13)


def test_smoothed_discriminator_is_happiest_at_the_log_odds_of_the_label():
    logits = torch.linspace(-5, 5, 2001, dtype=torch.float64)
    losses = [A.bce_discriminator(logit, torch.tensor(0.0), real_label=0.9).item() for logit in logits]
    assert logits[int(np.argmin(losses))].item() == pytest.approx(np.log(0.9 / 0.1), abs=5e-3)


def test_lsgan_labels_of_pearson_divergence_put_the_optimum_between_them():
    # a=-1, b=1, c=0: D at 0 loses 1/2 per side, G wants exactly 0.
    zero = torch.zeros(3)
    assert A.lsgan_discriminator(zero, zero, fake_label=-1.0, real_label=1.0).item() == 1.0
    assert A.lsgan_generator(zero, target=0.0).item() == 0.0


@pytest.mark.parametrize("logit", [-1000.0, -50.0, 50.0, 1000.0])
def test_losses_and_gradients_stay_finite_at_extreme_logits(logit):
    logits = torch.full((4, 1), logit, requires_grad=True)
    losses = [
        A.bce_discriminator(logits, -logits),
        A.bce_generator(logits),
        A.bce_generator(logits, saturating=True),
        A.relativistic_pairing(logits, -logits),
    ]
    (gradient,) = torch.autograd.grad(sum(losses), logits)
    assert torch.isfinite(torch.stack(losses)).all() and torch.isfinite(gradient).all()


def test_softplus_is_exact_where_torch_cuts_it_off():
    x = torch.tensor([20.5, -20.5, 0.0, 700.0], dtype=torch.float64)
    expected = [20.5 + np.log1p(np.exp(-20.5)), np.log1p(np.exp(-20.5)), np.log(2.0), 700.0]
    assert A.softplus(x).numpy() == pytest.approx(expected, rel=1e-15)


D_LOSSES = [
    A.bce_discriminator,
    partial(A.bce_discriminator, real_label=0.9),
    A.lsgan_discriminator,
    partial(A.lsgan_discriminator, fake_label=-1.0, real_label=2.0),
    A.hinge_discriminator,
    A.wasserstein_discriminator,
    A.relativistic_pairing,
]
G_LOSSES = [
    A.bce_generator,
    partial(A.bce_generator, saturating=True),
    A.lsgan_generator,
    partial(A.lsgan_generator, target=-0.5),
    A.negative_logit,
]


@pytest.mark.parametrize("scale", [1.0, 10.0, 100.0])
@pytest.mark.parametrize("loss", D_LOSSES + G_LOSSES)
def test_both_derivatives_match_finite_differences_at_any_logit(loss, scale):
    given = [(scale * logits).requires_grad_() for logits in ((REAL, FAKE) if loss in D_LOSSES else (FAKE,))]
    tolerance = {"rtol": 1e-3, "atol": 1e-6 * scale}  # a difference of squares of 1e4 loses digits
    assert torch.autograd.gradcheck(loss, given, **tolerance)
    assert torch.autograd.gradgradcheck(loss, given, **tolerance)


@pytest.mark.parametrize("logit", [-700.0, -100.0, -37.0, 37.0, 100.0, 700.0])
def test_losses_equal_their_formulas_at_extreme_logits(logit):
    """log1p(e^-|x|) + max(x, 0) is softplus in float64 without overflow, by numpy."""
    d = np.array([[logit], [-0.5]])
    f = -2 * d
    plus = lambda x: np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0.0)  # noqa: E731
    real, fake = torch.from_numpy(d), torch.from_numpy(f)
    found = [
        A.bce_discriminator(real, fake, real_label=0.9),
        A.bce_generator(fake),
        A.bce_generator(fake, saturating=True),
        A.relativistic_pairing(real, fake),
        A.hinge_discriminator(real, fake),
    ]
    expected = [
        (0.9 * plus(-d) + 0.1 * plus(d) + plus(f)).mean(),
        plus(-f).mean(),
        -plus(f).mean(),
        plus(f - d).mean(),
        (np.maximum(0, 1 - d) + np.maximum(0, 1 + f)).mean(),
    ]
    assert [value.item() for value in found] == pytest.approx(expected, rel=1e-14)


def test_lecam_distance_equals_its_formula_and_its_gradient_finite_differences():
    means = torch.tensor(0.7, dtype=torch.float64), torch.tensor(-0.3, dtype=torch.float64)
    distance = lambda d, f: A.lecam_distance(d, f, real_mean=means[0], fake_mean=means[1])  # noqa: E731
    assert distance(REAL, FAKE).item() == pytest.approx(((D + 0.3) ** 2).mean() + ((F - 0.7) ** 2).mean(), rel=1e-13)
    assert torch.autograd.gradcheck(distance, (REAL.clone().requires_grad_(), FAKE.clone().requires_grad_()))


def test_saturating_gradient_dies_while_the_other_lives_when_d_wins():
    fake = torch.tensor([-20.0], dtype=torch.float64, requires_grad=True)
    (dead,) = torch.autograd.grad(A.bce_generator(fake, saturating=True), fake)
    (alive,) = torch.autograd.grad(A.bce_generator(fake), fake)
    assert abs(dead.item()) < 1e-8 and alive.item() == pytest.approx(-1.0, abs=1e-8)


def test_every_loss_pushes_the_logits_the_right_way():
    for loss in (A.bce_discriminator, A.hinge_discriminator, A.wasserstein_discriminator, A.relativistic_pairing):
        real, fake = torch.zeros(2, requires_grad=True), torch.zeros(2, requires_grad=True)
        up, down = torch.autograd.grad(loss(real, fake), (real, fake))
        assert (up < 0).all() and (down > 0).all(), loss.__name__
