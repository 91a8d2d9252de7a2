"""Whole runs on tiny networks: budget, files, resume, rollback, failing parts."""

from __future__ import annotations

import json

import pytest
import torch
from PIL import Image

from ganstyle.config import config_to_dict, resolve
from ganstyle.engine import checkpoint as checkpoints
from ganstyle.engine.generation import generate
from ganstyle.engine.logging import read_scalars
from ganstyle.engine.run import Run
from ganstyle.engine.training import fit
from ganstyle.errors import EnvironmentProblem, UsageError
from ganstyle.registry import default_registry

SMALL = ("arch.base_channels=4", "arch.z_dim=8", "train.resolution=16", "train.batch=4", "train.log_every_steps=1")
SMALL += ("optimizer.schedule=constant",)  # a cosine would depend on the budget, which these tests change


class Told:
    """Remembers what a run says."""

    def __init__(self):
        self.lines, self.done = [], []

    def update(self, done, **facts):
        self.done.append(done)

    def say(self, text):
        self.lines.append(text)


@pytest.fixture
def pictures(tmp_path):
    """Twelve pictures of two colours in two style folders."""
    for index in range(12):
        folder = tmp_path / "data" / ("red" if index % 2 else "blue")
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 24), (200, index, 0) if index % 2 else (0, index, 200)).save(folder / f"{index}.png")
    return tmp_path / "data"


@pytest.fixture
def begin(tmp_path, pictures):
    """A function that starts a run with options and returns (config, run)."""

    def started(*sets, **flags):
        registry = default_registry()
        given = {"data": str(pictures), "train.images": 24} | flags
        config = resolve(registry, flags=given, sets=(*SMALL, "train.save_every_images=8", *sets))
        return config, Run.create(tmp_path / "runs", config_to_dict(config), "test")

    return started


def tensors_of(run):
    found = checkpoints.newest_valid(run)
    return found.model | found.train


def test_a_run_spends_its_budget_and_leaves_model_preview_scalars_and_status(begin):
    config, run = begin()
    result = fit(config, registry=default_registry(), run=run)
    assert result.images == 24 and result.model.is_file()
    assert [line["images"] for line in read_scalars(run.folder)] == [4, 8, 12, 16, 20, 24]
    assert (run.status["state"], run.status["images"]) == ("finished", 24)
    with Image.open(result.preview) as sheet:
        assert sheet.width >= 4 * 16


def test_resuming_half_way_equals_the_uninterrupted_run_bit_for_bit(begin):
    whole, run_whole = begin("task.augment=['translation']")
    fit(whole, registry=default_registry(), run=run_whole)
    half, run_half = begin("task.augment=['translation']", **{"train.images": 12})
    fit(half, registry=default_registry(), run=run_half)
    torch.manual_seed(99)  # whatever the process drew in between must not matter
    fit(whole, registry=default_registry(), run=run_half)
    one, two = tensors_of(run_whole), tensors_of(run_half)
    assert one.keys() == two.keys() and len(one) > 40
    assert [key for key in one if not torch.equal(one[key], two[key])] == []
    logs = [[(line["images"], line["generator"]) for line in read_scalars(run.folder)] for run in (run_whole, run_half)]
    assert logs[0] == logs[1] and len(logs[0]) == 6


def test_equal_seeds_give_equal_runs_and_other_seeds_others(begin):
    ends = []
    for seed in (1, 1, 2):
        config, run = begin(**{"train.seed": seed, "train.images": 8})
        fit(config, registry=default_registry(), run=run)
        ends.append(checkpoints.newest_valid(run).model)
    assert all(torch.equal(ends[0][key], ends[1][key]) for key in ends[0])
    assert not torch.equal(ends[0]["generator/first.weight"], ends[2]["generator/first.weight"])


def test_a_conditional_run_makes_pictures_of_a_named_style(begin):
    config, run = begin("train.conditional=true")
    fit(config, registry=default_registry(), run=run)
    red = generate(run.folder, registry=default_registry(), count=3, style="red")
    assert red.shape == (3, 3, 16, 16) and red.dtype == torch.uint8
    with pytest.raises(UsageError, match="redd"):
        generate(run.folder, registry=default_registry(), count=1, style="redd")


def test_previews_do_not_change_the_training(begin):
    ends = []
    for interval in (4, 1000):
        config, run = begin(f"train.preview_every_images={interval}")
        fit(config, registry=default_registry(), run=run)
        ends.append(tensors_of(run))
    assert all(torch.equal(ends[0][key], ends[1][key]) for key in ends[0])


def test_the_first_pictures_of_a_seed_are_the_same_for_every_count(begin):
    config, run = begin(**{"train.images": 4})
    fit(config, registry=default_registry(), run=run)
    few = generate(run.folder, registry=default_registry(), count=3, seed=5)
    many = generate(run.folder, registry=default_registry(), count=20, seed=5)
    assert torch.equal(few, many[:3]) and not torch.equal(many[:3], many[16:19])


def test_a_full_disk_at_one_save_does_not_end_the_run(begin, monkeypatch):
    original, calls, told = checkpoints.save, [], Told()

    def full_once(*args, **options):
        calls.append(1)
        if len(calls) == 1:
            raise EnvironmentProblem("no space left")
        return original(*args, **options)

    monkeypatch.setattr(checkpoints, "save", full_once)
    config, run = begin()
    result = fit(config, registry=default_registry(), run=run, reporter=told)
    assert result.images == 24 and any("no space left" in line for line in told.lines)


def test_three_failed_saves_in_a_row_end_the_run_with_exit_6(begin, monkeypatch):
    def full(*args, **options):
        raise EnvironmentProblem("no space left")

    monkeypatch.setattr(checkpoints, "save", full)
    config, run = begin("train.save_every_images=4")
    with pytest.raises(EnvironmentProblem):
        fit(config, registry=default_registry(), run=run)
    assert run.status["state"] == "failed"


def test_an_unwritable_preview_is_a_warning(begin):
    told = Told()
    config, run = begin()
    (run.folder / "previews").write_text("a file where the folder should be")
    assert fit(config, registry=default_registry(), run=run, reporter=told).preview is None
    assert any("no preview" in line for line in told.lines)


def test_a_conditional_run_needs_labels(begin, tmp_path, pictures):
    config, run = begin("train.conditional=true", data=str(pictures / "red"))
    with pytest.raises(UsageError, match="no styles"):
        fit(config, registry=default_registry(), run=run)


def test_the_stored_configuration_starts_an_equal_run(begin, tmp_path):
    config, run = begin()
    stored = json.loads((run.folder / "config.json").read_text())
    assert config_to_dict(resolve(default_registry(), recipe=stored)) == config_to_dict(config)
