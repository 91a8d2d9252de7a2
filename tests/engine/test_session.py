"""A session is built from its configuration alone, and goes to and from tensors without loss."""

from __future__ import annotations

import pytest
import torch
from PIL import Image

from ganstyle.config import resolve
from ganstyle.engine.session import fingerprint, image_spec, open_session
from ganstyle.errors import ModelError, UsageError
from ganstyle.registry import default_registry

SMALL = ("arch.base_channels=4", "arch.z_dim=8", "train.resolution=16", "train.batch=4")


@pytest.fixture
def folder(tmp_path):
    """Six pictures in two style folders."""
    for index in range(6):
        style = tmp_path / "data" / ("ink" if index % 2 else "oil")
        style.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (24, 20), (40 * index, 100, 9)).save(style / f"{index}.png")
    return tmp_path / "data"


@pytest.fixture
def opened(folder):
    """A function that opens a session with options."""

    def opener(*sets):
        config = resolve(default_registry(), flags={"data": str(folder)}, sets=(*SMALL, *sets))
        return open_session(config, default_registry())

    return opener


def test_equal_seeds_build_equal_networks_and_other_seeds_others(opened):
    one, two, other = (opened(f"train.seed={seed}").tensors()[0] for seed in (3, 3, 4))
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert not torch.equal(one["generator/first.weight"], other["generator/first.weight"])


def test_the_averages_begin_as_the_networks(opened):
    model = opened().tensors()[0]
    averaged = [key for key in model if key.startswith("ema/generator/")]
    assert averaged and all(torch.equal(model[key], model[key.removeprefix("ema/")]) for key in averaged)


def test_loading_brings_back_counters_weights_and_chance(opened):
    session = opened()
    model, train = ({k: v.clone() for k, v in part.items()} for part in session.tensors())
    facts = session.facts() | {"images": 40, "step": 10, "lr_scale": 0.25}
    expected = torch.rand(3)
    with torch.no_grad():
        session.task.networks["generator"].first.weight.zero_()
    assert session.load(model, train, facts) == []
    assert (session.images, session.step, session.lr_scale) == (40, 10, 0.25)
    assert torch.equal(session.task.networks["generator"].first.weight, model["generator/first.weight"])
    assert torch.equal(torch.rand(3), expected)


def test_a_checkpoint_of_other_networks_is_refused_with_the_names(opened):
    small, large = opened(), opened("arch.base_channels=8")
    with pytest.raises(ModelError, match=r"first\.weight") as caught:
        large.load(*small.tensors(), small.facts())
    assert caught.value.code == 5 and "config.json" in caught.value.hint


def test_batches_go_on_from_the_image_count(opened):
    session = opened()
    stream = session.batches()
    next(stream)
    second = next(stream)
    session.images = 4
    assert torch.equal(next(session.batches())["images"], second["images"])


def test_batches_lie_in_the_networks_memory_format(opened):
    batch = next(opened("train.memory_format='channels_last'").batches())
    assert batch["images"].is_contiguous(memory_format=torch.channels_last)
    assert batch["images"].shape == (4, 3, 16, 16) and float(batch["images"].abs().max()) <= 1


def test_a_rectangle_is_height_by_width(opened):
    session = opened("train.resolution=16", "train.width=32")
    assert (session.image.height, session.image.width) == (16, 32)
    assert next(session.batches())["images"].shape[2:] == (16, 32)


def test_labels_count_only_in_conditional_runs(opened):
    assert opened().image.labels == 0
    assert opened("train.conditional=true").image.labels == 2


def test_a_conditional_run_on_one_style_is_refused(opened, folder):
    session = opened("train.conditional=true")
    with pytest.raises(UsageError, match="no styles") as caught:
        image_spec(session.config, [1, 2, 3])
    assert "folder" in caught.value.hint


def test_the_fraction_of_the_budget_ends_at_one(opened):
    session = opened("train.images=80")
    session.images = 20
    assert session.fraction == pytest.approx(0.25)
    session.images = 200
    assert session.fraction == 1.0


def test_a_data_set_is_known_by_its_own_fingerprint_or_by_its_size(opened, folder):
    session = opened()
    before = fingerprint(session.dataset)
    Image.new("RGB", (8, 8)).save(folder / "ink" / "new.png")
    assert fingerprint(opened().dataset) != before
    assert fingerprint([1, 2, 3]) == "3 items"


def with_state(session, value):
    """Give the session's task one tensor of its own."""
    state = {"p": torch.tensor(value)}
    session.task.state_tensors = lambda: state
    session.task.load_state_tensors = state.update
    return session


def test_what_a_task_remembers_goes_into_the_training_tensors_and_comes_back(opened):
    saved, other = with_state(opened(), 0.4), with_state(opened(), 0.0)
    model, train = saved.tensors()
    assert float(train["task/p"]) == pytest.approx(0.4)
    assert other.load(model, train, saved.facts()) == []
    assert float(other.task.state_tensors()["p"]) == pytest.approx(0.4)


def test_a_checkpoint_without_the_tasks_state_says_what_is_missing(opened):
    session = opened()
    model, train = session.tensors()
    assert with_state(session, 0.0).load(model, train, session.facts()) == ["task/p"]


def test_after_a_rollback_pictures_come_in_another_order_and_chance_differs_and_both_are_saved(opened):
    session, resumed = opened(), opened()
    first, drawn = next(session.batches())["images"], torch.rand(3)
    session.draw_anew()
    session.images = 0
    anew, redrawn = next(session.batches())["images"], torch.rand(3)
    assert not torch.equal(first, anew) and not torch.equal(drawn, redrawn)
    resumed.load(*session.tensors(), session.facts())
    assert torch.equal(next(resumed.batches())["images"], anew)


def test_the_best_score_and_what_the_alarms_remember_are_part_of_a_checkpoint(opened):
    session, other = opened(), opened()
    session.best, session.watched = {"images": 4, "metric": "fd", "value": 2.5}, {"diversity": [0.5]}
    other.load(*session.tensors(), session.facts())
    assert (other.best, other.watched) == (session.best, session.watched)


def test_checkpoints_from_before_there_were_scores_still_load(opened):
    session = opened()
    facts = {key: value for key, value in session.facts().items() if key not in ("rollbacks", "best", "watched")}
    session.load(*session.tensors(), facts)
    assert (session.rollbacks, session.best, session.watched) == (0, {}, {})
