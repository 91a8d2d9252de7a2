"""The loss against values worked out by hand."""

from __future__ import annotations

import pytest
import torch
from ganstyle_example.losses import Hinge, HingeOptions


@pytest.mark.parametrize(("margin", "expected"), [(1.0, 0.25 + 1.5), (2.0, 0.75 + 2.5)])
def test_the_discriminator_pays_for_logits_within_the_margin(margin: float, expected: float) -> None:
    loss = Hinge(HingeOptions(margin=margin))
    real, fake = torch.tensor([[0.5], [3.0]]), torch.tensor([[0.5], [0.5]])
    assert loss.discriminator(real, fake).item() == pytest.approx(expected)


def test_the_generator_raises_its_logits() -> None:
    assert Hinge(HingeOptions()).generator(None, torch.tensor([[1.0], [2.0]])).item() == -1.5
