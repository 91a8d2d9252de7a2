"""Presets are a layer of their own; `auto` leaves a key open without ever reaching an option."""

from __future__ import annotations

import pytest

from ganstyle.config import OPEN_TO_AUTO, PRESETS, config_to_dict, resolve
from ganstyle.errors import UsageError
from ganstyle.registry import default_registry


def resolved(*sets, **layers):
    return resolve(default_registry(), sets=sets, **layers)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_resolves(name):
    train = resolved(preset=name).train
    assert {
        f"train.{key}": getattr(train, key) for key in train.model_fields_set if key in ("images", "resolution")
    } == {key: PRESETS[name][key] for key in ("train.images", "train.resolution")}


def test_presets_grow():
    budgets, sides = zip(*[(one["train.images"], one["train.resolution"]) for one in PRESETS.values()])
    assert list(PRESETS) == ["quick", "good", "best"]
    assert list(budgets) == sorted(set(budgets)) and list(sides) == sorted(set(sides))


def test_a_preset_is_weaker_than_a_recipe_and_a_flag():
    config = resolved(preset="quick", recipe={"train.images": 7}, flags={"train.resolution": 16})
    assert (config.train.images, config.train.resolution) == (7, 16)
    assert config.train.save_every_images == PRESETS["quick"]["train.save_every_images"]


def test_an_unknown_preset_is_refused_with_the_close_one():
    with pytest.raises(UsageError, match="did you mean 'quick'") as caught:
        resolved(preset="quik")
    assert "good" in caught.value.hint


def test_keys_of_train_are_open_until_a_layer_names_them():
    open_keys = resolved().automatic
    assert "train.workers" in open_keys and "regularizer.r1.gamma" not in open_keys
    assert "train.batch" not in open_keys  # the architecture's recipe names it
    assert "train.workers" not in resolved("train.workers=0").automatic


def test_the_word_auto_opens_a_key_that_a_weaker_layer_named():
    config = resolved("train.batch=auto", "regularizer.r1.gamma=auto")
    assert {"train.batch", "regularizer.r1.gamma"} <= set(config.automatic)
    assert config.train.batch == 32 and config.regularizer[0].options == {}


def test_a_stronger_layer_closes_it_again():
    config = resolved("train.batch=4", recipe={"train.batch": "auto", "regularizer.r1.gamma": "auto"})
    assert "train.batch" not in config.automatic and "regularizer.r1.gamma" in config.automatic


def test_nothing_is_open_in_a_stored_configuration():
    document = config_to_dict(resolved("regularizer.r1.gamma=auto"))
    assert resolve(default_registry(), recipe=document).automatic == ()


def test_auto_is_no_value_of_any_other_key():
    assert "optimizer.lr" not in OPEN_TO_AUTO
    with pytest.raises(UsageError, match=r"optimizer\.lr"):
        resolved("optimizer.lr=auto")
