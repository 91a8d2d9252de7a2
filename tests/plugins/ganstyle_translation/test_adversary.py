"""The game that all translations play."""

from __future__ import annotations

import pytest
import torch
from ganstyle_translation.adversary import Adversary, photographs, side_by_side, weighted

from ganstyle.api import Batch
from ganstyle.errors import UsageError
from ganstyle.nn.modules import spectrally_normalised


def judge(images):
    return images.mean((1, 2, 3))


class Penalty:
    """Ten, every third step."""

    every = 3

    def __call__(self, network, real, fake):
        return network(real).sum() * 0 + 10.0


def test_logits_and_accuracy_are_told(least_squares):
    real, fake = torch.ones(2, 3, 4, 4), torch.zeros(2, 3, 4, 4)
    fake[1] = 1.0
    loss, facts = Adversary(least_squares, (), [], name="cut").judge(judge, real, fake, step=0)
    assert loss.item() == pytest.approx(0.25)  # the second fake is taken for real: (0 + 1) / 2 / 2
    assert {key: value.item() for key, value in facts.items()} == {
        "real_logits": 1.0,
        "fake_logits": 0.5,
        "accuracy": 0.75,
    }


def test_penalties_are_lazy_and_weighted_by_their_interval(least_squares):
    game, images = Adversary(least_squares, [Penalty()], [], name="cut"), torch.zeros(1, 3, 4, 4)
    at = [game.judge(judge, images, images, step=step)[0].item() for step in (3, 4)]
    assert at[0] - at[1] == pytest.approx(30.0)


def test_a_penalty_on_gradients_does_not_grow_with_the_number_of_patches(least_squares):
    class Slope(Penalty):
        every = 1

        def __call__(self, network, real, fake):
            images = real.clone().requires_grad_()
            (slope,) = torch.autograd.grad(network(images).sum(), images)
            return slope.square().sum()

    game, images, found = Adversary(least_squares, [Slope()], [], name="cut"), torch.ones(1, 3, 4, 4), []
    for side in (1, 9):
        same = torch.ones(1, 1, side, side)  # the same logit in every patch
        found.append(game.judge(lambda x, same=same: x.mean() * same, images, images, step=0)[0].item())
    assert found[0] == pytest.approx(found[1], rel=1e-5)


def test_convincing_leaves_the_judge_without_gradients(least_squares):
    network, fake = torch.nn.Conv2d(3, 1, 4), torch.randn(1, 3, 4, 4, requires_grad=True)
    Adversary(least_squares, (), [network], name="cut").convince(network, fake, fake).backward()
    assert network.weight.grad is None
    assert fake.grad.abs().sum() > 0
    assert network.weight.requires_grad


def test_a_loss_that_compares_is_shown_the_real_pictures():
    class Comparing:
        relativistic = True

        def generator(self, real_logits, fake_logits):
            return (real_logits - fake_logits).mean()

    network = torch.nn.Conv2d(3, 1, 4)
    game = Adversary(Comparing(), (), [network], name="cut")
    real, fake = torch.ones(1, 3, 4, 4), torch.zeros(1, 3, 4, 4)
    expected = (network(real) - network(fake)).mean().item()
    assert game.convince(network, fake, real).item() == pytest.approx(expected, abs=1e-6)


def test_an_unbounded_loss_needs_a_bound(least_squares):
    class Unbounded:
        relativistic, unbounded = False, True

    class PerPicture(Penalty):
        per_picture = True

    plain, bounded = torch.nn.Conv2d(3, 1, 4), spectrally_normalised(torch.nn.Conv2d(3, 1, 4))
    with pytest.raises(UsageError, match="no lower bound"):
        Adversary(Unbounded(), (), [plain], name="cut")
    Adversary(Unbounded(), (), [bounded], name="cut")
    assert Adversary(Unbounded(), [PerPicture()], [plain], name="cut").penalties


def test_penalties_on_codes_or_with_averages_are_refused(least_squares):
    class OnCodes(Penalty):
        on = "codes"

    class Averaging(Penalty):
        begin = None

    for penalty in (OnCodes(), Averaging()):
        with pytest.raises(UsageError, match="cyclegan has no latent codes"):
            Adversary(least_squares, [penalty], [], name="cyclegan")


def test_penalties_hear_of_the_budget(least_squares):
    class Following(Penalty):
        seen = 0.0

        def progress(self, fraction):
            self.seen = fraction

    penalty = Following()
    game = Adversary(least_squares, [penalty, Penalty()], [], name="cut")
    game.progress(0.25)
    assert (penalty.seen, game.follows_budget) == (0.25, True)
    assert not Adversary(least_squares, [Penalty()], [], name="cut").follows_budget


def test_examples_repeat_until_there_are_enough():
    found = photographs(Batch({"images": torch.arange(3.0)}), 5)
    assert found["images"].tolist() == [0, 1, 2, 0, 1]


@pytest.mark.parametrize("batch", [None, Batch({"labels": torch.zeros(2)})])
def test_without_photographs_the_way_to_translate_is_told(batch):
    with pytest.raises(UsageError) as caught:
        photographs(batch, 4)
    assert caught.value.hint == "ganstyle transfer PHOTOS --model RUN"


def test_columns_are_laid_in_turns():
    first, second = (torch.full((2, 1), value) + torch.arange(2)[:, None] for value in (10.0, 20.0))
    assert side_by_side(first, second).flatten().tolist() == [10, 20, 11, 21]


def test_terms_add_up_by_their_weights():
    term = torch.tensor(3.0, requires_grad=True)
    total, shown = weighted({"near": (2.0, term), "far": (-0.5, torch.tensor(4.0))})
    assert total.item() == 4.0
    assert shown["near"].requires_grad is False
