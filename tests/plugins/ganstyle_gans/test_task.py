"""The GAN task: who learns when, from what, and which combinations are refused."""

from __future__ import annotations

import pytest
import torch
from ganstyle_gans import losses as L
from ganstyle_gans import regularizers as R
from ganstyle_gans.task import GanOptions
from torch import nn

from ganstyle.api import Options, TaskLike, make_options
from ganstyle.config import OptimizerOptions
from ganstyle.engine.loop import train_step
from ganstyle.engine.optimizers import make_optimizers
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


def test_ada_is_alone_among_augmentations():
    with pytest.raises(UsageError, match="name it alone"):
        make_options(GanOptions, {"augment": ["ada", "cutout"]}, prefix="task")


@pytest.mark.parametrize(("every", "share"), [((1, 1), 1.0), ((16, 1), 16 / 17), ((4, 16), 16 / 17)])
def test_lazy_penalties_slow_their_players_rate_and_betas(progan, gan_task, every, share):
    penalties = [R.R1(R.ZeroCentredOptions(every=every[0])), R.Drift(R.DriftOptions(every=every[1]))]
    path = R.PathLength(R.PathLengthOptions(every=4))
    d, g = gan_task(progan(), penalties=[*penalties, path], d_lr_factor=2.0).phases
    assert (d.lr_factor, d.beta_power) == pytest.approx((2.0 * share, share))
    assert (g.lr_factor, g.beta_power) == pytest.approx((0.8, 0.8))


def test_penalties_on_logits_get_those_of_the_loss_and_cost_no_second_pass(dcgan, gan_task, noise_batch):
    networks, given = dcgan(norm="none"), []

    class OnLogits:
        on, every = "logits", 1

        def __call__(self, network, real, fake):
            given.append((real, fake))
            return real.mean()

    judged, judge = [], networks["discriminator"].forward
    networks["discriminator"].forward = lambda x, labels: judged.append(judge(x, labels)) or judged[-1]
    _, parts = gan_task(networks, penalties=[OnLogits()]).discriminator_loss(noise_batch(), 0)
    assert len(judged) == 2 and given[0][0] is judged[0] and given[0][1] is judged[1]
    assert parts["onlogits"].item() == judged[0].mean().item()


class OnCodes:
    on, every, shrink = "codes", 2, 2

    def __call__(self, network, codes, images):
        self.given = (codes, images, network(codes))
        return images.mean()


def test_penalties_on_codes_train_the_generator_with_latents_where_there_are_no_codes(dcgan, gan_task, noise_batch):
    networks, part = dcgan(labels=2), OnCodes()
    value, parts = gan_task(networks, penalties=[part]).generator_loss(noise_batch(labels=2), 0)
    codes, images, again = part.given
    assert codes.shape == (2, 1, 8) and codes.requires_grad and torch.equal(images, again)
    assert torch.autograd.grad(images.sum(), codes, retain_graph=True)[0].abs().sum() > 0
    assert parts["oncodes"].item() == images.mean().item() and value.requires_grad


class FirstPixel(nn.Module):
    def forward(self, images, labels=None):
        return images[:, :1, 0, 0]


class Styled(nn.Module):
    """A generator of two codes per picture: z doubled, then z negated."""

    z_dim, labels = 3, 0

    def __init__(self):
        super().__init__()
        self.register_buffer("mean_code", torch.tensor([0.5, 0.0, -0.5]))
        self.scale = nn.Parameter(torch.ones(()))

    def codes(self, z, labels=None):
        return self.scale * torch.stack([2 * z, -z], 1)

    def synthesise(self, codes):
        return codes.reshape(-1, 3, 2, 1)

    def forward(self, z, labels=None):
        return self.synthesise(self.codes(z, labels))


def test_penalties_on_codes_get_the_style_codes_with_the_mapping_in_their_graph(gan_task, noise_batch):
    part, generator = OnCodes(), Styled()
    task = gan_task({"generator": generator, "discriminator": FirstPixel()}, penalties=[part])
    task.generator_loss(noise_batch(), 0)
    assert part.given[0].shape == (2, 2, 3)
    assert torch.autograd.grad(part.given[0].sum(), generator.scale)[0] is not None


def test_lazy_path_length_counts_the_generators_own_steps(dcgan, gan_task, noise_batch):
    part, due = OnCodes(), []
    task = gan_task(dcgan(), penalties=[part], d_steps=3)
    for step in range(0, 15, 3):
        part.given = None
        task.generator_loss(noise_batch(), step)
        due.append(part.given is not None)
    assert due == [True, False, True, False, True]


