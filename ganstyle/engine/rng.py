"""Random state of a process: seeded, captured into tensors and JSON (never pickle), restored."""

from __future__ import annotations

import base64
import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganstyle.data.loading import stable_seed
from ganstyle.nn.ranks import joined


def seed_everything(seed: int) -> None:
    """Seed python, numpy and torch on every device.

    Args:
        seed: any integer; numpy gets its lowest 32 bits.
    """
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def seed_rank(seed: int, rank: int, *, images: int = 0) -> None:
    """Give a rank its own random numbers; rank 0 keeps those of a process alone.

    Args:
        seed: of the run.
        rank: each draws latents and augmentations of its own.
        images: shown so far, for a rank that joins a run later.
    """
    if rank:
        seed_everything(stable_seed(seed, "rank", rank, images))


def packed(*, rank: int) -> dict[str, Any]:
    """Return what `capture` returns as JSON, to be sent to rank 0."""
    tensors, facts = capture(rank=rank)
    as_text = {
        name: [str(value.dtype), base64.b64encode(value.numpy().tobytes()).decode()] for name, value in tensors.items()
    }
    return {"tensors": as_text, "facts": facts}


def unpacked(states: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return (tensors, facts) of all ranks' `packed` states, as `capture` does for one.

    The facts are rank 0's; those of the others are below `others`, by rank.
    """
    types = {"torch.uint8": torch.uint8, "torch.int64": torch.int64}
    tensors = {
        name: torch.frombuffer(bytearray(base64.b64decode(text)), dtype=types[dtype])
        for state in states
        for name, (dtype, text) in state["tensors"].items()
    }
    others = {str(rank): state["facts"] for rank, state in enumerate(states) if rank}
    return tensors, dict(states[0]["facts"]) | ({"others": others} if others else {})


def restore_rank(tensors: Mapping[str, Tensor], facts: Mapping[str, Any], *, rank: int) -> list[str] | None:
    """Set this rank's generators from a checkpoint of any number of ranks.

    Returns:
        As `restore`; None if the checkpoint was made without this rank, which must then be seeded anew.
    """
    own = facts if rank == 0 else facts.get("others", {}).get(str(rank))
    return None if own is None else restore(tensors, own, rank=rank)


def capture(*, rank: int = 0) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the state of every global generator without moving it.

    Args:
        rank: names the tensors, `rng/rank0/torch`, so that ranks can share a file.

    Returns:
        Tensors: uint8 for torch and each CUDA device, int64 (625,) words for python and numpy; and plain JSON for
        the few numbers that are not words.
    """
    version, words, python_gauss = random.getstate()
    legacy: Any = np.random.get_state(legacy=True)
    kind, keys, position, has_gauss, numpy_gauss = legacy
    tensors = {
        "torch": torch.get_rng_state(),
        "python": torch.tensor(words, dtype=torch.int64),
        "numpy": torch.from_numpy(np.append(keys.astype(np.int64), position)),
    } | _cuda_states()
    facts = {
        "python": {"version": version, "gauss": python_gauss},
        "numpy": {"kind": kind, "has_gauss": has_gauss, "gauss": numpy_gauss},
    }
    return {_key(rank, name): value for name, value in tensors.items()}, facts


def restore(tensors: Mapping[str, Tensor], facts: Mapping[str, Any], *, rank: int = 0) -> list[str]:
    """Set every generator to a captured state.

    Returns:
        What could not be restored, e.g. `["cuda0"]`: the caller must lower the promise of the resume, because the
        run goes on with other random numbers.
    """
    setters: dict[str, Any] = {"torch": torch.set_rng_state, "python": _set_python, "numpy": _set_numpy}
    setters |= {name: _cuda_setter(index) for index, name in enumerate(_cuda_states())}
    missing = []
    for name, setter in setters.items():
        try:
            state = tensors[_key(rank, name)]
            setter(state, facts[name]) if name in ("python", "numpy") else setter(state)
        except (KeyError, RuntimeError, TypeError, ValueError):
            missing.append(name)
    return missing


def _key(rank: int, name: str) -> str:
    return f"rng/rank{rank}/{name}"


def _set_python(words: Tensor, facts: Mapping[str, Any]) -> None:
    random.setstate((facts["version"], tuple(words.tolist()), facts["gauss"]))


def _set_numpy(words: Tensor, facts: Mapping[str, Any]) -> None:
    keys = words[:-1].numpy().astype(np.uint32)
    np.random.set_state((facts["kind"], keys, int(words[-1]), facts["has_gauss"], facts["gauss"]))


def _cuda_states() -> dict[str, Tensor]:
    # An untouched CUDA has no state worth a context: initialising it here would cost seconds and memory.
    if not (torch.cuda.is_available() and torch.cuda.is_initialized()):
        return {}
    return {f"cuda{place}": torch.cuda.get_rng_state(index) for place, index in enumerate(_own_gpus())}


def _own_gpus() -> list[int]:
    # Among ranks each has one GPU; asking for the others' state would open a context on every one of them.
    return [torch.cuda.current_device()] if joined() else list(range(torch.cuda.device_count()))


def _cuda_setter(place: int) -> Any:
    return lambda state: torch.cuda.set_rng_state(state, _own_gpus()[place])
