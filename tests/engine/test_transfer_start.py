"""A new run starts from what fits of other weights, and tells all that does not."""

from __future__ import annotations

import pytest
import torch

from ganstyle.config import config_to_dict, resolve
from ganstyle.engine import checkpoint
from ganstyle.engine.model import card_of, save_model
from ganstyle.engine.run import Run
from ganstyle.engine.session import open_session
from ganstyle.engine.training import fit
from ganstyle.engine.transfer_start import find_source, read_source, start_from
from ganstyle.errors import NoInputError, UsageError
from ganstyle.registry import default_registry

SMALL = ("arch.base_channels=4", "arch.z_dim=8", "train.batch=4", "train.images=8", "train.preview_count=0")


def opened(*sets, size=16):
    return open_session(
        resolve(default_registry(), sets=[*SMALL, f"train.resolution={size}", *sets]), default_registry()
    )


@pytest.fixture
def saved(tmp_path):
    """A run of 40 images whose averages are all 2 more than its weights; returns (session, run)."""
    session = opened("train.seed=5")
    session.images = 40
    with torch.no_grad():
        for parameter in session.averaged.networks["generator"].parameters():
            parameter.add_(2)
    run = Run.create(tmp_path / "runs", config_to_dict(session.config), "dcgan")
    checkpoint.save(run, *session.tensors(), session.facts())
    return session, run


def differing(one, other, role):
    pairs = zip(one.task.networks[role].state_dict().items(), other.task.networks[role].state_dict().values())
    return [name for (name, x), y in pairs if x.shape != y.shape or not torch.equal(x, y)]


@pytest.mark.parametrize("which", ["run", "checkpoint", "file of the checkpoint"])
def test_a_run_and_its_checkpoint_give_all_weights_and_averages(saved, which):
    old, run = saved
    folder = checkpoint.list_checkpoints(run)[-1]
    source = {"run": run.folder, "checkpoint": folder, "file of the checkpoint": folder / "model.safetensors"}[which]
    new = opened("train.seed=6")
    told = start_from(new, read_source(source))
    assert differing(old, new, "generator") == differing(old, new, "discriminator") == []
    averaged = new.averaged.networks["generator"].first.weight
    assert torch.equal(averaged, new.task.networks["generator"].first.weight + 2)
    assert "(40 images)" in told and "fresh" not in told and (new.images, new.step) == (0, 0)


def test_a_model_file_gives_the_generator_and_the_message_says_that_d_is_fresh(saved, tmp_path):
    old, _ = saved
    averaged = old.averaged.networks
    card = card_of(old.config, old.image, registry=default_registry(), images_seen=40)
    path = save_model(tmp_path / "model.safetensors", averaged, card)
    new = opened("train.seed=6")
    told = start_from(new, read_source(path))
    assert torch.equal(new.task.networks["generator"].first.weight, averaged["generator"].first.weight)
    assert "discriminator starts fresh" in told and differing(old, new, "discriminator")


@pytest.mark.parametrize("arch", ["dcgan", "progan"])
def test_at_another_size_what_fits_is_taken_and_the_rest_is_named(tmp_path, arch):
    sets = ("train.seed=5",) if arch == "dcgan" else ("arch=progan",)
    sets = [*SMALL, *sets] if arch == "dcgan" else ["arch=progan", "train.batch=4", "train.seed=5"]
    old, fresh, new = (
        open_session(resolve(default_registry(), sets=[*sets, f"train.resolution={size}"]), default_registry())
        for size in (16, 32, 32)
    )
    run = Run.create(tmp_path / "runs", config_to_dict(old.config), arch)
    checkpoint.save(run, *old.tensors(), old.facts())
    told = start_from(new, read_source(run.folder))
    states = [s.task.networks["generator"].state_dict() for s in (old, fresh, new)]
    fits = [name for name, x in states[2].items() if name in states[0] and states[0][name].shape == x.shape]
    assert fits and all(torch.equal(states[2][name], states[0][name]) for name in fits)
    rest = [name for name in states[2] if name not in fits]
    assert rest and all(torch.equal(states[2][name], states[1][name]) for name in rest)
    assert f"generator {len(fits)} of {len(states[2])} tensors" in told and rest[0] in told


def test_another_architecture_is_refused_with_both_names(saved):
    new = open_session(resolve(default_registry(), sets=["arch=progan", "train.resolution=16"]), default_registry())
    with pytest.raises(UsageError, match="holds a dcgan, this run trains a progan") as caught:
        start_from(new, read_source(saved[1].folder))
    assert "--arch dcgan" in caught.value.hint


def test_the_discriminator_of_another_architecture_is_left_where_it_is(saved):
    new = opened("discriminator=progan", "loss=bce", "regularizer=none")
    before = {name: value.clone() for name, value in new.task.networks["discriminator"].state_dict().items()}
    assert "discriminator starts fresh" in start_from(new, read_source(saved[1].folder))
    after = new.task.networks["discriminator"].state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_weights_of_which_nothing_fits_are_refused(saved):
    source = read_source(saved[1].folder)
    for tensors in (source.weights, source.averages):
        for name in tensors:
            tensors[name] = torch.zeros(1, 2, 3, 4, 5)
    with pytest.raises(UsageError, match="not one tensor"):
        start_from(opened(), source)


@pytest.mark.parametrize("text", ["1", "0001-dcgan", "PATH"])
def test_a_run_is_found_by_number_name_and_path(saved, text):
    folder = saved[1].folder
    assert find_source(str(folder) if text == "PATH" else text, folder.parent) == folder


def test_shipped_weights_are_found_by_name_unless_a_path_or_a_run_is_called_so(saved, tmp_path):
    runs, shipped = saved[1].folder.parent, {"adastyle": tmp_path / "shipped.safetensors"}
    assert find_source("adastyle", runs, shipped=shipped) == tmp_path / "shipped.safetensors"
    name = saved[1].folder.name
    assert find_source(name, runs, shipped={name: tmp_path}) == saved[1].folder
    with pytest.raises(NoInputError) as caught:
        find_source("adastile", runs, shipped=shipped)
    assert caught.value.hint.endswith("; shipped: adastyle")


def test_an_unknown_name_is_refused_with_the_runs_there_are(saved):
    with pytest.raises(NoInputError, match="no weights '7'") as caught:
        find_source("7", saved[1].folder.parent)
    assert "0001-dcgan" in caught.value.hint


def test_a_run_takes_them_once_keeps_where_from_and_goes_on_from_its_own_checkpoints(saved, tmp_path):
    config = opened(f"train.init_from={saved[1].folder}").config
    run = Run.create(tmp_path / "new", config_to_dict(config), "dcgan")
    told = []
    reporter = type("Told", (), {"update": lambda *a, **k: None, "say": lambda self, text: told.append(text)})()
    for _ in range(2):
        fit(config, registry=default_registry(), run=run, reporter=reporter)
    assert sum("started from" in text for text in told) == 1
    assert run.status["init_from"]["images"] == 40 and run.status["init_from"]["architecture"] == "dcgan"
