"""One Adam per phase, its schedule, and the guard that never applies a non-finite gradient."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from ganstyle.api import Phase, TaskLike
from ganstyle.config import OptimizerOptions


def constant(fraction: float, final_factor: float) -> float:
    """Return 1 at every fraction of the budget."""
    return 1.0


def cosine(fraction: float, final_factor: float) -> float:
    """Fall from 1 to final_factor along half a cosine (arXiv:1608.03983, eq. 5 without restarts)."""
    return final_factor + (1 - final_factor) * 0.5 * (1 + math.cos(math.pi * min(fraction, 1.0)))


SCHEDULES: Mapping[str, Callable[[float, float], float]] = {"constant": constant, "cosine": cosine}


class GuardedAdam:
    """Adam over the parameters of a phase; skips an update whose gradient norm is not finite.

    Skipping happens inside the fused kernel (`found_inf`), so that no step waits for the device. What was
    skipped stays readable: `consecutive`, `skipped` and `last_step` are tensors on the device.

    Args:
        phase: names the optimizer and scales its rate.
        networks: role to module.
        options: rate, betas, eps, schedule, clipping.
    """

    def __init__(self, phase: Phase, networks: Mapping[str, nn.Module], options: OptimizerOptions) -> None:
        self.name, self.options = phase.name, options
        self.parameters = {
            f"{role}/{key}": parameter
            for role in phase.roles
            for key, parameter in networks[role].named_parameters()
            if parameter.requires_grad
        }
        self.base_lr = options.lr * phase.lr_factor
        self.adam = torch.optim.Adam(
            self.parameters.values(), lr=self.base_lr, betas=options.betas, eps=options.eps, fused=True
        )
        device = next(iter(self.parameters.values())).device
        self.guard = torch.zeros(3, device=device)
        self.norm = torch.zeros((), device=device)

    def zero_grad(self) -> None:
        """Forget the gradients of this phase's parameters."""
        self.adam.zero_grad(set_to_none=True)

    def set_fraction(self, fraction: float, scale: float = 1.0) -> None:
        """Set the rate for a share of the budget done; scale is lowered after a rollback."""
        factor = SCHEDULES[self.options.schedule](fraction, self.options.final_factor)
        for group in self.adam.param_groups:
            group["lr"] = self.base_lr * factor * scale

    def step(self, step: int) -> None:
        """Update the parameters, unless a gradient is not finite; then remember the step."""
        gradients = [p.grad for p in self.parameters.values() if p.grad is not None]
        if not gradients:
            return
        self.norm = torch.nn.utils.get_total_norm(gradients)
        if self.options.clip_norm is not None:
            torch.nn.utils.clip_grads_with_norm_(self.parameters.values(), self.options.clip_norm, self.norm)
        bad = (~torch.isfinite(self.norm)).float()
        self.adam.found_inf, self.adam.grad_scale = bad, None
        self.adam.step()
        consecutive, total, last = self.guard.unbind()
        self.guard = torch.stack([(consecutive + 1) * bad, total + bad, torch.where(bad > 0, step, last)])

    def read_guard(self) -> tuple[int, int, int]:
        """Return (consecutive skips, skips so far, last skipped step)."""
        consecutive, total, last = self.guard.tolist()  # sync: callers choose when
        return int(consecutive), int(total), int(last)

    def state_tensors(self) -> dict[str, Tensor]:
        """Return Adam's moments and counts by parameter name, and the guard."""
        tensors = {f"{self.name}/guard": self.guard}
        for key, parameter in self.parameters.items():
            for slot, value in self.adam.state.get(parameter, {}).items():
                tensors[f"{self.name}/{key}/{slot}"] = value
        return tensors

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore what `state_tensors` returned; a parameter that had no state yet gets none."""
        self.guard = tensors[f"{self.name}/guard"].to(self.guard.device).clone()
        for key, parameter in self.parameters.items():
            prefix = f"{self.name}/{key}/"
            slots = {slot: tensors.get(prefix + slot) for slot in ("step", "exp_avg", "exp_avg_sq")}
            self.adam.state.pop(parameter, None)
            if slots["step"] is not None:
                self.adam.state[parameter] = {slot: _like(parameter, value) for slot, value in slots.items()}


def _like(parameter: Tensor, value: Tensor) -> Tensor:
    """Place a moment as its parameter lies (device and memory format); counts stay float32."""
    if value.ndim == 0:
        return value.to(device=parameter.device, dtype=torch.float32).clone()
    return torch.empty_like(parameter, requires_grad=False).copy_(value)


def make_optimizers(task: TaskLike, options: OptimizerOptions) -> dict[str, GuardedAdam]:
    """Return one optimizer per phase of the task, by phase name."""
    return {phase.name: GuardedAdam(phase, task.networks, options) for phase in task.phases}
