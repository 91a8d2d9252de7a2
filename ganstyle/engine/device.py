"""Which device a command runs on; an explicit one never falls back."""

from __future__ import annotations

import torch

from ganstyle.errors import EnvironmentProblem, UsageError


def choose_device(name: str = "auto") -> torch.device:
    """Return the device of that name; `auto` takes cuda, then mps, then cpu.

    Raises:
        UsageError: not a device name.
        EnvironmentProblem: the device is not usable here.
    """
    usable = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if name == "auto":
        name = next(kind for kind in ("cuda", "mps", "cpu") if usable[kind])
    kind, _, index = name.partition(":")
    if kind not in usable or (index and not index.isdigit()):
        raise UsageError(f"unknown device {name!r}", where="option --device", hint="auto, cpu, cuda, cuda:0 or mps")
    if int(index or 0) >= usable[kind]:
        raise EnvironmentProblem(
            f"device {name!r} is not usable on this machine",
            where="option --device",
            hint="--device auto; `ganstyle doctor` lists the devices and says why one is missing",
        )
    return torch.device(name)
