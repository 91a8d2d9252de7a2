"""One Adam per phase, its schedule, and the guard that never applies a non-finite gradient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ganstyle.api import Phase, TaskLike
from ganstyle.config import OptimizerOptions
from ganstyle.engine.precision import LossScale
from ganstyle.engine.schedules import SCHEDULES, cosine, warm_up
from ganstyle.nn.modules import device_of

SLOTS = ("step", "exp_avg", "exp_avg_sq")  # torch's names, in checkpoints


class GuardedAdam:
    """Adam (arXiv:1412.6980) over the parameters of a phase; skips an update whose gradient norm is not finite.

    Skipping, clipping and unscaling happen inside torch's fused kernel, so that no step waits for the device. What was
    skipped stays readable: `consecutive`, `skipped` and `last_step` are tensors on the device. The kernel is called
    directly: the first `torch.optim` optimizer of a process imports torch's compiler, seconds before every run.

    Args:
        phase: names the optimizer, scales its rate, raises its betas to a power.
        networks: role to module.
        options: rate, betas, eps, schedule, clipping.
        loss_scale: keeps float16 gradients from vanishing. While it is above 1, an overflow is blamed on it: the
            update is skipped and the scale halved, but the guard counts nothing.

    Attributes:
        parameters: by `role/name`.
        state: by the same names, from the first gradient on: `step`, `exp_avg`, `exp_avg_sq`.
        lr: of the next update.
        norm: of the last gradient, scalar, before clipping.
    """

    def __init__(
        self,
        phase: Phase,
        networks: Mapping[str, nn.Module],
        options: OptimizerOptions,
        *,
        loss_scale: LossScale | None = None,
    ) -> None:
        self.name, self.options, self.loss_scale = phase.name, options, loss_scale
        self.parameters = {
            f"{role}/{key}": parameter
            for role in phase.roles
            for key, parameter in networks[role].named_parameters()
            if parameter.requires_grad
        }
        self.base_lr, self.beta_power = options.lr * phase.lr_factor, phase.beta_power
        self.lr, self.current_betas = self.base_lr, self.betas(0.0)
        self.state: dict[str, dict[str, Tensor]] = {}
        self.device = next(iter(self.parameters.values())).device
        self.guard = torch.zeros(3, device=self.device)
        self.norm = torch.zeros((), device=self.device)

    def betas(self, fraction: float) -> tuple[float, float]:
        """Return both decays at a share of the budget: the second on its half cosine, both to the phase's power."""
        first, second = self.options.betas
        if self.options.final_beta2 is not None:
            second = self.options.final_beta2 + (second - self.options.final_beta2) * cosine(fraction, 0.0)
        return first**self.beta_power, second**self.beta_power

    def zero_grad(self) -> None:
        """Forget the gradients of this phase's parameters."""
        for parameter in self.parameters.values():
            parameter.grad = None

    def set_fraction(self, fraction: float, scale: float = 1.0, *, images: int | None = None) -> None:
        """Set rate and betas for a share of the budget done.

        Args:
            fraction: in [0, 1].
            scale: multiplies the rate; lowered after a rollback.
            images: shown at the end of the step, for the warm-up; None leaves it out.
        """
        factor = SCHEDULES[self.options.schedule](fraction, self.options.final_factor) * scale
        if images is not None:
            factor *= warm_up(images, self.options.warmup_images)
        self.lr, self.current_betas = self.base_lr * factor, self.betas(fraction)

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of a loss, scaled up if this optimizer scales, to those of its own parameters alone."""
        scaled = loss if self.loss_scale is None else loss * self.loss_scale.scale
        scaled.backward(inputs=list(self.parameters.values()))

    @torch.no_grad()
    def step(self, step: int) -> None:
        """Update the parameters, unless a gradient is not finite; then remember the step."""
        moved = {key: parameter for key, parameter in self.parameters.items() if parameter.grad is not None}
        if not moved:
            return
        gradients = [parameter.grad for parameter in moved.values() if parameter.grad is not None]
        self.norm = torch.nn.utils.get_total_norm(gradients)
        divisor = None if self.loss_scale is None else self.loss_scale.scale
        self.norm = self.norm if divisor is None else self.norm / divisor
        bad = (~torch.isfinite(self.norm)).float()
        if self.options.clip_norm is not None:
            excess = (self.norm / self.options.clip_norm).clamp(min=1.0)
            divisor = excess if divisor is None else divisor * excess
        self._update(moved, gradients, bad=bad, divisor=divisor)
        self._note(bad, step)

    def _update(
        self, moved: Mapping[str, Tensor], gradients: list[Tensor], *, bad: Tensor, divisor: Tensor | None
    ) -> None:
        slots = [self._slots(key) for key in moved]
        steps, first, second = ([slot[name] for slot in slots] for name in SLOTS)
        beta1, beta2 = self.current_betas
        steady: dict[str, Any] = {"weight_decay": 0.0, "amsgrad": False, "maximize": False}
        torch._foreach_add_(steps, 1.0)
        torch._fused_adam_(
            list(moved.values()),
            gradients,
            first,
            second,
            [],
            steps,
            lr=self.lr,
            beta1=beta1,
            beta2=beta2,
            eps=self.options.eps,
            grad_scale=divisor,
            found_inf=bad,
            **steady,
        )
        torch._foreach_sub_(steps, [bad] * len(steps))  # a skipped update doesn't count

    def _slots(self, key: str) -> dict[str, Tensor]:
        if key not in self.state:
            parameter = self.parameters[key]
            count = torch.zeros((), device=parameter.device)
            self.state[key] = dict(zip(SLOTS, (count, torch.zeros_like(parameter), torch.zeros_like(parameter))))
        return self.state[key]

    def _note(self, bad: Tensor, step: int) -> None:
        if self.loss_scale is not None:
            is_scales_fault = self.loss_scale.scale > 1
            self.loss_scale.update(bad)
            bad = torch.where(is_scales_fault, torch.zeros_like(bad), bad)
        consecutive, total, last = self.guard.unbind()
        self.guard = torch.stack([(consecutive + 1) * bad, total + bad, torch.where(bad > 0, step, last)])

    def read_guard(self) -> tuple[int, int, int]:
        """Return (consecutive skips, skips so far, last skipped step)."""
        consecutive, total, last = self.guard.tolist()  # sync: callers choose when
        return int(consecutive), int(total), int(last)

    def scalars(self) -> dict[str, Tensor]:
        """Return what to log, still on the device: the last gradient's norm, and the loss scale if there is one."""
        scale = {} if self.loss_scale is None else {f"{self.name}/loss_scale": self.loss_scale.scale}
        return {f"{self.name}/gradient_norm": self.norm} | scale

    def warnings(self, scalars: Mapping[str, float]) -> list[str]:
        """Return what the logged scalars give cause to say, once: a loss scale below 1."""
        scale = scalars.get(f"{self.name}/loss_scale", 1.0)
        if self.loss_scale is None or self.loss_scale.warned or scale >= 1.0:
            return []
        self.loss_scale.warned = True
        return [
            f"the loss scale of phase {self.name!r} fell to {scale:g}: its gradients overflow float16 unscaled; "
            "stop and go on with --set train.precision=bfloat16, or float32"
        ]

    def state_tensors(self) -> dict[str, Tensor]:
        """Return Adam's moments and counts by parameter name, the guard, and the loss scale if there is one."""
        tensors = {f"{self.name}/guard": self.guard}
        if self.loss_scale is not None:
            tensors |= {f"{self.name}/{key}": value for key, value in self.loss_scale.state_tensors().items()}
        for key, slots in self.state.items():
            tensors |= {f"{self.name}/{key}/{slot}": value for slot, value in slots.items()}
        return tensors

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore what `state_tensors` returned; a parameter that had no state yet gets none."""
        self.guard = tensors[f"{self.name}/guard"].to(self.guard.device).clone()
        if self.loss_scale is not None:
            own = f"{self.name}/"
            named = {key.removeprefix(own): value for key, value in tensors.items() if key.startswith(own)}
            self.loss_scale.load_state_tensors(named)
        for key, parameter in self.parameters.items():
            prefix = f"{self.name}/{key}/"
            self.state.pop(key, None)
            if prefix + "step" in tensors:
                self.state[key] = {slot: _like(parameter, tensors[prefix + slot]) for slot in SLOTS}


def _like(parameter: Tensor, value: Tensor) -> Tensor:
    """Place a moment as its parameter lies (device and memory format); counts stay float32."""
    if value.ndim == 0:
        return value.to(device=parameter.device, dtype=torch.float32).clone()
    return torch.empty_like(parameter, requires_grad=False).copy_(value)


def make_optimizers(task: TaskLike, options: OptimizerOptions, *, precision: str = "float32") -> dict[str, GuardedAdam]:
    """Return one optimizer per phase of the task, by phase name; each scales its loss in float16."""
    return {phase.name: _optimizer(task, phase, options, precision=precision) for phase in task.phases}


def _optimizer(task: TaskLike, phase: Phase, options: OptimizerOptions, *, precision: str) -> GuardedAdam:
    device = device_of(task.networks[phase.roles[0]])
    loss_scale = LossScale(device) if precision == "float16" else None
    return GuardedAdam(phase, task.networks, options, loss_scale=loss_scale)
