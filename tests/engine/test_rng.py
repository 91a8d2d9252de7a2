from __future__ import annotations

import json
import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ganstyle.engine import rng


def draw():
    return [random.random(), random.gauss(0, 1), np.random.rand(), np.random.randn(), torch.randn(3).tolist()]


def through_a_file(tensors, facts):
    return {name: value.clone() for name, value in tensors.items()}, json.loads(json.dumps(facts, allow_nan=False))


@settings(max_examples=20)
@given(seed=st.integers(0, 2**40), before=st.integers(0, 3))
def test_restored_generators_repeat_what_followed_the_capture(seed, before):
    rng.seed_everything(seed)
    for _ in range(before):  # gauss keeps a spare number in both python and numpy
        draw()
    captured = through_a_file(*rng.capture())
    expected = [draw(), draw()]
    assert rng.restore(*captured) == []
    assert [draw(), draw()] == expected


def test_capturing_moves_no_generator():
    rng.seed_everything(3)
    expected = draw()
    rng.seed_everything(3)
    rng.capture()
    assert draw() == expected


def test_seeding_covers_every_library():
    rng.seed_everything(5)
    first = draw()
    rng.seed_everything(5)
    assert draw() == first
    rng.seed_everything(6)
    assert all(a != b for a, b in zip(draw(), first))


def test_ranks_share_a_file_without_colliding():
    first, facts = rng.capture(rank=0)
    torch.rand(1)
    second, _ = rng.capture(rank=1)
    both = first | second
    rng.restore(both, facts, rank=1)
    assert torch.equal(torch.get_rng_state(), second["rng/rank1/torch"])
    rng.restore(both, facts, rank=0)
    assert torch.equal(torch.get_rng_state(), first["rng/rank0/torch"])


@pytest.mark.parametrize("name", ["torch", "python", "numpy"])
def test_a_missing_state_is_reported_and_the_others_are_restored(name):
    tensors, facts = rng.capture()
    expected = draw()
    del tensors[f"rng/rank0/{name}"]
    assert rng.restore(tensors, facts) == [name]
    again = draw()
    kept = {"torch": [0, 1, 2, 3], "python": [2, 3, 4], "numpy": [0, 1, 4]}[name]
    assert [again[i] for i in kept] == [expected[i] for i in kept]


def test_a_state_of_the_wrong_size_is_reported():
    tensors, facts = rng.capture()
    tensors["rng/rank0/torch"] = torch.zeros(7, dtype=torch.uint8)
    tensors["rng/rank0/python"] = torch.zeros(7, dtype=torch.int64)
    assert rng.restore(tensors, facts) == ["torch", "python"]


def test_states_of_a_foreign_file_are_reported_not_raised():
    assert rng.restore({}, {}) == ["torch", "python", "numpy"]


def test_packed_states_of_ranks_are_plain_json_and_each_rank_gets_its_own_back():
    states = []
    for rank in (0, 1):
        rng.seed_everything(3)
        rng.seed_rank(3, rank)
        states.append(json.loads(json.dumps(rng.packed(rank=rank), allow_nan=False)))
    tensors, facts = through_a_file(*rng.unpacked(states))
    for rank in (1, 0):
        rng.seed_everything(3)
        rng.seed_rank(3, rank)
        expected = draw()
        rng.seed_everything(99)
        assert rng.restore_rank(tensors, facts, rank=rank) == []
        assert draw() == expected


def test_rank_0_draws_as_a_process_alone_and_every_other_rank_otherwise():
    draws = []
    for rank in (0, 1, 2):
        rng.seed_everything(7)
        rng.seed_rank(7, rank)
        draws.append(draw())
    rng.seed_everything(7)
    assert draws[0] == draw()
    assert all(a != b for one, two in ((0, 1), (0, 2), (1, 2)) for a, b in zip(draws[one], draws[two]))


def test_a_rank_that_a_checkpoint_does_not_know_is_told_so():
    tensors, facts = rng.capture()
    assert rng.restore_rank(tensors, facts, rank=1) is None
