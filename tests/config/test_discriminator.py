"""The section `discriminator`: another architecture judges, brings its loss, is checked and stored like the rest."""

from __future__ import annotations

import json
from typing import Annotated, Any

import pytest
from pydantic import Field

from ganstyle.api import Architecture, Dataset, Loss, Options, Regularizer, Task
from ganstyle.config import Selection, config_from_dict, config_to_dict, resolve, validate
from ganstyle.errors import UsageError
from ganstyle.registry import PluginStatus, Registry


class NetOptions(Options):
    channels: Annotated[int, Field(ge=1, description="Width.")] = 64


class NoOptions(Options):
    pass


def net(options: NetOptions, image: Any) -> None: ...
def plain(options: NoOptions) -> None: ...


JUDGE = {"loss": "hinge", "regularizer": "none", "optimizer.lr": 0.5, "train.batch": 7, "arch.channels": 9}


@pytest.fixture
def registry() -> Registry:
    parts = [Architecture("dcgan", "x", net, recipe={"regularizer": "r1", "train.batch": 8})]
    parts += [Architecture("judge", "x", net, recipe=JUDGE), Task("gan", "x", plain), Dataset("embedded", "x", plain)]
    parts += [Loss(name, "x", plain) for name in ("bce", "hinge")] + [Regularizer("r1", "x", plain)]
    found = Registry()
    found.add(PluginStatus("fake:main", "main", "fake", "1.0", components=tuple(parts)))
    return found


def test_without_the_section_the_architecture_judges_itself(registry):
    assert resolve(registry).discriminator is None
    assert config_to_dict(resolve(registry), registry)["discriminator"] is None


def test_it_takes_options_of_its_own(registry):
    config = validate(resolve(registry, sets=["discriminator.channels=16", "discriminator=judge"]), registry)
    assert config.discriminator == Selection("judge", {"channels": 16})
    assert config.arch == Selection("dcgan", {"channels": 64})


def test_its_recipe_brings_loss_and_penalties_but_neither_batch_nor_rate(registry):
    config = resolve(registry, sets=["discriminator=judge"])
    assert (config.loss.name, config.regularizer, config.train.batch) == ("hinge", (), 8)
    assert config.optimizer.lr == resolve(registry).optimizer.lr and config.arch.options == {}


def test_what_the_user_says_is_stronger_than_its_recipe(registry):
    config = resolve(registry, recipe={"discriminator": "judge", "loss": "bce"}, sets=["regularizer=r1"])
    assert (config.loss.name, config.regularizer) == ("bce", (Selection("r1"),))


@pytest.mark.parametrize("word", ["none", '""'])
def test_a_stronger_layer_gives_the_architecture_its_own_back(registry, word):
    assert resolve(registry, recipe={"discriminator": "judge"}, sets=[f"discriminator={word}"]).discriminator is None


@pytest.mark.parametrize("sets", [[], ["discriminator=judge", "discriminator.channels=3"]])
def test_it_survives_json(registry, sets):
    config = validate(resolve(registry, sets=sets), registry)
    document = json.loads(json.dumps(config_to_dict(config, registry)))
    assert config_from_dict(registry, document) == config == resolve(registry, recipe=document)


def test_a_configuration_stored_before_the_section_existed_still_loads(registry):
    document = config_to_dict(resolve(registry), registry)
    del document["discriminator"]
    assert config_from_dict(registry, document).discriminator is None


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (["discriminator=jugde"], "did you mean 'judge'"),
        (["discriminator=judge", "discriminator.chanels=3"], "discriminator has no option 'chanels'"),
        (["discriminator=judge", "discriminator.channels=0"], r"discriminator\.channels: .* found 0"),
        (["discriminator.channels=3"], "no discriminator is named"),
    ],
)
def test_mistakes_are_told_in_the_words_of_the_section(registry, sets, message):
    with pytest.raises(UsageError, match=message) as caught:
        validate(resolve(registry, sets=sets), registry)
    assert caught.value.where.startswith("discriminator") and caught.value.hint
