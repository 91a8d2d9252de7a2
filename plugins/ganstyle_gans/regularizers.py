"""Penalties on either player as components; the formulas are in `ganstyle.functional`.

`per_picture` tells the task that batch norm in the penalised network would make the penalty senseless; `slope` is the
length of D's gradient that a penalty wants; `on` says what it is called with (see `ganstyle.api.RegularizerLike`);
`at` says at which pictures a gradient is taken, whose logits may then be those of the loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ganstyle.api import Options
from ganstyle.functional.adversarial import lecam_distance
from ganstyle.functional.gradients import gradient_penalty, path_length_penalty, zero_centred_penalty
from ganstyle.nn.ranks import mean_over_ranks
from ganstyle_gans.judging import recalled
from ganstyle_gans.schedules import SCHEDULES


class ZeroCentredOptions(Options):
    """Options of `r1` and `r2`."""

    gamma: Annotated[float, Field(gt=0, le=1e4, description="Weight; grows with the number of pixels.")] = 1.0
    gamma_final: Annotated[
        float | None, Field(gt=0, le=1e4, description="Weight at the end of the budget; none is gamma throughout.")
    ] = None
    gamma_schedule: Annotated[
        Literal["cosine", "geometric"], Field(description="The way from gamma to gamma_final, by images shown.")
    ] = "cosine"
    every: Annotated[int, Field(ge=1, le=256, description="Steps between two penalties, each times `every`.")] = 4


class R1:
    """gamma / 2 E |dD/dx|^2 at real pictures (arXiv:1801.04406)."""

    name, at = "r1", "real"
    per_picture = True
    slope = 0.0

    def __init__(self, options: ZeroCentredOptions) -> None:
        """Keep weight and interval."""
        self.options, self.scheduled, self.every = options, options.gamma, options.every
        self.factor = 1.0  # after collapses

    @property
    def gamma(self) -> float:
        """Return the weight now."""
        return self.factor * self.scheduled

    def __call__(self, network: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        """Return the scalar penalty at real, float (B, C, H, W)."""
        return zero_centred_penalty(network, real, gamma=self.gamma, logits=recalled(network, real))

    @property
    def follows_budget(self) -> bool:
        """Whether gamma changes."""
        return self.options.gamma_final is not None

    def progress(self, fraction: float) -> None:
        """Set gamma for a share of the budget done, in [0, 1] (as R3GAN, arXiv:2501.05441)."""
        if self.options.gamma_final is not None:
            schedule = SCHEDULES[self.options.gamma_schedule]
            self.scheduled = schedule(self.options.gamma, self.options.gamma_final, fraction=fraction)

    def strengthen(self, level: int, *, since: int) -> str:
        """Double gamma for each collapse; return what it is now.

        Args:
            level: collapses so far.
            since: those before the present state was saved; gamma is in no state.
        """
        self.factor = 2.0**level
        return f"{self.name} gamma {self.gamma:.3g}"


class R2(R1):
    """gamma / 2 E |dD/dx|^2 at generated pictures (arXiv:1801.04406)."""

    name, at = "r2", "fake"

    def __call__(self, network: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        """Return the scalar penalty at fake, float (B, C, H, W)."""
        return zero_centred_penalty(network, fake, gamma=self.gamma, logits=recalled(network, fake))


class GradientPenaltyOptions(Options):
    """Options of `gradient_penalty`."""

    weight: Annotated[float, Field(gt=0, le=1e4, description="Multiplies the penalty.")] = 10.0
    target: Annotated[float, Field(gt=0, le=1e4, description="Wanted length of D's gradient.")] = 1.0
    every: Annotated[int, Field(ge=1, le=256, description="Steps between two penalties, each times `every`.")] = 1


class GradientPenalty:
    """weight E (|dD/dx| - target)^2 between real and generated pictures (arXiv:1704.00028)."""

    name = "gradient_penalty"
    per_picture = True

    def __init__(self, options: GradientPenaltyOptions) -> None:
        """Keep the options."""
        self.options, self.every, self.slope = options, options.every, options.target

    def __call__(self, network: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        """Return the scalar penalty; both float (B, C, H, W)."""
        return self.options.weight * gradient_penalty(network, real, fake, target=self.options.target)


class DriftOptions(Options):
    """Options of `drift`."""

    weight: Annotated[float, Field(gt=0, le=1e4, description="Multiplies the mean square.")] = 1e-3
    every: Annotated[int, Field(ge=1, le=256, description="Steps between two penalties, each times `every`.")] = 1


class Drift:
    """weight E D(x)^2 at real pictures, which keeps Wasserstein logits near 0 (arXiv:1710.10196, app. A.1)."""

    name = "drift"
    on = "logits"

    def __init__(self, options: DriftOptions) -> None:
        """Keep weight and interval."""
        self.weight, self.every = options.weight, options.every

    def __call__(self, network: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        """Return the scalar penalty of real logits, float, any shape."""
        return self.weight * real.float().square().mean()


class StepMean:
    """A moving average that changes once a step, however many micro-batches and ranks the step has.

    Attributes:
        value: scalar float32, 0 at the start.
    """

    def __init__(self) -> None:
        """Start at 0 with nothing noted."""
        self.value, self.noted = torch.zeros(()), torch.zeros(2)

    def note(self, value: Tensor, count: int) -> None:
        """Note what the average would become by `count` examples of this step; scalar."""
        value = value.detach().float()
        self.noted = self.noted.to(value.device) + torch.stack([value * count, torch.full_like(value, count)])

    def settle(self) -> None:
        """Become the mean of what was noted, over all ranks, unless that is nothing or not finite."""
        total, count = self.noted.unbind()
        mean = mean_over_ranks(total / count)
        self.value = torch.where(mean.isfinite(), mean, self.value.to(mean))
        self.noted = torch.zeros_like(self.noted)

    def state_tensors(self, name: str) -> dict[str, Tensor]:
        """Return value and notes under the name."""
        return {name: self.value, f"{name}_noted": self.noted}

    def load_state_tensors(self, name: str, tensors: Mapping[str, Tensor]) -> None:
        """Go back to what `state_tensors` returned; absent keys leave their value."""
        self.value = tensors.get(name, self.value).to(self.value.device).clone()
        self.noted = tensors.get(f"{name}_noted", self.noted).to(self.noted.device).clone()


class LecamOptions(Options):
    """Options of `lecam`."""

    weight: Annotated[float, Field(gt=0, le=1e4, description="Multiplies it; .01 with hinge, 3e-7 with bce.")] = 0.01
    decay: Annotated[float, Field(ge=0, lt=1, description="Share of the old mean logits that a step keeps.")] = 0.99
    start: Annotated[int, Field(ge=0, description="Step from which the penalty counts; the means start at 0.")] = 1000


class Lecam:
    """weight [E (d - m_f)^2 + E (f - m_d)^2] with moving averages m of the logits (arXiv:2104.03310, eq. 4).

    The averages are those of the steps before, so that micro-batches add up to their joint batch.
    """

    name = "lecam"
    on = "logits"
    every = 1

    def __init__(self, options: LecamOptions) -> None:
        """Keep the options."""
        self.options, self.counts = options, options.start == 0
        self.means = {"real": StepMean(), "fake": StepMean()}

    def begin(self, step: int) -> None:
        """Move the averages by the logits of the step before."""
        self.counts = step >= self.options.start
        for mean in self.means.values():
            mean.settle()

    def __call__(self, network: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        """Return the scalar penalty of logits, float, any shape; 0 before the start."""
        means = {key: mean.value.to(real.device) for key, mean in self.means.items()}
        for key, logits in (("real", real), ("fake", fake)):
            now = logits.detach().float().mean()
            self.means[key].note(torch.lerp(now, means[key], self.options.decay), len(logits))
        weight = self.options.weight if self.counts else 0.0
        return weight * lecam_distance(real, fake, real_mean=means["real"], fake_mean=means["fake"])

    def state_tensors(self) -> dict[str, Tensor]:
        """Return the averages."""
        return {key: value for name, mean in self.means.items() for key, value in mean.state_tensors(name).items()}

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Go back to what `state_tensors` returned."""
        for name, mean in self.means.items():
            mean.load_state_tensors(name, tensors)


