"""Too little memory early in a run: smaller parts of the same batch, from the same state, at most three times."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from ganstyle.api import Batch
from ganstyle.config import resolve
from ganstyle.engine import memory, stepping
from ganstyle.engine.session import open_session
from ganstyle.errors import EnvironmentProblem
from ganstyle.registry import default_registry

TINY = ("train.resolution=16", "train.batch=8", "arch.base_channels=4", "train.device=cpu", "task.augment=[]")


def session_of(*sets):
    registry = default_registry()
    return open_session(resolve(registry, sets=[*TINY, *sets]), registry)


def limited_to(session, largest, phase="generator"):
    """Let a phase fail after its forward pass for more than `largest` examples; return the sizes it was given."""
    sizes = []

    def limited(own):
        def loss(part, step):
            sizes.append(len(part))
            value = own.loss(part, step)
            if len(part) > largest:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
            return value

        return dataclasses.replace(own, loss=loss)

    session.task.phases = tuple(limited(own) if own.name == phase else own for own in session.task.phases)
    return sizes


def advanced(session, steps=1):
    """Make steps; return all that a checkpoint would hold."""
    shape = (session.config.train.batch, 3, 16, 16)
    for step in range(steps):
        stepping.advance(session, Batch(images=torch.linspace(-1, 1, math.prod(shape)).roll(step).reshape(shape)))
    model, train = session.tensors()
    return model | train


def equal(first, second, prefix=""):
    keys = [key for key in first if key.startswith(prefix)]
    return keys and first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in keys)


def test_the_micro_batch_is_halved_until_it_fits_and_the_new_size_is_stored_and_told():
    session = session_of()
    sizes = limited_to(session, 2)
    advanced(session)
    assert sizes == [8, 4, 2, 2, 2, 2]
    assert (session.config.train.micro_batch, session.config.train.batch, session.images) == (2, 8, 8)
    assert [note.partition(" (")[0] for note in session.notes] == [
        "too little memory for 8 pictures at once: going on with 4",
        "too little memory for 4 pictures at once: going on with 2",
    ]


def test_after_a_failed_attempt_a_run_is_that_of_the_smaller_micro_batch_bit_for_bit():
    small = advanced(session_of("train.micro_batch=4"), steps=2)
    cramped = session_of()
    limited_to(cramped, 4, phase="discriminator")
    assert equal(advanced(cramped, steps=2), small)


def test_a_failure_in_the_second_phase_does_not_repeat_the_first():
    roomy = advanced(session_of("arch.norm=none"))  # without buffers, which G's passes through D move as well
    cramped = session_of("arch.norm=none")
    limited_to(cramped, 4, phase="generator")
    assert equal(advanced(cramped), roomy, prefix="discriminator/")


def test_what_does_not_fit_after_three_halvings_ends_with_a_command_that_needs_less():
    session = session_of("train.batch=32")
    sizes = limited_to(session, 1)
    with pytest.raises(EnvironmentProblem, match="4 pictures of 16 pixels") as caught:
        advanced(session)
    assert sizes == [32, 16, 8, 4] and "--set train.micro_batch=2" in caught.value.hint


def test_one_picture_that_does_not_fit_asks_for_a_lower_resolution():
    session = session_of("train.batch=1", "arch.norm=none")
    limited_to(session, 0)
    with pytest.raises(EnvironmentProblem) as caught:
        advanced(session)
    assert "--resolution 8" in caught.value.hint


def test_later_in_a_run_memory_that_runs_out_ends_it_at_once():
    session = session_of()
    session.steps_here = memory.EARLY_STEPS
    sizes = limited_to(session, 4)
    with pytest.raises(EnvironmentProblem, match="too little memory"):
        advanced(session)
    assert sizes == [8]


@pytest.mark.parametrize(
    ("error", "is_memory"),
    [
        (MemoryError(), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 5 GB)"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (OSError("out of memory"), False),
    ],
)
def test_torchs_many_ways_to_say_it_are_known(error, is_memory):
    assert memory.is_out_of_memory(error) == is_memory


def test_another_error_of_a_step_is_passed_on():
    session = session_of()
    session.task.phases = (
        dataclasses.replace(session.task.phases[0], loss=lambda *_: torch.zeros(2) @ torch.zeros(3)),
    )
    with pytest.raises(RuntimeError, match="size"):
        advanced(session)
