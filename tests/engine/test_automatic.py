"""What nobody named is chosen by simple rules, told with its reason, and stored."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ganstyle.config import OPEN_TO_AUTO, Config, config_to_dict, resolve
from ganstyle.engine import automatic
from ganstyle.engine.automatic import Situation, settle
from ganstyle.registry import default_registry


def settled(*sets, images=1705, **layers):
    config = resolve(default_registry(), sets=sets, **layers)
    config, lines = settle(config, default_registry(), dataset=range(images))
    return config, "\n".join(lines)


def here(*, images=5000, device="cpu", memory_gb=0.0, cores=8, **train):
    config = Config(train=Config().train.model_copy(update=train))
    return Situation(config, images, device, memory_gb, cores)


@pytest.mark.parametrize(("images", "batch"), [(45, 8), (1705, 16), (2000, 32), (19_999, 32), (50_000, 64)])
def test_fewer_images_get_smaller_batches(images, batch):
    assert automatic.batch(here(images=images))[0] == batch


@pytest.mark.parametrize(("side", "memory_gb", "batch"), [(256, 16, 16), (1024, 16, 4), (1024, 80, 16), (32, 16, 64)])
def test_large_pictures_get_batches_that_the_memory_holds(side, memory_gb, batch):
    chosen, told = automatic.batch(here(images=10**6, device="cuda", memory_gb=memory_gb, resolution=side))
    assert chosen == batch and ("pixels" in told) == (batch < 64)


def test_an_oblong_picture_counts_with_its_long_side():
    assert automatic.batch(here(images=10**6, resolution=64, width=512))[0] == 8


@pytest.mark.parametrize(("images", "half_life"), [(50_000, 10_000), (45, 2250)])
def test_the_average_follows_the_batch_but_not_beyond_fifty_passes(images, half_life):
    assert automatic.ema(here(images=images, batch=32))[0] == half_life


def test_gamma_is_that_of_the_paper():
    assert automatic.gamma(here(resolution=1024, batch=32))[0] == pytest.approx(0.0002 * 1024**2 / 32, rel=5e-3)
    assert automatic.gamma(here(resolution=512, width=1024, batch=8))[0] == pytest.approx(13.1, rel=1e-3)


def test_gamma_of_small_pictures_is_no_less_than_what_held_d_back_in_short_runs():
    assert automatic.gamma(here(resolution=32, batch=16))[0] == 3.0


def test_stylegan2_leaves_gamma_to_the_rule_and_a_stated_one_stays():
    options = ("arch=stylegan2", "train.resolution=1024", "train.batch=16", "train.memory_format=contiguous")
    config, told = settled(*options)
    assert config_to_dict(config)["regularizer"]["r1"]["gamma"] == 13.1 and "gamma 13.1 (1024x1024" in told
    config, told = settled(*options, "regularizer.r1.gamma=0.3")
    assert config_to_dict(config)["regularizer"]["r1"]["gamma"] == 0.3 and "gamma" not in told


@pytest.mark.parametrize(("budget", "speed"), [(25_000_000, 500_000), (200_000, 25_000), (1000, 10_000)])
def test_augmentation_can_get_strong_within_the_budget(budget, speed):
    assert automatic.ada_speed(here(images=9))[0] > 0
    assert automatic.ada_speed(Situation(here().config, 9, "cpu")) == automatic.ada_speed(here())
    config = Config(train=Config().train.model_copy(update={"images": budget}))
    assert automatic.ada_speed(Situation(config, 9, "cpu"))[0] == speed


def test_pictures_are_read_beside_a_gpu_only():
    assert automatic.workers(here(cores=8))[0] == 0
    assert [automatic.workers(here(device="cuda", cores=cores))[0] for cores in (1, 3, 64)] == [0, 2, 4]


def test_the_line_tells_each_choice_with_its_reason():
    config, line = settled("train.batch=auto", "train.workers=0", "train.memory_format=contiguous")
    assert line == "automatic: batch 16 (1,705 images), EMA half-life 5,000 images (batch 16)"
    assert (config.train.batch, config.train.ema_halflife_images, config.automatic) == (16, 5000, ())


def test_a_later_choice_sees_the_earlier_ones_and_options_beside_it_stay():
    sets = ["train.batch=auto", "train.resolution=1024", "regularizer.r1.gamma=auto", "regularizer.r1.every=4"]
    config, line = settled(*sets)
    assert config.regularizer[0].options == {"gamma": 52.4, "every": 4} and "gamma 52.4 (1024x1024, batch 4)" in line


def test_with_ada_its_speed_is_chosen_and_without_it_is_not():
    config, _ = settled('task.augment=["ada"]', "train.images=400k".replace("k", "000"))
    assert config.task.options["ada_speed_images"] == 50_000
    assert "ada_speed_images" not in settled()[0].task.options


def test_a_time_becomes_images_after_the_batch_and_before_the_speed_of_ada(monkeypatch):
    def with_time(config, registry, seconds):
        assert config.train.batch == 16 and seconds == 60
        return replace(config, train=config.train.model_copy(update={"images": 800_000})), "budget: 800,000 images"

    monkeypatch.setattr(automatic, "with_time", with_time)
    found = resolve(default_registry(), sets=["train.batch=auto", 'task.augment=["ada"]'])
    config, lines = settle(found, default_registry(), dataset=range(1705), seconds=60.0)
    assert (config.train.images, config.task.options["ada_speed_images"]) == (800_000, 100_000)
    assert lines[1] == "budget: 800,000 images" and "ADA in 100,000 images" in lines[0]


def test_what_was_named_stays():
    config, line = settled("train.batch=5", "train.ema_halflife_images=7", "train.workers=1")
    assert (config.train.batch, config.train.ema_halflife_images, config.train.workers) == (5, 7, 1)
    assert "batch 5" not in line and "half-life" not in line


def test_a_stored_configuration_is_left_as_it_is():
    config, _ = settled("train.batch=auto")
    stored = resolve(default_registry(), recipe=config_to_dict(config))
    assert settle(stored, default_registry(), dataset=range(45)) == (stored, [])


def test_the_faster_layout_is_measured_with_the_choices_before_it(monkeypatch):
    measured = []

    def choose_layout(config, registry):
        measured.append(config.train.batch)
        return "channels_last", {"contiguous": 0.3, "channels_last": 0.2}

    monkeypatch.setattr(automatic, "choose_layout", choose_layout)
    config, line = settled("train.batch=auto", "train.memory_format=auto")
    assert (config.train.memory_format, measured) == ("channels_last", [16])
    assert line.endswith("channels_last (1.50 times as fast a step)")


def test_every_key_that_may_be_automatic_has_a_rule():
    assert set(automatic.RULES) | {automatic.LAYOUT} == set(OPEN_TO_AUTO)
