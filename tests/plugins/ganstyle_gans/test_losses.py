"""Loss components pass their options to the right formula."""

from __future__ import annotations

import math

import pytest
import torch
from ganstyle_gans import losses as L
from pydantic import ValidationError

ZERO, ONE = torch.zeros(2, 1), torch.ones(2, 1)


@pytest.mark.parametrize(
    ("loss", "discriminator", "generator"),
    [
        (L.Bce(L.BceOptions()), math.log1p(math.exp(-1)) + math.log(2), math.log(2)),
        (L.Bce(L.BceOptions(saturating=True)), math.log1p(math.exp(-1)) + math.log(2), -math.log(2)),
        (L.Bce(L.BceOptions(real_label=0.75)), math.log1p(math.exp(-1)) + 0.25 + math.log(2), math.log(2)),
        (L.Lsgan(L.LsganOptions()), 0.0, 0.5),
        (L.Lsgan(L.LsganOptions(a=-1.0, b=1.0, c=0.0)), 0.5, 0.0),
        (L.Hinge(L.NoOptions()), 1.0, 0.0),
        (L.Wgan(L.NoOptions()), -1.0, 0.0),
        (L.Relativistic(L.NoOptions()), math.log1p(math.exp(-1)), math.log1p(math.exp(1))),
    ],
)
def test_component_gives_the_known_value_for_real_one_and_fake_zero(loss, discriminator, generator):
    assert loss.discriminator(ONE, ZERO).item() == pytest.approx(discriminator, abs=1e-6)
    assert loss.generator(ONE, ZERO).item() == pytest.approx(generator, abs=1e-6)


def test_only_the_relativistic_loss_needs_real_logits_for_the_generator():
    plain = [L.Bce(L.BceOptions()), L.Lsgan(L.LsganOptions()), L.Hinge(L.NoOptions()), L.Wgan(L.NoOptions())]
    assert not any(loss.relativistic for loss in plain)
    assert all(math.isfinite(loss.generator(None, ZERO)) for loss in plain)
    with pytest.raises(ValueError, match="real_logits"):
        L.Relativistic(L.NoOptions()).generator(None, ZERO)


def test_relativistic_loss_sees_differences_only():
    loss = L.Relativistic(L.NoOptions())
    assert loss.discriminator(ONE + 7, ZERO + 7).item() == pytest.approx(loss.discriminator(ONE, ZERO).item())


def test_real_label_must_be_a_label_of_real_pictures():
    with pytest.raises(ValidationError):
        L.BceOptions(real_label=0.3)
