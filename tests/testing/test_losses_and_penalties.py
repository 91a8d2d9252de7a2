"""The kit must catch deliberately broken losses and penalties, and pass right ones."""

from __future__ import annotations

from typing import Annotated

import pytest
import torch
from pydantic import Field
from torch.nn.functional import softplus

from ganstyle.api import Architecture, Loss, Options
from ganstyle.testing import ConformanceError, check_loss, check_regularizer


class NoOptions(Options):
    pass


class GoodLoss:
    """Cross-entropy; the broken ones below differ from it in one point each."""

    relativistic = False

    def __init__(self, options: NoOptions) -> None: ...

    def discriminator(self, real_logits, fake_logits):
        return softplus(-real_logits).mean() + softplus(fake_logits).mean()

    def generator(self, real_logits, fake_logits):
        return softplus(-fake_logits).mean()


class WrongSignOfD(GoodLoss):
    def discriminator(self, real_logits, fake_logits):
        return super().discriminator(fake_logits, real_logits)


class WrongSignOfG(GoodLoss):
    def generator(self, real_logits, fake_logits):
        return softplus(fake_logits).mean()


class IgnoresFake(GoodLoss):
    def discriminator(self, real_logits, fake_logits):
        return softplus(-real_logits).mean()


class Summed(GoodLoss):
    def generator(self, real_logits, fake_logits):
        return softplus(-fake_logits).sum()


class Overflowing(GoodLoss):
    def generator(self, real_logits, fake_logits):
        return -torch.log(torch.sigmoid(fake_logits * 3)).mean()


class BatchCentred(GoodLoss):
    def discriminator(self, real_logits, fake_logits):
        return softplus(fake_logits.mean() - real_logits).mean() + softplus(fake_logits - real_logits.mean()).mean()


class PerExample(GoodLoss):
    def generator(self, real_logits, fake_logits):
        return softplus(-fake_logits)


class InPlace(GoodLoss):
    def generator(self, real_logits, fake_logits):
        return softplus(fake_logits.data.neg_()).mean() + 0 * fake_logits.mean()


class Remembering(GoodLoss):
    calls = 0

    def generator(self, real_logits, fake_logits):
        self.calls += 1
        return softplus(-fake_logits).mean() * self.calls


class Undeclared(GoodLoss):
    relativistic = None


class Raising(GoodLoss):
    def generator(self, real_logits, fake_logits):
        return softplus(real_logits - fake_logits).mean()  # real_logits is None: it says it isn't relativistic


class Unbounded(GoodLoss):
    boundary = float("inf")


class Silent:
    def __init__(self, options: NoOptions) -> None:
        raise SystemExit(0)


BROKEN_LOSSES = {
    WrongSignOfD: "discriminator() doesn't raise real logits; turn the sign",
    WrongSignOfG: "generator() doesn't raise fake logits; turn the sign",
    IgnoresFake: "discriminator() doesn't lower fake logits",
    Summed: "return the mean over the examples",
    Overflowing: "generator() is not finite for logits",
    BatchCentred: "discriminator() of a batch is",
    PerExample: "generator() of logits (8, 1) is no scalar tensor",
    InPlace: "generator() changes its logits in place",
    Remembering: "generator() differs when repeated",
    Undeclared: "no attribute `relativistic`",
    Raising: "generator() raised TypeError",
    Unbounded: "`boundary` is inf",
    Silent: "building it raised SystemExit: 0",
}


@pytest.mark.parametrize("broken", BROKEN_LOSSES)
def test_a_broken_loss_is_caught(broken):
    with pytest.raises(ConformanceError) as caught:
        check_loss(broken)
    assert any(BROKEN_LOSSES[broken] in failure for failure in caught.value.failures), caught.value.failures


class Relativistic(GoodLoss):
    relativistic = True

    def discriminator(self, real_logits, fake_logits):
        return softplus(fake_logits - real_logits).mean()

    def generator(self, real_logits, fake_logits):
        return softplus(real_logits - fake_logits).mean()


@pytest.mark.parametrize("good", [GoodLoss, Relativistic, Loss("good", "Good.", GoodLoss)])
def test_a_right_loss_passes(good):
    assert check_loss(good) is None


def test_all_failures_come_at_once_each_with_its_remedy():
    class Twice(WrongSignOfG, IgnoresFake):
        pass

    with pytest.raises(ConformanceError) as caught:
        check_loss(Loss("twice", "Broken twice.", Twice))
    assert len(caught.value.failures) >= 2
    assert str(caught.value).startswith("loss 'twice' breaks the contract:\n  - ")
    assert all("; " in failure for failure in caught.value.failures)


class Undescribed(Options):
    gain: float = 1.0


class WithoutDefault(Options):
    gain: Annotated[float, Field(description="Factor.")]


class BadDefault(Options):
    gain: Annotated[float, Field(gt=0, description="Factor.")] = -1.0


class Lenient(Options):
    model_config = {"extra": "allow"}  # noqa: RUF012


class NamedName(Options):
    name: Annotated[str, Field(description="Name.")] = "x"


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Undescribed, "option 'gain' has no description"),
        (WithoutDefault, "option 'gain' has no default"),
        (BadDefault, "reading the default options back from JSON raised UsageError: loss.gain"),
        (Lenient, "Lenient changes model_config"),
        (NamedName, "an option is called 'name'"),
    ],
)
def test_options_that_recipes_could_not_hold_are_caught(model, message):
    class Odd(GoodLoss):
        def __init__(self, options) -> None: ...

    Odd.__init__.__annotations__["options"] = model
    with pytest.raises(ConformanceError) as caught:
        check_loss(Odd)
    assert message in str(caught.value)


