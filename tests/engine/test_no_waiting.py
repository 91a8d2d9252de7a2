"""No step waits for the device: nothing in it reads a value, or brings one over from pageable memory."""

from __future__ import annotations

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from ganstyle.api import Batch
from ganstyle.config import resolve
from ganstyle.engine.memory import EARLY_STEPS
from ganstyle.engine.session import open_session
from ganstyle.engine.stepping import advance
from ganstyle.registry import default_registry

# What reads values of a tensor, or makes a tensor whose size depends on them.
READING = {"_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "equal", "_unique2", "repeat_interleave"}
# What copies python numbers to the device, which waits for the copy; torch.full and the like don't.
COPYING = {torch.tensor, torch.as_tensor, torch.from_numpy}
CASES = {
    "dcgan": ("arch=dcgan",),
    "dcgan, spectral norm, hinge": ("arch=dcgan", "arch.norm=spectral", "loss=hinge"),
    "dcgan, clipped, DiffAugment": (
        "arch=dcgan",
        "optimizer.clip_norm=1",
        'task.augment=["color","translation","cutout"]',
    ),
    "dcgan, bfloat16": ("arch=dcgan", "train.precision=bfloat16"),
    "progan": ("arch=progan",),
    "stylegan2, ADA, all penalties": (
        "arch=stylegan2",
        'task.augment=["ada"]',
        "task.ada_p=0.5",
        'regularizer=["r1","path_length","lecam"]',
    ),
    "r3gan": ("arch=r3gan",),
}
# Draws one number on the host in each step, which only a GPU can tell from reading one.
FASTGAN = {"fastgan": ("arch=fastgan",)}


class Waiting(Exception):
    """A step would have waited for a GPU."""


class NothingRead(TorchDispatchMode):
    """Refuses operations that need a value on the host."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        mask = func.overloadpacket.__name__ == "index" and any(
            index is not None and index.dtype in (torch.bool, torch.uint8) for index in args[1]
        )
        if mask or func.overloadpacket.__name__ in READING:
            raise Waiting(func.name())
        return func(*args, **(kwargs or {}))


class NothingCopied(TorchFunctionMode):
    """Refuses tensors made from python values."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func in COPYING:
            raise Waiting(str(func))
        return func(*args, **(kwargs or {}))


def session_of(case, *sets):
    registry = default_registry()
    sizes = ("train.resolution=32", "train.batch=4", "arch.base_channels=4", "optimizer.schedule=cosine")
    session = open_session(resolve(registry, sets=[*case, *sizes, *sets]), registry)
    session.steps_here = EARLY_STEPS  # the first ones keep random states of the host, in case memory doesn't suffice
    return session


def pictures(session):
    return Batch(images=torch.linspace(-1, 1, 4 * 3 * 32 * 32, device=session.device).reshape(4, 3, 32, 32))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_step_reads_no_value_and_copies_none(case):
    session = session_of(case, "train.device=cpu")
    with NothingRead(), NothingCopied():
        for _ in range(2):  # every lazy penalty is due in the first
            advance(session, pictures(session))
    assert session.step == 2


@pytest.mark.parametrize("reading", [lambda x: x.sum().item(), lambda x: bool(x.any()), lambda x: x[x > 0]])
def test_the_guard_notices_what_reads(reading):
    with pytest.raises(Waiting), NothingRead():
        reading(torch.ones(3))


def test_the_guard_notices_what_copies():
    with pytest.raises(Waiting), NothingCopied():
        torch.tensor([1.0])


@pytest.mark.gpu
@pytest.mark.parametrize("case", (CASES | FASTGAN).values(), ids=CASES | FASTGAN)
@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_on_a_gpu_a_step_never_synchronises(case, precision):
    session = session_of(case, "train.device=cuda", f"train.precision={precision}")
    batch = pictures(session)
    advance(session, batch)  # libraries are loaded in the first
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(16):
            advance(session, batch)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert session.step == 17
