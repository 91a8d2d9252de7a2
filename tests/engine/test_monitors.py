"""Diversity is 1 for real pictures, 0 for equal ones, and reading it leaves no trace."""

from __future__ import annotations

import math

import pytest
import torch
from tiny_runs import TinyRun

from ganstyle.engine import monitors
from ganstyle.engine.monitors import Diversity, choose_features, mean_distance, pixel_features


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