def test_truncation_pulls_codes_to_their_mean(gan_task):
    networks = {"generator": Styled(), "discriminator": FirstPixel()}
    sample = lambda psi: gan_task(networks).sample(  # noqa: E731
        networks, 2, generator=torch.Generator().manual_seed(0), truncation=psi
    )
    mean = networks["generator"].mean_code.repeat(2).view(1, 3, 2, 1)
    assert torch.allclose(sample(0.0), mean.expand(2, 3, 2, 1)) and torch.allclose(sample(1.0), sample(None))
    assert torch.allclose(sample(0.5), (sample(1.0) + mean) / 2)


def test_generators_without_a_mean_code_are_not_truncated(dcgan, gan_task):
    networks = dcgan()
    first, second = (
        gan_task(networks).sample(networks, 2, generator=torch.Generator().manual_seed(0), truncation=psi)
        for psi in (None, 0.1)
    )
    assert torch.equal(first, second)


def test_an_auxiliary_loss_of_d_joins_in_and_is_logged(dcgan, gan_task, noise_batch):
    networks, batch = dcgan(norm="none"), noise_batch()
    plain, with_auxiliary = gan_task(networks), gan_task(networks)
    torch.manual_seed(0)
    expected = plain.discriminator_loss(batch, 0)[0].item() + 2.5
    judge = networks["discriminator"]
    judge.judge_real = lambda images, labels: (judge(images, labels), torch.tensor(2.5))
    torch.manual_seed(0)
    value, parts = with_auxiliary.discriminator_loss(batch, 0)
    assert value.item() == pytest.approx(expected) and parts["auxiliary"].item() == 2.5


def test_a_lazy_penaltys_latest_value_is_reported_at_every_step(dcgan, gan_task, noise_batch):
    task = gan_task(dcgan(norm="none"), penalties=[R.R1(R.ZeroCentredOptions(every=4))])
    values = [task.discriminator_loss(noise_batch(seed=step), step)[1]["r1"].item() for step in range(5)]
    assert values[0] == values[1] == values[3] != values[4]


@pytest.fixture
def without_statistics(dcgan):
    """Return a function that builds the same two players, neither of which mixes the pictures of a batch."""

    def build():
        networks = dcgan(norm="none")
        layers = [nn.Linear(8, 3 * 16 * 16), nn.Unflatten(1, (3, 16, 16)), nn.Tanh()]
        return {**networks, "generator": LabelBlind(*layers)}

    return build


class LabelBlind(nn.Sequential):
    z_dim = 8

    def forward(self, z, labels=None):
        return super().forward(z)


def trained_in_parts(task, batch, micro_batch):
    """Return the losses and the gradients of one step; the weights all but stay."""
    torch.manual_seed(11)
    optimizers = make_optimizers(task, OptimizerOptions(lr=1e-12))
    losses = train_step(task, batch, 4, optimizers=optimizers, micro_batch=micro_batch)
    grads = {
        phase.name: torch.cat([g.flatten() for g in gradients(task.networks[phase.name])]) for phase in task.phases
    }
    return losses, grads


def test_micro_batches_add_up_to_the_joint_batch(without_statistics, gan_task, noise_batch):
    """No batch statistics: losses, penalties, what is logged and both gradients agree, with the latents of `draw`."""
    penalties = [R.R1(R.ZeroCentredOptions(every=1)), R.Lecam(R.LecamOptions(start=0))]
    found = []
    for micro_batch in (None, 3):
        task = gan_task(without_statistics(), loss=L.Relativistic(L.NoOptions()), penalties=penalties)
        found.append(trained_in_parts(task, noise_batch(8), micro_batch))
    (losses, grads), (again, parts) = found
    assert losses.keys() == again.keys() >= {"discriminator/r1", "discriminator/lecam", "discriminator/accuracy"}
    for key, value in losses.items():
        assert again[key].item() == pytest.approx(value.item(), abs=1e-6), key
    assert all(torch.allclose(grads[key], parts[key], atol=1e-6) for key in grads)


def test_without_a_joint_draw_micro_batches_would_have_other_latents(without_statistics, gan_task, noise_batch):
    task, batch = gan_task(without_statistics()), noise_batch(8)
    torch.manual_seed(0)
    parts = [part["latents"] for part, _ in task.draw(batch).split(3)]
    torch.manual_seed(0)
    assert torch.equal(torch.cat(parts), torch.randn(8, 8)) and list(map(len, parts)) == [3, 3, 2]


