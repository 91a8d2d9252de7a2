"""Penalties on the discriminator as components; the formulas are in `ganstyle.functional.gradients`.

`per_picture` tells the task that a discriminator with batch norm would make the penalty senseless.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from ganstyle.api import Options
from ganstyle.functional.gradients import gradient_penalty, zero_centred_penalty


class ZeroCentredOptions(Options):
    """Options of `r1` and `r2`."""

    gamma: Annotated[float, Field(gt=0, le=1e4, description="Weight; grows with the number of pixels.")] = 1.0
    every: Annotated[int, Field(ge=1, le=256, description="Steps between two penalties, each times `every`.")] = 4


class R1:
    """gamma / 2 E |dD/dx|^2 at real pictures (arXiv:1801.04406)."""

    per_picture = True

    def __init__(self, options: ZeroCentredOptions) -> None:
        """Keep weight and interval."""
        self.gamma, self.every = options.gamma, options.every

    def __call__(self, network: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        """Return the scalar penalty at real, float (B, C, H, W)."""
        return zero_centred_penalty(network, real, gamma=self.gamma)


class R2(R1):
    """gamma / 2 E |dD/dx|^2 at generated pictures (arXiv:1801.04406)."""

    def __call__(self, network: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        """Return the scalar penalty at fake, float (B, C, H, W)."""
        return zero_centred_penalty(network, fake, gamma=self.gamma)


class GradientPenaltyOptions(Options):
    """Options of `gradient_penalty`."""

    weight: Annotated[float, Field(gt=0, le=1e4, description="Multiplies the penalty.")] = 10.0
    target: Annotated[float, Field(gt=0, le=1e4, description="Wanted length of D's gradient.")] = 1.0
    every: Annotated[int, Field(ge=1, le=256, description="Steps between two penalties, each times `every`.")] = 1


class GradientPenalty:
    """weight E (|dD/dx| - target)^2 between real and generated pictures (arXiv:1704.00028)."""

    per_picture = True

    def __init__(self, options: GradientPenaltyOptions) -> None:
        """Keep the options."""
        self.options, self.every = options, options.every

    def __call__(self, network: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        """Return the scalar penalty; both float (B, C, H, W)."""
        return self.options.weight * gradient_penalty(network, real, fake, target=self.options.target)


class DriftOptions(Options):
    """Options of `drift`."""

    weight: Annotated[float, Field(gt=0, le=1e4, description="Multiplies the mean square.")] = 1e-3
    every: Annotated[int, Field(ge=1, le=256, description="Steps between two penalties, each times `every`.")] = 4


class Drift:
    """weight E D(x)^2 at real pictures, which keeps Wasserstein logits near 0 (arXiv:1710.10196, app. A.1)."""

    def __init__(self, options: DriftOptions) -> None:
        """Keep weight and interval."""
        self.weight, self.every = options.weight, options.every

    def __call__(self, network: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        """Return the scalar penalty at real, float (B, C, H, W)."""
        return self.weight * network(real).float().square().mean()
