"""In which number format the networks compute, and how small float16 gradients are kept from vanishing."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ganstyle.errors import UsageError

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def autocast(device: torch.device, precision: str) -> contextlib.AbstractContextManager[Any]:
    """Return the context in which losses are computed; float32 changes nothing."""
    if precision == "float32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=DTYPES[precision])


def check_precision(device: torch.device, precision: str) -> None:
    """Refuse float16 where there is no arithmetic for it.

    Raises:
        UsageError: float16 on a CPU.
    """
    if precision == "float16" and device.type == "cpu":
        raise UsageError(
            "float16 is for GPUs: on CPUs its convolutions were measured more than a hundred times slower than float32",
            where="train.precision",
            hint="--set train.precision=bfloat16, which many CPUs compute faster than float32; or float32",
        )


class LossScale:
    """Dynamic loss scaling (arXiv:1710.03740, section 3.2), kept on the device: no step waits for it.

    The scale is halved after a step whose gradients overflowed and doubled after `interval` good ones.

    Args:
        device: of the gradients.
        start: first scale, at most `largest`.
        interval: good steps in a row that double the scale.
        largest: upper limit; powers of two change no digit of a float32 gradient.

    Attributes:
        warned: whether a scale below 1 was told.
    """

    def __init__(
        self, device: torch.device, *, start: float = 2.0**16, interval: int = 2000, largest: float = 2.0**24
    ) -> None:
        self.interval, self.largest = interval, largest
        self.scale = torch.full((), start, device=device)
        self.good = torch.zeros((), device=device)
        self.warned = False

    def update(self, overflowed: Tensor) -> None:
        """Take one step's result: float scalar, 1 if a gradient was not finite, else 0."""
        good = (self.good + 1) * (1 - overflowed)
        is_due = good >= self.interval
        grown = torch.where(is_due, (self.scale * 2).clamp(max=self.largest), self.scale)
        self.scale = torch.where(overflowed > 0, self.scale * 0.5, grown)
        self.good = torch.where(is_due, torch.zeros_like(good), good)

    def state_tensors(self) -> dict[str, Tensor]:
        """Return what a checkpoint must hold."""
        return {"loss_scale": self.scale, "loss_scale_good": self.good}

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore what `state_tensors` returned; a checkpoint of another precision has none, and changes nothing."""
        if "loss_scale" in tensors:
            self.scale = tensors["loss_scale"].to(self.scale.device).clone()
            self.good = tensors["loss_scale_good"].to(self.good.device).clone()