class PathLengthOptions(Options):
    """Options of `path_length`."""

    weight: Annotated[float, Field(gt=0, le=1e4, description="Multiplies the penalty; the paper's in any size.")] = 2.0
    decay: Annotated[float, Field(ge=0, lt=1, description="Share of the old mean length that is kept.")] = 0.99
    shrink: Annotated[int, Field(ge=1, le=64, description="The batch over the codes drawn for it.")] = 2
    every: Annotated[int, Field(ge=1, le=256, description="Steps of G between two penalties, each times `every`.")] = 4


class PathLength:
    """weight E (|J^T y| - a)^2: equal steps in code space change pictures equally (arXiv:1912.04958, eq. 4)."""

    name = "path_length"
    on = "codes"
    per_picture = True

    def __init__(self, options: PathLengthOptions) -> None:
        """Keep the options."""
        self.options, self.every, self.shrink = options, options.every, options.shrink
        self.mean = StepMean()

    def begin(self, step: int) -> None:
        """Move the mean length by what the step before has seen."""
        self.mean.settle()

    def __call__(self, network: nn.Module, codes: Tensor, images: Tensor) -> Tensor:
        """Return the scalar penalty.

        Args:
            network: codes to images.
            codes: float32 (B, L, w_dim) requiring grad.
            images: float32 (B, C, H, W), made from the codes, with the graph.
        """
        mean = self.mean.value.to(codes.device)
        penalty, moved = path_length_penalty(images, codes, mean=mean, decay=self.options.decay)
        self.mean.note(moved, len(codes))
        return self.options.weight * penalty

    def state_tensors(self) -> dict[str, Tensor]:
        """Return the mean length."""
        return self.mean.state_tensors("mean")

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Go back to what `state_tensors` returned."""
        self.mean.load_state_tensors("mean", tensors)
