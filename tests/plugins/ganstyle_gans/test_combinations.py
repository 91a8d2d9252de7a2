"""Combinations that can't train are refused with the reason; sensible ones are not."""

from __future__ import annotations

import itertools

import pytest
import torch
from ganstyle_gans import losses as L
from ganstyle_gans import regularizers as R
from torch import nn

from ganstyle.errors import UsageError


def r1():
    return R.R1(R.ZeroCentredOptions())


def gradient_penalty(**options):
    return R.GradientPenalty(R.GradientPenaltyOptions(**options))


def path_length():
    return R.PathLength(R.PathLengthOptions())


@pytest.mark.parametrize("penalty", [r1(), gradient_penalty()])
def test_gradient_penalty_with_batch_norm_is_refused_with_the_reason(dcgan, gan_task, penalty):
    with pytest.raises(UsageError, match="per picture, but batch norm in D"):
        gan_task(dcgan(norm="batch"), penalties=[penalty])


def test_path_length_of_a_generator_with_batch_norm_is_refused_with_the_reason(dcgan, progan, gan_task):
    with pytest.raises(UsageError, match="per picture, but batch norm in G"):
        gan_task(dcgan(norm="none"), penalties=[path_length()])
    assert gan_task(progan(), penalties=[path_length()]).penalties


def test_batch_norm_in_d_does_not_matter_to_penalties_on_logits(dcgan, gan_task):
    penalties = [R.Drift(R.DriftOptions()), R.Lecam(R.LecamOptions())]
    assert len(gan_task(dcgan(norm="batch"), penalties=penalties).penalties) == 2


def test_unbounded_loss_without_a_constraint_is_refused(dcgan, gan_task):
    wgan = L.Wgan(L.NoOptions())
    for penalties in ([], [R.Drift(R.DriftOptions())]):
        with pytest.raises(UsageError, match="no lower bound"):
            gan_task(dcgan(norm="none"), loss=wgan, penalties=penalties)
    assert gan_task(dcgan(norm="spectral"), loss=wgan).loss is wgan
    assert gan_task(dcgan(norm="none"), loss=wgan, penalties=[gradient_penalty()]).loss is wgan


def test_a_path_length_does_not_constrain_d(progan, gan_task):
    with pytest.raises(UsageError, match="no lower bound"):
        gan_task(progan(), loss=L.Wgan(L.NoOptions()), penalties=[path_length()])


def test_two_wishes_for_the_slope_of_d_are_refused(dcgan, gan_task):
    networks = dcgan(norm="none")
    with pytest.raises(UsageError, match="length of D's gradient to 0 and 2 at once"):
        gan_task(networks, penalties=[r1(), gradient_penalty(target=2.0)])
    assert gan_task(networks, penalties=[r1(), R.R2(R.ZeroCentredOptions())]).penalties


def test_a_missing_role_is_named(gan_task):
    with pytest.raises(UsageError, match="needs a generator; this architecture has stylizer"):
        gan_task({"stylizer": nn.Identity()})


LOSSES = [
    L.Bce(L.BceOptions()),
    L.Bce(L.BceOptions(saturating=True)),
    L.Lsgan(L.LsganOptions()),
    L.Hinge(L.NoOptions()),
    L.Relativistic(L.NoOptions()),
    L.Wgan(L.NoOptions()),
]
PENALTIES = {
    "zero-centred": lambda: [r1(), R.R2(R.ZeroCentredOptions())],
    "interpolated": lambda: [gradient_penalty(), R.Drift(R.DriftOptions())],
    "all others": lambda: [r1(), R.Lecam(R.LecamOptions(start=0)), path_length()],
}


@pytest.mark.parametrize(("loss", "kind"), itertools.product(LOSSES, PENALTIES))
def test_every_loss_trains_with_every_group_of_penalties_and_ada(progan, gan_task, noise_batch, loss, kind):
    networks = progan()
    task = gan_task(networks, loss=loss, penalties=PENALTIES[kind](), augment=("ada",), ada_p=0.5)
    task.progress(0.0)
    for phase in task.phases:
        value, parts = phase.loss(noise_batch(height=32, width=32), 0)
        value.backward()
        assert all(x.isfinite() and not x.requires_grad for x in parts.values())
        gradients = [p.grad for p in networks[phase.name].parameters() if p.grad is not None]
        assert gradients and all(torch.isfinite(g).all() for g in gradients)


def test_freezing_reaches_the_lower_layers_only(dcgan, progan, gan_task):
    for networks, frozen in ((dcgan(norm="batch"), ["layers.0", "layers.2"]), (progan(), ["from_rgb.", "blocks.2"])):
        gan_task(networks, freeze_d=2)
        flags = {name: part.requires_grad for name, part in networks["discriminator"].named_parameters()}
        assert {flag for name, flag in flags.items() if name.startswith(tuple(frozen))} == {False}
        assert {flag for name, flag in flags.items() if name.startswith(("last", "head"))} == {True}


def test_frozen_layers_get_no_gradient_and_stay_frozen_after_the_generators_turn(dcgan, gan_task, noise_batch):
    networks = dcgan(norm="none")
    task = gan_task(networks, freeze_d=1)
    for phase in reversed(task.phases):
        phase.loss(noise_batch(), 0)[0].backward()
    first, second = networks["discriminator"].lower_layers()
    assert all(part.grad is None for part in first.parameters())
    assert all(part.grad is not None for part in second.parameters())


def test_more_frozen_layers_than_there_are_are_refused(dcgan, gan_task):
    with pytest.raises(UsageError, match="can't freeze 3 layers of the discriminator: it offers 2"):
        gan_task(dcgan(), freeze_d=3)
    networks = dcgan()
    with pytest.raises(UsageError, match="it offers 0"):
        gan_task({**networks, "discriminator": nn.Flatten()}, freeze_d=1)
