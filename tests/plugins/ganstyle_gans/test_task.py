"""The GAN task: who learns when, from what, and which combinations are refused."""

from __future__ import annotations

import pytest
import torch
from ganstyle_gans import losses as L
from ganstyle_gans import regularizers as R
from ganstyle_gans.task import GanOptions
from torch import nn

from ganstyle.api import Options, TaskLike, make_options
from ganstyle.errors import UsageError


def gradients(network):
    return [p.grad for p in network.parameters() if p.grad is not None]


def test_it_is_a_task_with_two_players(dcgan, gan_task):
    task = gan_task(dcgan())
    assert isinstance(task, TaskLike) and isinstance(task.options, Options)
    assert [(p.name, p.roles) for p in task.phases] == [
        ("discriminator", ("discriminator",)),
        ("generator", ("generator",)),
    ]


@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize("relativistic", [False, True])
def test_a_phase_gives_gradients_to_its_own_network_only(dcgan, gan_task, noise_batch, index, relativistic):
    task = gan_task(dcgan(), loss=L.Relativistic(L.NoOptions()) if relativistic else None)
    phase, other = task.phases[index], task.phases[1 - index]
    phase.loss(noise_batch(), 0)[0].backward()
    assert gradients(task.networks[phase.name]) and not gradients(task.networks[other.name])
    assert all(p.requires_grad for p in task.networks["discriminator"].parameters())


def test_losses_are_the_formulas_on_the_networks_logits(dcgan, gan_task, noise_batch):
    networks, batch = dcgan(norm="none"), noise_batch()
    task = gan_task(networks)
    torch.manual_seed(5)
    value, _ = task.discriminator_loss(batch, 0)
    torch.manual_seed(5)
    fake = networks["generator"](torch.randn(4, 8))
    D = networks["discriminator"]
    expected = -torch.log(torch.sigmoid(D(batch["images"]))).mean() - torch.log(1 - torch.sigmoid(D(fake))).mean()
    assert value.item() == pytest.approx(expected.item(), rel=1e-5)


def test_lazy_penalties_come_every_so_many_steps_times_as_much(dcgan, gan_task, noise_batch):
    class Constant:
        every = 3

        def __call__(self, network, real, fake):
            return torch.tensor(2.0)

    networks, batch = dcgan(norm="none"), noise_batch()
    with_penalty, without = gan_task(networks, penalties=[Constant()]), gan_task(networks)

    def extra(step):
        torch.manual_seed(0)
        loss = with_penalty.discriminator_loss(batch, step)[0]
        torch.manual_seed(0)
        return (loss - without.discriminator_loss(batch, step)[0]).item()

    assert [extra(step) for step in range(4)] == pytest.approx([6.0, 0.0, 0.0, 6.0], abs=1e-5)


def test_more_discriminator_steps_make_the_generator_wait(dcgan, gan_task):
    task = gan_task(dcgan(), d_steps=5, d_lr_factor=4.0)
    assert [p.every for p in task.phases] == [1, 5] and [p.lr_factor for p in task.phases] == [4.0, 1.0]


