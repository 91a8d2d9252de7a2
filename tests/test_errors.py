"""What every library says when memory runs out, and what it says otherwise."""

from __future__ import annotations

import pytest
import torch

from ganstyle.errors import is_out_of_memory

ARENA = "Non-zero status code returned while running Conv node. bfc_arena.cc Failed to allocate memory for requested"


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)"),
        Exception(f"[ONNXRuntimeError] : 1 : FAIL : {ARENA}"),
        Exception("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : std::bad_alloc"),
        OSError(12, "Cannot allocate memory"),
    ],
)
def test_a_lack_of_memory_is_known_by_its_words(error):
    assert is_out_of_memory(error)


@pytest.mark.parametrize("error", [RuntimeError("shape '[3]' is invalid for input of size 4"), OSError(28, "No space")])
def test_other_errors_are_not_taken_for_it(error):
    assert not is_out_of_memory(error)
