"""Each model trains, stops, goes on bit for bit, and leaves a file that others can use."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny_translator import sets_of

from ganstyle.config import config_to_dict, resolve
from ganstyle.engine.cards import read_card
from ganstyle.engine.run import Run
from ganstyle.engine.session import open_session
from ganstyle.engine.training import fit
from ganstyle.errors import UsageError
from ganstyle.registry import default_registry

ARCHS = ("cut", "fastcut", "sincut", "cyclegan", "multistyle")
QUIET = ("train.resolution=32", "train.batch=2", "train.log_every_steps=1", "train.preview_count=0", "train.threads=1")


class Told:
    def update(self, done, **facts):
        pass

    def say(self, text):
        pass


def config_of(folders, arch, *sets, images=4, loss=None):
    words = ["task.patches=8"] if arch in ("cut", "fastcut", "sincut") else []
    words += ["task.pool=2"] if arch == "cyclegan" else []
    words += [] if arch == "multistyle" else [f"data.styles={folders / 'works'}"]
    place = folders if arch == "multistyle" else folders / "photos"
    flags = {"arch": arch, "data": str(place), "train.images": images, "loss": loss}
    return resolve(default_registry(), flags=flags, sets=[*sets_of(arch), *QUIET, *words, *sets])


def trained(config, folder, *, stops=()):
    """Train in a new run, stopping on the way; return its final session."""
    run = Run.create(folder, config_to_dict(config), "test")
    for stop in (*stops, None):
        session = open_session(config, default_registry())
        fit(config, registry=default_registry(), run=run, reporter=Told(), session=session, until_images=stop)
    return session, run


@pytest.mark.parametrize("arch", ARCHS)
def test_two_steps_and_two_more_are_four_bit_for_bit(arch, folders, tmp_path_factory):
    config = config_of(folders, arch, images=8)
    whole, _ = trained(config, tmp_path_factory.mktemp("at-once"))
    parts, run = trained(config, tmp_path_factory.mktemp("in-parts"), stops=[4])
    first, second = whole.tensors(), parts.tensors()
    assert (whole.step, parts.step) == (4, 4)
    for one, two in zip(first, second):
        assert one.keys() == two.keys()
        assert [key for key in one if not torch.equal(one[key], two[key])] == []
    card = read_card(run.folder / "model.safetensors")
    assert (card.images_seen, card.styles) == (8, ["photos", "works"])


def test_the_recipe_for_cpus_goes_on_bit_for_bit_and_its_file_holds_its_generator(folders, tmp_path_factory):
    from ganstyle.engine.model import load_model

    sets = ["arch.coarse=4", "arch.ups=linear", "task.identity=false", "task.d_lr_factor=3"]
    config = config_of(folders, "cut", *sets, images=4, loss="hinge")
    whole, _ = trained(config, tmp_path_factory.mktemp("at-once"))
    parts, run = trained(config, tmp_path_factory.mktemp("in-parts"), stops=[2])
    for one, two in zip(whole.tensors(), parts.tensors()):
        assert [key for key in one if not torch.equal(one[key], two[key])] == []
    generator = (
        load_model(run.folder / "model.safetensors", registry=default_registry())
        .networks["translator"]
        .generators["a2b"]
    )
    assert (generator.coarse, generator.ups) == (4, "linear")


@pytest.mark.parametrize("arch", ["cut", "cyclegan", "multistyle"])
def test_every_network_that_is_trained_moves(arch, folders):
    session = open_session(config_of(folders, arch), default_registry())
    before = {role: [p.clone() for p in net.parameters()] for role, net in session.task.networks.items()}
    from ganstyle.engine.stepping import advance

    losses = advance(session, next(session.batches()))
    assert all(torch.isfinite(value) for value in losses.values())
    for role, network in session.task.networks.items():
        assert any(not torch.equal(one, two) for one, two in zip(before[role], network.parameters())), role


@pytest.mark.parametrize("loss", ["bce", "hinge", "wgan", "relativistic"])
def test_every_adversarial_loss_can_be_chosen(loss, folders):
    from ganstyle.engine.stepping import advance

    session = open_session(config_of(folders, "cut", loss=loss), default_registry())
    losses = advance(session, next(session.batches()))
    assert all(torch.isfinite(value) for value in losses.values())
    assert type(session.task.adversary.loss).__name__.lower() == loss


def test_an_unbounded_loss_without_a_bound_is_refused(folders):
    with pytest.raises(UsageError, match="no lower bound"):
        open_session(config_of(folders, "cut", "arch.d_norm=instance", loss="wgan"), default_registry())


@pytest.mark.parametrize("arch", ["cut", "cyclegan"])
def test_parts_of_a_batch_add_up_to_the_whole(arch, folders):
    """The pieces, mirrors and pools of a step don't depend on how much memory there is."""
    from ganstyle.engine.loop import accumulate

    gradients = []
    for size in (2, 1):
        session = open_session(config_of(folders, arch, "train.memory_format=contiguous"), default_registry())
        session.task.networks["discriminator"].eval()
        batch, phase = next(session.batches()), session.task.phases[1]
        parts = [part for part, _ in batch.split(size)]
        accumulate(phase, 0, parts, optimizer=session.optimizers[phase.name])
        gradients.append([p.grad for p in session.task.networks["translator"].parameters() if p.grad is not None])
    assert all(torch.allclose(one, two, rtol=1e-3, atol=1e-5) for one, two in zip(*gradients))


def test_the_data_of_a_translation_are_those_that_data_names(folders):
    config = config_of(folders, "cut")
    assert (config.data.name, config.data.options["path"]) == ("unpaired", str(folders / "photos"))
    assert config_of(folders, "multistyle").data.name == "domains"
    plain = resolve(default_registry(), flags={"arch": "dcgan", "data": str(folders / "photos")})
    assert plain.data.name == "folder"


def test_a_data_set_that_is_named_wins_over_the_architectures_own(folders):
    config = resolve(default_registry(), flags={"arch": "cut", "data": "folder"}, sets=[f"data.path={folders}"])
    assert config.data.name == "folder"


def test_rates_and_roles_follow_the_recipes():
    config = resolve(default_registry(), flags={"arch": "fastcut"})
    assert (config.task.name, config.loss.name) == ("cut", "lsgan")
    assert config.task.options["flip"] is True and config.task.options["identity"] is False
    sincut = resolve(default_registry(), flags={"arch": "sincut"})
    assert (sincut.loss.name, [part.name for part in sincut.regularizer]) == ("bce", ["r1"])
    assert sincut.task.options["across"] is True


def test_cut_starts_from_a_blur_against_an_adversary_that_learns_faster():
    """As measured in docs/results/translation.md, and so does the recipe for CPUs."""
    folder = Path(__file__).parents[3] / "docs" / "recipes"
    for config in (
        resolve(default_registry(), flags={"arch": "cut"}),
        resolve(default_registry(), recipe=folder / "cut_cpu.toml"),
    ):
        assert (config.loss.name, config.arch.options["coarse"], config.arch.options["ups"]) == ("hinge", 4, "linear")
        task = config.task.options
        assert (task["identity"], task["nce"], task["d_lr_factor"]) == (False, 0.2, 6.0)
        assert config.optimizer.lr == pytest.approx(4e-4)


def test_scores_while_training_compare_with_the_works(folders):
    from ganstyle.engine.trial_evaluation import TrialEvaluation

    session = open_session(config_of(folders, "cut"), default_registry())
    real = list(TrialEvaluation(session, None)._real_pictures().iterate())
    assert len(real) == 2
    assert all(float(image[0].float().mean() - image[1].float().mean()) > 150 for image in real)