def test_a_record_of_another_kind_is_refused():
    with pytest.raises(ConformanceError, match="a loss was expected; use check_architecture"):
        check_loss(Architecture("a", "An architecture.", GoodLoss))


def test_a_target_without_options_is_caught():
    with pytest.raises(ConformanceError, match="the first parameter must be 'options'"):
        check_loss(lambda: None)


class GoodPenalty:
    """R1; the broken ones below differ from it in one point each."""

    every = 4

    def __init__(self, options: NoOptions) -> None: ...

    def __call__(self, network, real, fake):
        x = real.detach().requires_grad_()
        (slope,) = torch.autograd.grad(network(x).sum(), x, create_graph=True)
        return slope.square().sum((1, 2, 3)).mean()


class RandomPoints(GoodPenalty):
    def __call__(self, network, real, fake):
        share = torch.rand(len(real), 1, 1, 1)
        return super().__call__(network, real * share + fake * (1 - share), fake)


class NoGraph(GoodPenalty):
    def __call__(self, network, real, fake):
        return super().__call__(network, real, fake).detach()


class LeavesFlag(GoodPenalty):
    def __call__(self, network, real, fake):
        real.requires_grad_()
        (slope,) = torch.autograd.grad(network(real).sum(), real, create_graph=True)
        return slope.square().sum((1, 2, 3)).mean()


class LeavesGradients(GoodPenalty):
    def __call__(self, network, real, fake):
        network(real).sum().backward()
        return super().__call__(network, real, fake)


class SummedPenalty(GoodPenalty):
    def __call__(self, network, real, fake):
        return super().__call__(network, real, fake) * len(real)


class Never(GoodPenalty):
    every = 0


class Evaluates(GoodPenalty):
    def __call__(self, network, real, fake):
        return super().__call__(network.eval(), real, fake)


class NotANumber(GoodPenalty):
    def __call__(self, network, real, fake):
        return (super().__call__(network, real, fake) - 1e9).sqrt()


class OnLogits(GoodPenalty):
    """Distance of real logits to their own moving average: a state that moves in begin() only."""

    on = "logits"
    every = 1

    def __init__(self, options: NoOptions) -> None:
        self.mean, self.seen = torch.zeros(()), torch.zeros(())

    def begin(self, step):
        self.mean = 0.5 * self.mean + 0.5 * self.seen

    def __call__(self, network, real, fake):
        self.seen = real.detach().mean()
        return (real - self.mean).square().mean()

    def state_tensors(self):
        return {"mean": self.mean, "seen": self.seen}

    def load_state_tensors(self, tensors):
        self.mean, self.seen = tensors.get("mean", self.mean), tensors.get("seen", self.seen)


class OnCodes(GoodPenalty):
    on = "codes"
    shrink = 2

    def __call__(self, network, codes, images):
        (slope,) = torch.autograd.grad(images.sum(), codes, create_graph=True)
        return slope.square().sum((1, 2)).mean()


class Elsewhere(GoodPenalty):
    on = "weights"


class ChangesLogits(OnLogits):
    def __call__(self, network, real, fake):
        real.data.add_(1.0)
        return super().__call__(network, real, fake)


class DropsCodes(OnCodes):
    def __call__(self, network, codes, images):
        return super().__call__(network, codes, images).detach()


class SavesOnly(OnLogits):
    load_state_tensors = property()


class SavesNumbers(OnLogits):
    def state_tensors(self):
        return {"mean": self.mean.item()}


class SavesHalf(OnLogits):
    def __call__(self, network, real, fake):
        return super().__call__(network, real, fake) * (2.0 if self.mean == 0 else 1.0)

    def state_tensors(self):
        return {"seen": self.seen}


class Forgets(OnLogits):
    def load_state_tensors(self, tensors):
        self.mean, self.seen = tensors.get("mean", torch.zeros(())), tensors.get("seen", torch.zeros(()))


class RestoresHalf(OnLogits):
    def load_state_tensors(self, tensors):
        self.mean = tensors.get("mean", self.mean)


BROKEN_PENALTIES = {
    Elsewhere: "`on` is 'weights'",
    ChangesLogits: "it changes what it was given",
    DropsCodes: "its gradient doesn't reach the network",
    SavesOnly: "it has state_tensors alone",
    SavesNumbers: "state_tensors() returns no dict of tensors",
    SavesHalf: "it differs after its state was restored",
    Forgets: "load_state_tensors({}) changes the state",
    RestoresHalf: "load_state_tensors() doesn't restore",
    NoGraph: "its gradient doesn't reach the network",
    LeavesFlag: "it leaves requires_grad changed",
    LeavesGradients: "it leaves gradients in .grad",
    SummedPenalty: "return the mean over the examples",
    Never: "`every` is 0",
    Evaluates: "it leaves the network in evaluation mode",
    NotANumber: "it is nan",
}


@pytest.mark.parametrize("broken", BROKEN_PENALTIES)
def test_a_broken_penalty_is_caught(broken):
    with pytest.raises(ConformanceError) as caught:
        check_regularizer(broken)
    assert any(BROKEN_PENALTIES[broken] in failure for failure in caught.value.failures), caught.value.failures


@pytest.mark.parametrize("good", [GoodPenalty, RandomPoints, OnLogits, OnCodes])
def test_a_right_penalty_passes(good):
    assert check_regularizer(good) is None