def test_state_holds_ada_and_averages_and_survives_the_round_trip(progan, gan_task, noise_batch):
    make = lambda: gan_task(  # noqa: E731
        progan(),
        penalties=[R.Lecam(R.LecamOptions()), R.PathLength(R.PathLengthOptions())],
        augment=("ada",),
        ada_speed_images=1000,
    )
    task, other = make(), make()
    for step in range(6):
        for phase in task.phases:
            phase.loss(noise_batch(height=32, width=32), step)
    state = task.state_tensors()
    assert {"ada/p", "ada/signs", "lecam/real", "lecam/fake", "path_length/mean"} <= set(state)
    other.load_state_tensors({key: x.clone() for key, x in state.items()})
    assert all(torch.equal(x, state[key]) for key, x in other.state_tensors().items())
    assert state["lecam/real"] != 0 and state["path_length/mean"] != 0


def test_after_a_rollback_the_same_step_begins_anew(dcgan, gan_task, noise_batch):
    task = gan_task(dcgan(), augment=("ada",), ada_speed_images=1000)
    state = {key: x.clone() for key, x in task.state_tensors().items()} | {"ada/signs": torch.tensor([8.0, 8.0])}
    found = []
    for _ in range(2):
        task.load_state_tensors(state)
        _, parts = task.discriminator_loss(noise_batch(), 4)
        found.append(parts["ada_p"].item())
    assert found == pytest.approx([0.008, 0.008])


def test_only_what_changes_with_the_budget_makes_a_run_follow_it(dcgan, gan_task):
    networks = dcgan(norm="none")
    assert not gan_task(networks, penalties=[R.R1(R.ZeroCentredOptions())], augment=("ada",)).follows_budget
    assert gan_task(networks, penalties=[R.R1(R.ZeroCentredOptions(gamma_final=0.1))]).follows_budget
    task = gan_task(networks, augment=("ada",), ada_p_final=0.4)
    task.progress(1.0)
    assert task.follows_budget and task.ada.p.item() == pytest.approx(0.4)


def generator_passes(networks):
    """Return a list that grows by one batch size at every forward pass of G."""
    passes = []
    networks["generator"].register_forward_hook(lambda module, given, images: passes.append(len(images)))
    return passes


@pytest.mark.parametrize(("micro_batch", "passes"), [(None, [4]), (2, [2, 2, 2, 2])])
def test_shared_fakes_are_made_once_a_step_unless_it_is_made_in_parts(
    dcgan, gan_task, noise_batch, micro_batch, passes
):
    networks = dcgan()
    task, counted = gan_task(networks, share_fakes=True), generator_passes(networks)
    train_step(task, noise_batch(), 0, optimizers=make_optimizers(task, OptimizerOptions()), micro_batch=micro_batch)
    assert counted == passes


def test_sharing_fakes_changes_no_update_of_players_that_see_the_same_latents(dcgan, gan_task, noise_batch):
    weights = []
    for micro_batch in (None, 4):  # parts of 4 are not the whole of 8, so that G makes its fakes anew
        networks = dcgan(norm="none", upsampling="transposed")
        for network in networks.values():
            network.eval()  # without batch statistics, parts add up to the whole
        task = gan_task(networks, share_fakes=True)
        torch.manual_seed(3)
        optimizers = make_optimizers(task, OptimizerOptions(lr=0.01))
        for step in range(2):
            train_step(task, noise_batch(8), step, optimizers=optimizers, micro_batch=micro_batch)
        weights.append(torch.cat([p.flatten() for network in networks.values() for p in network.parameters()]))
    torch.testing.assert_close(*weights, rtol=1e-4, atol=1e-5)


def test_fakes_are_not_kept_for_a_step_without_the_generator(dcgan, gan_task, noise_batch):
    networks = dcgan()
    task, counted = gan_task(networks, share_fakes=True, d_steps=2), generator_passes(networks)
    optimizers = make_optimizers(task, OptimizerOptions())
    for step in range(3):
        train_step(task, noise_batch(seed=step), step, optimizers=optimizers)
    assert counted == [4, 4, 4]  # G learns at steps 0 and 2, from the fakes that D saw


def test_without_sharing_each_player_draws_its_own_latents(dcgan, gan_task, noise_batch):
    task, batch = gan_task(dcgan()), noise_batch()
    assert not torch.equal(task.draw(batch)["latents"], task.draw(batch)["latents"])
    task, batch = gan_task(dcgan(), share_fakes=True), noise_batch()
    assert torch.equal(task.draw(batch)["latents"], task.draw(batch)["latents"])


def test_a_batch_shown_again_gets_new_latents(dcgan, gan_task, noise_batch):
    task, batch, seen = gan_task(dcgan(), share_fakes=True, d_steps=3), noise_batch(), []
    latents = task.latents
    task.latents = lambda batch: seen.append(latents(batch)) or seen[-1]
    optimizers = make_optimizers(task, OptimizerOptions())
    for step in range(4):
        train_step(task, batch, step, optimizers=optimizers)
    assert len({z.sum().item() for z in seen}) == 4
