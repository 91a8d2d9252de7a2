"""The schedule of growth, and the buffer that carries it."""

from __future__ import annotations

import copy

import pytest
import torch
from ganstyle_gans.growth import Growing, faded, mix, stage_at
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("fraction", "expected"),
    [
        (0.0, (0, 1.0)),
        (0.16, (0, 1.0)),
        (1 / 6, (1, 0.0)),  # three stages: four units in the first 2/3
        (0.25, (1, 0.5)),
        (1 / 3, (1, 1.0)),
        (0.45, (1, 1.0)),
        (0.5, (2, 0.0)),
        (7 / 12, (2, 0.5)),
        (2 / 3, (2, 1.0)),
        (1.0, (2, 1.0)),
    ],
)
def test_three_stages_in_two_thirds_of_the_budget(fraction, expected):
    stage, alpha = stage_at(fraction, 3, share=2 / 3)
    assert (stage, alpha) == (expected[0], pytest.approx(expected[1], abs=1e-9))


@given(st.integers(1, 9), st.floats(0.05, 1.0), st.floats(0, 1), st.floats(0, 1))
def test_growth_never_goes_back(stages, share, first, second):
    early, late = (stage_at(f, stages, share=share) for f in sorted([first, second]))
    assert early <= late and 0 <= early[1] <= 1 and late[0] < stages


def test_the_end_of_the_budget_is_always_full_size():
    assert all(stage_at(1.0, stages, share=1.0) == (stages - 1, 1.0) for stages in range(1, 9))


def test_a_new_network_is_fully_grown():
    assert Growing(4, 0.5).stage() == (3, 1.0)


def test_progress_survives_the_state_dict():
    source, target = Growing(4, 0.5), Growing(4, 0.5)
    source.set_progress(0.2)
    target.load_state_dict(source.state_dict())
    assert target.stage() == source.stage() != (3, 1.0)


def test_a_copied_buffer_is_noticed_as_averaging_does_it():
    source, average = Growing(4, 0.5), Growing(4, 0.5)
    assert average.stage() == (3, 1.0)
    source.set_progress(0.3)
    average.progress.copy_(source.progress)
    assert average.stage() == source.stage()


def test_a_deep_copy_grows_on_its_own():
    source = Growing(4, 0.5)
    source.set_progress(0.1)
    twin = copy.deepcopy(source)
    source.set_progress(1.0)
    assert twin.stage() == stage_at(0.1, 4, share=0.5) and source.stage() == (3, 1.0)


def test_mix_is_exact_at_both_ends():
    old, new = torch.randn(50) * 1e6, torch.randn(50)
    assert torch.equal(mix(old, new, 0.0), old) and torch.equal(mix(old, new, 1.0), new)


def test_faded_pictures_lose_the_detail_inside_each_square():
    x = torch.tensor([[0.0, 4.0], [0.0, 4.0]]).view(1, 1, 2, 2)
    assert faded(x, 0.0).flatten().tolist() == [2.0] * 4
    assert faded(x, 0.5).flatten().tolist() == [1.0, 3.0, 1.0, 3.0]
    assert torch.equal(faded(x, 1.0), x)
