"""Diversity is 1 for real pictures, 0 for equal ones, and reading it leaves no trace."""

from __future__ import annotations

import math

import pytest
import torch
from tiny_runs import TinyRun

from ganstyle.data.transforms import Preprocess
from ganstyle.engine import monitors
from ganstyle.engine.image_sets import dataset_set
from ganstyle.engine.monitors import Diversity, choose_features, mean_distance, nearest_distance, pixel_features


@pytest.fixture
def session(tmp_path):
    return TinyRun(tmp_path).session


def make(session, pictures):
    """Let the task make these pictures, float (N, 3, H, W), in turn."""
    place = [0]

    def sample(networks, count, *, generator, batch):
        start = place[0]
        place[0] = (start + count) % len(pictures)
        return pictures[start : start + count]

    session.task.sample = sample


def test_equal_pictures_have_no_diversity(session):
    make(session, torch.zeros(64, 3, 16, 16))
    assert Diversity(session).read() == 0.0


def test_the_data_themselves_are_as_varied_as_the_data(session):
    make(session, next(session.loader(batch=64))["images"])
    assert Diversity(session).read() == pytest.approx(1.0, abs=0.15)  # twelve pictures, cropped at random


def test_half_of_the_contrast_is_half_of_the_diversity(session):
    monitor, reals = Diversity(session), next(session.loader(batch=64))["images"]
    make(session, reals)
    whole = monitor.read()
    make(session, reals * 0.5)
    assert monitor.read() == pytest.approx(whole / 2, rel=0.02)


def test_a_reading_is_repeatable_and_moves_no_random_state(session):
    monitor, before = Diversity(session), torch.get_rng_state()
    assert monitor.read() == monitor.read()
    assert torch.equal(torch.get_rng_state(), before)


def test_one_picture_or_equal_ones_have_no_variety_to_compare_with(session):
    make(session, torch.zeros(64, 3, 16, 16))
    monitor = Diversity(session)
    monitor.features = lambda pictures: torch.zeros(len(pictures), 3)
    assert monitor.read() is None
    session.dataset = [session.dataset[0]]
    assert Diversity(session).read() is None


def plain_pictures(session):
    """Return the training pictures as an evaluation sees them, float (12, 3, 16, 16) in [-1, 1]."""
    plain = Preprocess.plain(16)
    walk = dataset_set(session.dataset, preprocess=plain).iterate()
    return torch.stack(list(walk)).float() / 127.5 - 1


@pytest.mark.parametrize("mirrored", [False, True])
def test_copies_of_training_pictures_mirrored_or_not_are_at_no_distance(session, mirrored):
    pictures = plain_pictures(session)
    make(session, pictures.flip(3) if mirrored else pictures)
    monitor = Diversity(session)
    assert monitor.nearest() is None  # nothing was read yet
    monitor.read()
    assert monitor.nearest() == pytest.approx(0.0, abs=1e-3)


def test_pictures_far_from_all_training_ones_are_further_than_those_from_each_other(session):
    make(session, 1 - plain_pictures(session) * 0.1)
    monitor = Diversity(session)
    monitor.read()
    assert monitor.nearest() > 1.5


def test_many_training_pictures_are_not_searched_for_copies(session, monkeypatch):
    monkeypatch.setattr(monitors, "FEW", 11)
    make(session, plain_pictures(session))
    monitor = Diversity(session)
    monitor.read()
    assert monitor.nearest() is None


def test_the_nearest_distance_leaves_out_a_row_itself_and_its_mirror():
    rows = torch.tensor([[0.0], [3.0], [10.0]])
    assert nearest_distance(torch.tensor([[1.0], [9.0]]), rows) == pytest.approx(1.0)
    mirrors = torch.tensor([[0.0], [4.0], [2.0]])  # the last one's mirror is near the others
    assert nearest_distance(rows, torch.cat([rows, mirrors]), own=True) == pytest.approx((2 + 1 + 6) / 3)


def test_the_mean_distance_is_that_over_all_pairs():
    square = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    assert mean_distance(square) == pytest.approx((4 * 1 + 2 * math.sqrt(2)) / 6)


def test_pixel_features_are_means_over_a_grid():
    pictures = torch.zeros(1, 3, 16, 16, dtype=torch.uint8)
    pictures[0, 0, 2:4, 4:6] = 255
    features = pixel_features(pictures).reshape(3, 8, 8)
    assert features[0, 1, 2] == 1.0 and float((features + 1).sum()) == pytest.approx(2.0)


def test_small_pictures_and_missing_weights_are_compared_by_pixels(monkeypatch):
    def missing(**options):
        raise FileNotFoundError

    monkeypatch.setattr(monitors, "load_lite0", missing)
    assert choose_features(32, torch.device("cpu")) is pixel_features
    assert choose_features(128, torch.device("cpu")) is pixel_features
