"""What is said about the game, from logits whose signs are known."""

from __future__ import annotations

import pytest
import torch
from ganstyle_gans import losses as L
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
