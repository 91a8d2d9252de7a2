"""What is said about the game, from logits whose signs are known."""

from __future__ import annotations

import pytest
import torch
from ganstyle_gans import judging
from ganstyle_gans import losses as L
from ganstyle_gans import regularizers as R
from ganstyle_gans.judging import Judge, logit_facts
from torch import nn

REAL, FAKE = torch.tensor([[3.0], [1.0], [0.25], [-1.0]]), torch.tensor([[-2.0], [2.0], [0.375], [-3.0]])


@pytest.mark.parametrize(
    ("loss", "sign", "accuracy"),
    [
        (L.Bce(L.BceOptions()), 0.5, 5 / 8),  # 3 reals above 0, 2 fakes below
        (L.Lsgan(L.LsganOptions()), 0.0, 5 / 8),  # about 1/2: 2 reals above, 3 fakes below
        (L.Relativistic(L.NoOptions()), 0.0, 0.5),  # pairs: right, wrong, wrong, right
        (L.Wgan(L.NoOptions()), 0.0, 0.5),
    ],
)
def test_signs_and_accuracy_count_from_the_losses_boundary_or_in_pairs(loss, sign, accuracy):
    facts = {key: value.item() for key, value in logit_facts(loss, REAL, FAKE).items()}
    assert facts == pytest.approx({"real_logits": 0.8125, "fake_logits": -0.65625, "sign": sign, "accuracy": accuracy})


def test_an_auxiliary_loss_comes_with_the_real_logits():
    class WithDecoder(nn.Module):
        def forward(self, images, labels=None):
            return images.flatten(1).sum(1)

        def judge_real(self, images, labels=None):
            return self(images) + 1, images.square().mean()

    images = torch.full((2, 1, 1, 1), 2.0)
    logits, auxiliary = Judge(WithDecoder(), None).real(images)
    assert logits.tolist() == [3.0, 3.0] and auxiliary.item() == 4.0


def weight_gradients(task, batch, step=0):
    torch.manual_seed(1)
    loss, _ = task.discriminator_loss(batch, step)
    return torch.autograd.grad(loss, list(task.discriminator.parameters()))


@pytest.mark.parametrize("penalty", [R.R1, R.R2])
def test_a_penalty_on_the_losss_own_logits_gives_the_gradients_of_one_with_its_own_pass(
    dcgan, gan_task, noise_batch, monkeypatch, penalty
):
    networks = dcgan(norm="none")
    for part in networks["discriminator"].parameters():
        torch.nn.init.normal_(part, 0.0, 0.2)
    task = gan_task(networks, penalties=[penalty(R.ZeroCentredOptions(gamma=10.0, every=1))])
    saving = weight_gradients(task, noise_batch())
    monkeypatch.setattr(judging.Judge, "recall", lambda self, images: None)
    for found, expected in zip(saving, weight_gradients(task, noise_batch()), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_reused_logits_save_the_passes_of_the_penalties(dcgan, gan_task, noise_batch):
    networks, passes = dcgan(norm="none"), []
    networks["discriminator"].register_forward_hook(lambda *_: passes.append(1))
    options = R.ZeroCentredOptions(every=2)
    task = gan_task(networks, penalties=[R.R1(options), R.R2(options)])
    for step in (0, 1):
        task.discriminator_loss(noise_batch(), step)
    assert len(passes) == 4  # real and fake, penalties due or not


def test_under_autocast_a_penalty_makes_its_own_pass_in_float32(dcgan, gan_task, noise_batch):
    networks, seen = dcgan(norm="none"), []
    networks["discriminator"].register_forward_hook(lambda module, given, logits: seen.append(logits.dtype))
    task = gan_task(networks, penalties=[R.R1(R.ZeroCentredOptions())])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        task.discriminator_loss(noise_batch(), 0)
    assert seen == [torch.bfloat16, torch.bfloat16, torch.float32]
