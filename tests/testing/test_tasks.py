"""The kit must catch deliberately broken tasks, and pass right ones."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ganstyle.api import Architecture, Batch, ImageSpec, Loss, Options, Phase
from ganstyle.registry import PluginStatus, Registry
from ganstyle.testing import ConformanceError, check_task


class NoOptions(Options):
    pass


class Shift(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.randn(3, 1, 1))
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, images):
        return torch.tanh(images + self.value)


class Nothing:
    def __init__(self, options: NoOptions) -> None: ...


def two_networks(options: NoOptions, image: ImageSpec):
    return {"generator": Shift(), "discriminator": Shift()}


@pytest.fixture
def registry() -> Registry:
    found = Registry()
    parts = (Architecture("dcgan", "Two shifts.", two_networks), Loss("bce", "None.", Nothing))
    found.add(PluginStatus("fake:main", "main", "fake", "1", components=parts))
    return found


class Good:
    """Two phases; the broken ones below differ from it in one point each."""

    averaged = ("generator",)

    def __init__(self, options: NoOptions, networks, *, loss, penalties) -> None:
        self.networks = networks
        self.G, self.D = networks["generator"], networks["discriminator"]
        self.phases = (Phase("d", ("discriminator",), self.d_loss), Phase("g", ("generator",), self.g_loss))

    def d_loss(self, batch, step):
        with torch.no_grad():
            fake = self.G(batch["images"])
        return self.D(fake).mean()

    def g_loss(self, batch, step):
        loss = self.G(batch["images"]).mean()
        return loss, {"mean": loss.detach()}

    def sample(self, networks, count, *, generator, batch=None):
        noise = torch.randn(count, 3, 32, 32, generator=generator)
        return networks["generator"](noise)


class Drawing(Good):
    """Latents of the joint batch, and a count that a checkpoint keeps."""

    def __init__(self, options: NoOptions, networks, *, loss, penalties) -> None:
        super().__init__(options, networks, loss=loss, penalties=penalties)
        self.steps = torch.zeros(())

    def d_loss(self, batch, step):
        self.steps = self.steps + 1
        return super().d_loss(batch, step)

    def draw(self, batch):
        return Batch({**batch, "latents": torch.randn(len(batch), 8)})

    def state_tensors(self):
        return {"steps": self.steps}

    def load_state_tensors(self, tensors):
        self.steps = tensors.get("steps", self.steps)


class DrawsOne(Drawing):
    def draw(self, batch):
        return Batch({**batch, "latents": torch.randn(1, 8)})


class DrawsAnew(Drawing):
    def draw(self, batch):
        return Batch(images=torch.randn_like(batch["images"]))


class Forgets(Drawing):
    def load_state_tensors(self, tensors):
        pass


class LeaksGradient(Good):
    def d_loss(self, batch, step):
        return self.D(self.G(batch["images"])).mean()


class Waits(Good):
    def g_loss(self, batch, step):
        loss = self.G(batch["images"]).mean()
        return loss * (1 if loss.item() > 0 else 2)


class Branches(Good):
    def g_loss(self, batch, step):
        loss = self.G(batch["images"]).mean()
        return -loss if loss < 0 else loss


class Steps(Good):
    def d_loss(self, batch, step):
        with torch.no_grad():
            self.D.value.mul_(0.9)
        return super().d_loss(batch, step)


class LeavesFrozen(Good):
    def g_loss(self, batch, step):
        self.D.requires_grad_(False)
        return self.D(self.G(batch["images"])).mean()


class Attached(Good):
    def g_loss(self, batch, step):
        loss = self.G(batch["images"]).mean()
        return loss, {"mean": loss}


class PerExample(Good):
    def g_loss(self, batch, step):
        return self.G(batch["images"]).mean((1, 2, 3))


class ChangesBatch(Good):
    def g_loss(self, batch, step):
        batch["images"] += 1
        return super().g_loss(batch, step)


class NotANumber(Good):
    def g_loss(self, batch, step):
        return (self.G(batch["images"]).mean() - 9).sqrt()


class UnknownRole(Good):
    averaged = ("painter",)


class Idle(Good):
    def __init__(self, options: NoOptions, networks, *, loss, penalties) -> None:
        super().__init__(options, networks, loss=loss, penalties=penalties)
        self.phases = self.phases[1:]


class NoPhases(Good):
    def __init__(self, options: NoOptions, networks, *, loss, penalties) -> None:
        super().__init__(options, networks, loss=loss, penalties=penalties)
        self.phases = ()


class TwinPhases(Good):
    def __init__(self, options: NoOptions, networks, *, loss, penalties) -> None:
        super().__init__(options, networks, loss=loss, penalties=penalties)
        self.phases = (*self.phases, self.phases[0])


class GlobalNoise(Good):
    def sample(self, networks, count, *, generator, batch=None):
        return networks["generator"](torch.randn(count, 3, 32, 32))


class Bright(Good):
    def sample(self, networks, count, *, generator, batch=None):
        return 127 * super().sample(networks, count, generator=generator)


class TrainsInSample(Good):
    def sample(self, networks, count, *, generator, batch=None):
        networks["generator"].train().calls.add_(1)
        return super().sample(networks, count, generator=generator)


class WrongCount(Good):
    def sample(self, networks, count, *, generator, batch=None):
        return super().sample(networks, 2 * count, generator=generator)


BROKEN = {
    DrawsOne: "draw() adds {'latents': 1} to 4 examples",
    DrawsAnew: "draw() doesn't hand on the batch",
    Forgets: "load_state_tensors() doesn't restore",
    LeaksGradient: "phase d gives gradients to ['generator.value'], which it doesn't train",
    Waits: "phase g waits for the device (item)",
    Branches: "phase g waits for the device (item",
    Steps: "phase d changes weights itself (['discriminator.value'])",
    LeavesFrozen: "phase g leaves requires_grad changed (['discriminator.value'])",
    Attached: "phase g reports ['mean'] attached to the graph",
    PerExample: "return a finite scalar, the batch mean",
    ChangesBatch: "phase g changes the batch",
    NotANumber: "return a finite scalar, the batch mean",
    UnknownRole: "`averaged` names unknown roles ['painter']",
    Idle: "no phase trains ['discriminator']",
    NoPhases: "`phases` holds no Phase",
    TwinPhases: "two phases share a name",
    GlobalNoise: "sample() differs for equal generators",
    Bright: "sample() gives values up to",
    TrainsInSample: "sample() leaves the networks in training mode",
    WrongCount: "sample() returns torch.Size([6, 3, 32, 32])",
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_task_is_caught(broken, registry):
    with pytest.raises(ConformanceError) as caught:
        check_task(broken, registry=registry)
    assert any(BROKEN[broken] in failure for failure in caught.value.failures), caught.value.failures


@pytest.mark.parametrize("good", [Good, Drawing])
def test_a_right_task_passes(good, registry):
    assert check_task(good, registry=registry) is None


def test_the_task_gets_the_architecture_whose_recipe_names_it(registry):
    """With one network only, the other architecture's task would fail."""

    def one_network(options: NoOptions, image: ImageSpec):
        return {"generator": Shift()}

    class Alone(Good):
        def __init__(self, options: NoOptions, networks, *, loss, penalties) -> None:
            self.networks, self.G = networks, networks["generator"]
            self.phases = (Phase("g", ("generator",), self.g_loss),)

    own = Architecture("alone", "One shift.", one_network, recipe={"task": "under_test"})
    registry.add(PluginStatus("fake:own", "own", "fake", "1", components=(own,)))
    assert check_task(Alone, registry=registry) is None
    with pytest.raises(ConformanceError, match="no phase trains"):
        check_task(Alone, registry=registry, arch="dcgan")
