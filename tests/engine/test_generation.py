"""Sampling needs a model and nothing else."""

from __future__ import annotations

import pytest
import torch

from ganstyle.api import ImageSpec
from ganstyle.config import resolve
from ganstyle.engine.generation import GROUP, MODEL_FILE, find_model, generate, sample_model
from ganstyle.engine.model import card_of, load_model, save_model
from ganstyle.errors import NoInputError, UsageError
from ganstyle.registry import default_registry


@pytest.fixture
def model_file(tmp_path):
    """A function that writes an untrained model with that many styles."""

    def written(styles=()):
        registry = default_registry()
        config = resolve(registry, flags={"arch": "dcgan"}, sets=["arch.base_channels=4", "arch.z_dim=8"])
        image = ImageSpec(16, 32, labels=len(styles))
        torch.manual_seed(1)
        networks = registry.build("arch", "dcgan", config.arch.options, image)
        card = card_of(config, image, registry=registry, styles=list(styles))
        return save_model(tmp_path / MODEL_FILE, {"generator": networks["generator"]}, card)

    return written


def test_pictures_have_the_size_of_the_card_and_the_count_asked_for(model_file):
    pictures = generate(model_file(), registry=default_registry(), count=GROUP + 3)
    assert pictures.shape == (GROUP + 3, 3, 16, 32) and pictures.dtype == torch.uint8


def test_a_runs_folder_means_the_model_in_it(model_file, tmp_path):
    path = model_file()
    assert find_model(tmp_path) == find_model(path) == path


@pytest.mark.parametrize("name", ["", "missing", "missing.safetensors"])
def test_a_place_without_a_model_is_told_with_what_makes_one(tmp_path, name):
    with pytest.raises(NoInputError, match="no model") as caught:
        find_model(tmp_path / name)
    assert "ganstyle train" in caught.value.hint


def test_seeds_differ_and_groups_of_one_seed_differ(model_file):
    path = model_file()
    one, other = (generate(path, registry=default_registry(), count=2 * GROUP, seed=seed) for seed in (0, GROUP))
    assert not torch.equal(one[:GROUP], one[GROUP:])
    assert not torch.equal(one[GROUP:], other[:GROUP])


def test_the_process_random_state_neither_matters_nor_moves(model_file):
    path = model_file()
    first = generate(path, registry=default_registry(), count=2)
    torch.manual_seed(123)
    state = torch.get_rng_state()
    model = load_model(path, registry=default_registry())
    torch.set_rng_state(state)
    second = sample_model(model, registry=default_registry(), count=2)
    assert torch.equal(first, second) and torch.equal(torch.get_rng_state(), state)


def test_styles_of_a_conditional_model_give_different_pictures(model_file):
    path = model_file(("ink", "oil"))
    ink, oil = (generate(path, registry=default_registry(), count=4, style=style) for style in ("ink", "oil"))
    assert not torch.equal(ink, oil)


def test_an_unknown_style_lists_or_suggests_the_known_ones(model_file):
    with pytest.raises(UsageError, match="did you mean 'ink'"):
        generate(model_file(("ink", "oil")), registry=default_registry(), style="inc")
