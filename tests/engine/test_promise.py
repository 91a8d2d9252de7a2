from __future__ import annotations

import copy

import pytest

from ganstyle.engine.promise import config_changes, promise

CONFIG = {
    "arch": {"name": "dcgan", "options": {"z_dim": 64}},
    "regularizer": [],
    "optimizer": {"lr": 2e-4, "betas": [0.5, 0.999], "schedule": "constant"},
    "train": {"images": 1000, "batch": 8, "keep": 3, "seed": 0, "threads": None, "workers": 0},
}
PRESENT = {
    "environment": {
        "torch": "2.14",
        "code": "ab",
        "device": "cpu AVX2",
        "threads": 2,
        "plugins": {"data": "1", "x": 1},
    },
    "config": CONFIG,
    "data": "sha256:12",
    "world_size": 1,
}


def changed(*path, value, base=PRESENT):
    """Return a deep copy in which one entry differs."""
    result = copy.deepcopy(base)
    inner = result
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return result


def test_equal_circumstances_promise_exactness_without_reasons():
    assert promise(PRESENT, copy.deepcopy(PRESENT)) == ("exact", [])


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (("environment", "torch"), "2.15", "torch 2.14 -> 2.15"),
        (("environment", "code"), "cd", "code ab -> cd"),
        (("environment", "threads"), 4, "threads 2 -> 4"),
        (("environment", "device"), "mps", "device cpu AVX2 -> mps"),
        (("environment", "plugins"), {"data": 2, "y": 1, "x": 1}, "plugins changed: data, y"),
        (("world_size",), 2, "world size 1 -> 2"),
        (("config", "train", "batch"), 16, "train.batch 8 -> 16"),
        (("config", "train", "precision"), "bfloat16", "train.precision None -> bfloat16"),
        (("config", "train", "compile"), True, "train.compile None -> True"),
    ],
)
def test_another_machine_or_batch_promises_the_order_only(path, value, reason):
    assert promise(PRESENT, changed(*path, value=value)) == ("order-exact", [reason])


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (("data",), "sha256:13", "the data changed"),
        (("config", "optimizer", "lr"), 1e-4, "optimizer.lr 0.0002 -> 0.0001"),
        (("config", "train", "seed"), 1, "train.seed 0 -> 1"),
        (("missing",), ["numpy"], "numpy could not be restored"),
    ],
)
def test_another_experiment_promises_weights_and_counters_only(path, value, reason):
    assert promise(PRESENT, changed(*path, value=value)) == ("approximate", [reason])


def test_a_checkpoint_that_lacks_what_must_be_compared_is_approximate():
    for key in ("environment", "config", "data"):
        saved = {name: value for name, value in PRESENT.items() if name != key}
        level, reasons = promise(saved, PRESENT)
        assert level == "approximate" and f"no saved {key}" in reasons


@pytest.mark.parametrize(("deterministic", "level"), [(True, "exact"), (False, "order-exact")])
def test_cuda_is_exact_only_with_deterministic_kernels(deterministic, level):
    cuda = changed("environment", "device", value="cuda H100")
    assert promise(cuda, cuda | {"deterministic": deterministic})[0] == level


@pytest.mark.parametrize(
    ("schedule", "uses_progress", "level"),
    [("constant", False, "exact"), ("cosine", False, "approximate"), ("constant", True, "approximate")],
)
def test_a_longer_run_is_exact_unless_something_follows_the_budget(schedule, uses_progress, level):
    saved = changed("config", "optimizer", "schedule", value=schedule)
    longer = changed("config", "train", "images", value=2000, base=saved)
    assert promise(saved, longer | {"uses_progress": uses_progress})[0] == level


def test_the_weakest_promise_wins_and_every_reason_is_told():
    other = changed("data", value="x", base=changed("world_size", value=2))
    assert promise(PRESENT, other) == ("approximate", ["the data changed", "world size 1 -> 2"])


@pytest.mark.parametrize(
    ("key", "value", "effect"),
    [("images", 5, "safe"), ("keep", 4, "safe"), ("workers", 2, "safe"), ("batch", 4, "order"), ("seed", 7, "other")],
)
def test_each_key_of_the_training_options_has_its_effect(key, value, effect):
    [change] = config_changes(CONFIG, changed("train", key, value=value, base=CONFIG))
    assert (change.key, change.new, change.effect) == (f"train.{key}", value, effect)


def test_added_removed_and_replaced_components_are_other_changes():
    new = changed("regularizer", value=[{"name": "r1"}], base=CONFIG)
    new = changed("arch", "options", value={"base_channels": 8}, base=new)
    found = {change.key: (change.old, change.new) for change in config_changes(CONFIG, new)}
    assert found == {
        "arch.options.base_channels": (None, 8),
        "arch.options.z_dim": (64, None),
        "regularizer": ([], [{"name": "r1"}]),
    }


def test_a_prefix_of_a_safe_key_is_not_safe():
    assert [c.effect for c in config_changes({"metrics": 1, "metric": 1}, {"metrics": 2, "metric": 2})] == [
        "safe",
        "other",
    ]


def test_tuples_equal_the_lists_they_become_in_json():
    new = changed("optimizer", "betas", value=(0.5, 0.999), base=CONFIG)
    assert config_changes(CONFIG, new) == []


def test_a_longer_budget_changes_the_course_of_the_second_decay():
    base = changed("config", "optimizer", "final_beta2", value=0.99)
    level, reasons = promise(base, changed("config", "train", "images", value=2000, base=base))
    assert (level, reasons) == ("approximate", ["train.images 1000 -> 2000"])
