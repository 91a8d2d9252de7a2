"""Which networks torch.compile may take over, and what is said where it can't."""

from __future__ import annotations

import torch
from torch import nn

from ganstyle.api import TaskLike
from ganstyle.nn.modules import device_of, unwrapped


def compile_networks(task: TaskLike) -> list[str]:
    """Compile the forward passes of a task's networks in place, names of weights unchanged; tell what was left out.

    Left out are networks that a penalty differentiates twice, which compiled graphs don't allow, networks that grow,
    which would be compiled anew at every step, and networks that repeat edges (torch 2.14 compiles the gradient of
    that padding for a layout it doesn't have, and stops). Where there is no compiler, all are.

    Args:
        task: its networks are compiled at their first pass, not here.

    Returns:
        What the user should know.
    """
    reason = _missing(device_of(next(iter(task.networks.values()))))
    if reason:
        return [f"train.compile: torch.compile does not work here ({reason}); going on without"]
    notes = []
    for role, network in task.networks.items():
        obstacle = _obstacle(task, role, network)
        if obstacle:
            notes.append(f"train.compile: the {role} is not compiled, it {obstacle}")
        else:
            network.compile()
    return notes


def _obstacle(task: TaskLike, role: str, network: nn.Module) -> str:
    if hasattr(unwrapped(network), "set_progress"):
        return "grows"
    if any(map(_repeats_edges, network.modules())):
        return "repeats edges, of which torch compiles the gradient wrongly"
    targets = {getattr(penalty, "on", "images") for penalty in getattr(task, "penalties", ())}
    twice = {"discriminator": "images", "generator": "codes"}.get(role)
    return "is differentiated twice by a penalty" if twice in targets else ""


def _repeats_edges(part: nn.Module) -> bool:
    return isinstance(part, nn.Conv2d) and part.padding_mode == "replicate"


def _missing(device: torch.device) -> str:
    """Return why nothing can be compiled for a device, or an empty text: a tiny function is tried."""
    try:
        torch.compile(_tried)(torch.ones(4, device=device))
    except Exception as error:
        return next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]
    return ""


def _tried(x: torch.Tensor) -> torch.Tensor:
    return x * 2 + 1
