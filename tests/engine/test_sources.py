"""Words of the command line as pictures."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from ganstyle.api import ImageSpec
from ganstyle.config import config_to_dict, resolve, validate
from ganstyle.engine.model import card_of, save_model
from ganstyle.engine.run import Run
from ganstyle.engine.sources import Sampling, is_model, model_sets, model_subject, picture_set, reference_set
from ganstyle.errors import NoInputError
from ganstyle.registry import default_registry


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a run with an untrained 16-pixel model."""
    registry = default_registry()
    sets = ["train.resolution=16", "arch.z_dim=4", "arch.base_channels=4"]
    config = validate(resolve(registry, sets=sets), registry)
    run = Run.create(tmp_path_factory.mktemp("runs"), config_to_dict(config), "dcgan")
    image = ImageSpec(16, 16)
    torch.manual_seed(0)
    networks = registry.build("arch", "dcgan", config.arch.options, image)
    save_model(run.folder / "model.safetensors", networks, card_of(config, image, registry=registry))
    return run.folder


def picture(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 12), (value, 0, 0)).save(path)
    return path


def test_a_run_gives_samples_and_its_own_pictures_at_the_trained_size(trained):
    fake, real = model_sets(str(trained), Sampling(count=3, seed=1), registry=default_registry())
    assert [tuple(image.shape) for image in [*fake.iterate(), *real.iterate()]] == [(3, 16, 16)] * 6
    again, _ = model_sets(str(trained / "model.safetensors"), Sampling(count=3, seed=1), registry=default_registry())
    other, _ = model_sets(str(trained), Sampling(count=3, seed=2), registry=default_registry())
    assert fake.identity == again.identity != other.identity


def test_without_a_count_there_are_as_many_samples_as_real_pictures(trained):
    fake, real = model_sets(str(trained), Sampling(), registry=default_registry())
    assert fake.count == real.count > 20


def test_a_model_outside_a_run_has_no_real_pictures(trained, tmp_path):
    moved = tmp_path / "mine.safetensors"
    moved.write_bytes((trained / "model.safetensors").read_bytes())
    fake, real = model_sets(str(moved), Sampling(count=2), registry=default_registry())
    assert (fake.count, real) == (2, None)


def test_runs_and_models_are_told_from_pictures(trained, tmp_path):
    assert is_model(str(trained)) and is_model("x/model.safetensors")
    assert not is_model(str(tmp_path)) and not is_model("embedded")


def test_folders_zips_and_data_sets_are_pictures(tmp_path):
    registry = default_registry()
    path = picture(tmp_path / "set/a.png", 7)
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.write(path, "a.png")
    for place in (tmp_path / "set", tmp_path / "set.zip"):
        [image] = picture_set(str(place), registry=registry).iterate()
        assert image[:, 0, 0].tolist() == [7, 0, 0]
    assert picture_set("embedded", registry=registry, count=5).count == 5


def test_what_is_no_set_of_pictures_is_named(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(NoInputError, match="is neither a folder nor a zip"):
        picture_set(str(tmp_path / "notes.txt"), registry=default_registry())
    with pytest.raises(NoInputError, match="does not exist") as caught:
        picture_set("embeded", registry=default_registry())
    assert "embedded" in caught.value.hint


def test_a_run_of_another_installation_is_no_input(trained, tmp_path):
    folder = tmp_path / "0001-x"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes((trained / "model.safetensors").read_bytes())
    (folder / "config.json").write_text('{"data": {"name": "of_a_missing_plugin"}}')
    with pytest.raises(NoInputError, match="of_a_missing_plugin"):
        model_sets(str(folder), Sampling(count=2), registry=default_registry())


def test_samples_are_those_of_generate_drawn_while_walking_or_one_by_one(trained):
    from ganstyle.engine.generation import generate

    subject = model_subject(str(trained), Sampling(count=5, seed=3), registry=default_registry())
    expected = generate(trained, registry=default_registry(), count=5, seed=3)
    assert torch.equal(torch.stack(list(subject.samples.iterate())), expected)
    picked = subject.samples.pick([4, 1])
    assert picked[4][0] == "sample 5 of seed 3"
    assert all((picked[place][1].int() - expected[place].int()).abs().max() <= 1 for place in (1, 4))
    assert subject.source.z_dim == 4 and not subject.source.styled


def test_the_identity_of_samples_follows_weights_seed_and_count(trained, tmp_path):
    def identity(place=trained, **settings):
        return model_subject(str(place), Sampling(**settings), registry=default_registry()).samples.identity

    before = identity(count=2)
    assert before == identity(count=2)
    assert len({before, identity(count=3), identity(count=2, seed=1)}) == 3


def test_statistics_and_samples_of_other_tools_are_told_apart(tmp_path):
    np.savez(tmp_path / "stats.npz", mu=np.zeros(2), sigma=np.eye(2))
    np.savez(tmp_path / "samples.npz", arr_0=np.zeros((3, 4, 4, 3), np.uint8))
    registry = default_registry()
    assert reference_set(str(tmp_path / "stats.npz"), registry=registry).mean.tolist() == [0, 0]
    assert picture_set(str(tmp_path / "samples.npz"), registry=registry).count == 3
    with pytest.raises(NoInputError, match="holds statistics, no pictures"):
        picture_set(str(tmp_path / "stats.npz"), registry=registry)


def test_a_model_that_needs_pictures_to_start_from_says_what_to_do(trained, monkeypatch):
    from ganstyle.engine import sources

    def refuse(*_, **__):
        raise ValueError("samples need a batch")

    monkeypatch.setattr(sources, "has_latents", lambda model: False)
    monkeypatch.setattr(sources, "sample_model", refuse)
    with pytest.raises(NoInputError, match="dcgan makes pictures from pictures") as caught:
        model_subject(str(trained), Sampling(count=2), registry=default_registry())
    assert "--pairs" in caught.value.hint