def test_samples_depend_on_the_given_generator_alone(dcgan, gan_task):
    networks = dcgan()
    task = gan_task(networks)
    first = task.sample(networks, 3, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(99)
    before = torch.get_rng_state()
    again = task.sample(networks, 3, generator=torch.Generator().manual_seed(1))
    assert torch.equal(first, again) and torch.equal(torch.get_rng_state(), before)


def test_sampling_leaves_the_network_as_it_was(dcgan, gan_task):
    networks = dcgan()
    state = {key: value.clone() for key, value in networks["generator"].state_dict().items()}
    gan_task(networks).sample(networks, 3, generator=torch.Generator())
    assert networks["generator"].training
    assert all(torch.equal(value, state[key]) for key, value in networks["generator"].state_dict().items())


def test_sample_labels_come_from_argument_batch_or_in_turn(dcgan, gan_task, noise_batch):
    networks = dcgan(labels=2)
    task, seen = gan_task(networks), []
    forward = networks["generator"].forward
    networks["generator"].forward = lambda z, labels: seen.append(labels.tolist()) or forward(z, labels)
    generator = torch.Generator()
    task.sample(networks, 4, generator=generator)
    task.sample(networks, 4, generator=generator, batch=noise_batch(3, labels=2))
    task.sample(networks, 2, generator=generator, labels=torch.tensor([1]))
    assert seen == [[0, 1, 0, 1], [0, 1, 0, 0], [1, 1]]


def test_conditional_training_needs_labels(dcgan, gan_task, noise_batch):
    task = gan_task(dcgan(labels=2))
    assert task.discriminator_loss(noise_batch(labels=2), 0)[0].isfinite()
    with pytest.raises(UsageError, match="labelled"):
        task.discriminator_loss(noise_batch(), 0)


@pytest.mark.parametrize("penalty", [R.R1(R.ZeroCentredOptions()), R.GradientPenalty(R.GradientPenaltyOptions())])
def test_gradient_penalty_with_batch_norm_is_refused_with_the_reason(dcgan, gan_task, penalty):
    with pytest.raises(UsageError, match="per picture, but batch norm"):
        gan_task(dcgan(norm="batch"), penalties=[penalty])


def test_unbounded_loss_without_a_constraint_is_refused(dcgan, gan_task):
    wgan = L.Wgan(L.NoOptions())
    with pytest.raises(UsageError, match="no lower bound"):
        gan_task(dcgan(norm="none"), loss=wgan)
    assert gan_task(dcgan(norm="spectral"), loss=wgan).loss is wgan
    penalties = [R.GradientPenalty(R.GradientPenaltyOptions())]
    assert gan_task(dcgan(norm="none"), loss=wgan, penalties=penalties).loss is wgan


def test_a_missing_role_is_named(gan_task):
    with pytest.raises(UsageError, match="needs a generator; this architecture has stylizer"):
        gan_task({"stylizer": nn.Identity()})


def test_unknown_augmentation_is_refused_by_name():
    with pytest.raises(UsageError, match="'blur' is none of color, translation, cutout, ada"):
        make_options(GanOptions, {"augment": ["blur"]}, prefix="task")
    assert make_options(GanOptions, {"augment": ["cutout"]}, prefix="task").augment == ("cutout",)


def test_augmentation_reaches_real_and_generated_pictures(dcgan, gan_task, noise_batch):
    networks = dcgan(norm="none")
    seen, judge = [], networks["discriminator"].forward
    networks["discriminator"].forward = lambda x, labels: seen.append(x.detach()) or judge(x, labels)
    task = gan_task(networks, augment=("cutout",))
    task.discriminator_loss(noise_batch(), 0), task.generator_loss(noise_batch(), 0)
    assert len(seen) == 3 and all((x == 0).float().mean() > 0.05 for x in seen)


def test_growing_networks_hear_of_progress_and_train_in_a_fade(progan, gan_task, noise_batch):
    networks = progan()
    penalties = [R.GradientPenalty(R.GradientPenaltyOptions()), R.Drift(R.DriftOptions())]
    task = gan_task(networks, loss=L.Wgan(L.NoOptions()), penalties=penalties)
    task.progress(3.5 / 12)
    assert [network.stage() for network in networks.values()] == [(2, pytest.approx(0.5))] * 2
    for phase in task.phases:
        phase.loss(noise_batch(height=32, width=32), 0)[0].backward()
    assert all(torch.isfinite(g).all() for network in networks.values() for g in gradients(network))


def test_wrapped_networks_are_reached_for_latents_and_growth(progan, gan_task, noise_batch):
    class Wrapper(nn.Module):
        def __init__(self, module):
            super().__init__()
            self.module = module

        def forward(self, *args):
            return self.module(*args)

    task = gan_task({role: Wrapper(network) for role, network in progan().items()})
    task.progress(0.0)
    assert task.latents(noise_batch()).shape == (4, 8)
    assert task.networks["generator"].module.stage() == (0, 1.0)
    assert task.generator_loss(noise_batch(height=32, width=32), 0)[0].isfinite()
