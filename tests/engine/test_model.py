"""Model files hold weights and a card, and nothing that could run."""

from __future__ import annotations

import json
import pickle

import pytest
import torch

from ganstyle.api import ImageSpec
from ganstyle.config import resolve
from ganstyle.data.tensors import read_header, read_tensors, write_tensors
from ganstyle.engine.model import CARD_KEY, card_of, load_model, read_card, save_model
from ganstyle.errors import ModelError
from ganstyle.registry import default_registry


@pytest.fixture
def made(tmp_path):
    """A tiny untrained generator in a file, with its networks."""
    registry = default_registry()
    config = resolve(registry, flags={"arch": "dcgan"}, sets=["arch.base_channels=4", "arch.z_dim=8"])
    image = ImageSpec(32, 32)
    networks = registry.build("arch", "dcgan", config.arch.options, image)
    card = card_of(config, image, registry=registry, images_seen=5, data="made by hand")
    path = tmp_path / "model.safetensors"
    save_model(path, {"generator": networks["generator"]}, card)
    return path, networks


def rewrite_card(path, **changes):
    card = json.loads(read_header(path).metadata[CARD_KEY]) | changes
    write_tensors(path, read_tensors(path), {CARD_KEY: json.dumps(card)})


def test_a_loaded_generator_makes_the_same_pictures(made):
    path, networks = made
    model = load_model(path, registry=default_registry())
    z = torch.randn(2, 8)
    assert torch.equal(model.networks["generator"](z), networks["generator"].eval()(z))
    assert set(model.networks) == {"generator"}
    assert not model.networks["generator"].training


def test_the_card_holds_every_option_and_where_it_comes_from(made):
    card = read_card(made[0])
    assert (card.arch.name, card.arch.options["base_channels"], card.arch.options["z_dim"]) == ("dcgan", 4, 8)
    assert (card.arch.distribution, card.images_seen, card.data) == ("ganstyle", 5, "made by hand")


def test_half_precision_halves_the_file_and_keeps_three_digits(made, tmp_path):
    path, _ = made
    model = load_model(path, registry=default_registry())
    small = save_model(tmp_path / "half.safetensors", model.networks, model.card, half=True)
    loaded = load_model(small, registry=default_registry()).networks["generator"].state_dict()
    assert small.stat().st_size < 0.65 * path.stat().st_size
    for key, value in model.networks["generator"].state_dict().items():
        torch.testing.assert_close(loaded[key], value, rtol=1e-3, atol=1e-4)


def test_an_unknown_architecture_names_the_plugin_to_install(made):
    card = json.loads(read_header(made[0]).metadata[CARD_KEY])
    rewrite_card(made[0], arch=card["arch"] | {"name": "dcgan2", "distribution": "ganstyle-more"})
    with pytest.raises(ModelError, match="dcgan2") as caught:
        load_model(made[0], registry=default_registry())
    assert "ganstyle-more" in caught.value.hint and caught.value.code == 5


def test_an_import_path_in_place_of_a_name_is_not_imported(made):
    card = json.loads(read_header(made[0]).metadata[CARD_KEY])
    rewrite_card(made[0], arch=card["arch"] | {"name": "os.system"})
    with pytest.raises(ModelError, match=r"os\.system"):
        load_model(made[0], registry=default_registry())


def test_a_card_that_claims_a_huge_network_is_refused_before_it_is_built(made):
    card = json.loads(read_header(made[0]).metadata[CARD_KEY])
    options = card["arch"]["options"] | {"z_dim": 2**40}
    rewrite_card(made[0], arch=card["arch"] | {"options": options})
    with pytest.raises(ModelError):
        load_model(made[0], registry=default_registry())


@pytest.mark.parametrize("change", [{"schema_version": 99}, {"image": {"height": "x"}}, {"surprise": 1}])
def test_a_card_of_another_form_is_refused(made, change):
    rewrite_card(made[0], **change)
    with pytest.raises(ModelError):
        read_card(made[0])


def test_missing_and_unexpected_tensors_are_told_in_one_message(made):
    path = made[0]
    tensors, metadata = read_tensors(path), read_header(path).metadata
    name, value = sorted(tensors.items())[0]
    del tensors[name]
    write_tensors(path, tensors | {"generator/other": value}, metadata)
    with pytest.raises(ModelError) as caught:
        load_model(path, registry=default_registry())
    assert name in caught.value.message and "1 missing, 1 unknown" in caught.value.message


def test_a_pickle_never_runs(tmp_path):
    class Evil:
        def __reduce__(self):
            return open, (str(tmp_path / "ran"), "w")

    path = tmp_path / "model.safetensors"
    path.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(ModelError):
        load_model(path, registry=default_registry())
    assert not (tmp_path / "ran").exists()
