"""The optional pair `state_tensors`, `load_state_tensors` of tasks and penalties."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ganstyle.testing._findings import Findings

_PAIR = ("state_tensors", "load_state_tensors")


def check_state(used: Any, fresh: Any, *, findings: Findings) -> bool:
    """Check that a fresh object takes over what a used one has in a checkpoint.

    Args:
        used: has been called.
        fresh: built alike, not called.
        findings: where breaches go.

    Returns:
        Whether there is a state and it was taken over.
    """
    offered = [name for name in _PAIR if hasattr(used, name)]
    if len(offered) == 1:
        findings.require(False, f"it has {offered[0]} alone", f"offer both of {', '.join(_PAIR)}")
    if len(offered) != 2:
        return False
    state = used.state_tensors()
    typed = isinstance(state, dict) and all(isinstance(key, str) and isinstance(x, Tensor) for key, x in state.items())
    if not findings.require(typed, "state_tensors() returns no dict of tensors", "wrap numbers in torch.tensor"):
        return False
    bound = sorted(key for key, x in state.items() if x.requires_grad)
    findings.require(not bound, f"state_tensors() gives {bound} with their graph", "detach them")
    before = {key: x.detach().clone() for key, x in state.items()}
    fresh.load_state_tensors({key: x.clone() for key, x in before.items()})
    taken = _equal(fresh.state_tensors(), before)
    findings.require(taken, "load_state_tensors() doesn't restore what state_tensors() gave", "copy every value")
    used.load_state_tensors({})
    kept = _equal(used.state_tensors(), before)
    findings.require(kept, "load_state_tensors({}) changes the state", "leave values whose key is absent")
    return taken and kept


def _equal(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> bool:
    return found.keys() == wanted.keys() and all(torch.equal(found[key], wanted[key]) for key in wanted)
