"""Refining a style: a budget, a held-out score from time to time, and the best code of all kept.

Imports no torch until a code is refined.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ganstyle.errors import UsageError
from ganstyle.style.base import BaseModel
from ganstyle.style.painters import Code, Pixels, planes

if TYPE_CHECKING:
    from torch import Tensor

CHECKS = 20  # scores within a budget
PATIENCE = 12  # checks without a better score, after which refining ends early; the falling rate helps late


class Fitting(Protocol):
    """What a stylizer's `fitting(works, photos, *, code, loss, seed)` returns; works and photos are uint8 (3, H, W).

    One whose base model has an `adapter_length` A is given `adapter`, too: whether to fit one as well. Codes then
    are float32 (D,) or (D + A,), and an adapter that is not asked for stays as it is.
    """

    @property
    def code(self) -> Tensor:
        """Return a copy of the present code, float32 (D,), on the CPU; an adapter as it comes back from float16."""
        ...

    def step(self, fraction: float) -> Mapping[str, float]:
        """Take a gradient step, told the share of the budget that is done; return the parts of the loss."""
        ...

    def score(self, code: Tensor) -> Mapping[str, float]:
        """Return the held-out `total` of a code, lower is better, and what it is made of; equal codes score equal."""
        ...


@dataclass(frozen=True)
class Stage:
    """How far refining has come.

    Attributes:
        steps: gradient steps done.
        fraction: share of the budget done, in [0, 1].
        instant: held-out score of the code that it started from.
        best: lowest score so far.
        checked: the present code has just been scored.
        code: the best code so far, float32 (D,), with its adapter if it has one.
    """

    steps: int
    fraction: float
    instant: float
    best: float
    checked: bool
    code: Code


Watch = Callable[[Stage], object]


@dataclass(frozen=True)
class RefinePlan:
    """How long and against what a style is refined.

    Attributes:
        steps: gradient steps; equal seeds then give equal styles on a CPU.
        seconds: time instead; how many steps that is depends on the machine.
        loss: adversarial loss of the rival; None refines without a rival.
        loss_name: what the style's card calls it.
        seed: of the crops and the rival.
        photos: paths or pictures to paint meanwhile; None takes the embedded photographs.
        adapter: fit an adapter as well, if the base model takes one.
        watch: called after every step.
    """

    steps: int | None = None
    seconds: float | None = None
    loss: Any = None
    loss_name: str = ""
    seed: int = 0
    photos: Any = None
    adapter: bool = True
    watch: Watch | None = None

    def __post_init__(self) -> None:
        if self.steps is not None and self.seconds is not None:
            hint = "--time 10m, or --steps 600"
            raise UsageError("a time and a count of steps exclude each other", where="option --steps", hint=hint)

    def wanted(self) -> bool:
        """Return whether there is anything to do."""
        return bool(self.steps or self.seconds)


@dataclass(frozen=True)
class Refined:
    """A refined code.

    Attributes:
        code: float32 (D,), the best by score, with its adapter if it has one; the starting one if none was better.
        instant: held-out score of the starting code.
        best: of `code`; never above `instant`.
        steps: gradient steps taken.
        seconds: time spent.
        ended: `budget`, `no better` (stopped early) or `interrupted` (Ctrl-C).
    """

    code: Code
    instant: float
    best: float
    steps: int
    seconds: float
    ended: str


def refine_code(
    code: Code, works: Sequence[Pixels], photos: Sequence[Pixels], *, base: BaseModel, plan: RefinePlan
) -> Refined:
    """Refine a code until the budget is spent, nothing gets better, or Ctrl-C; the best code is returned.

    Args:
        code: float32 (D,), or with an adapter (D + A,), where to start.
        works: uint8 (H, W, 3) each.
        photos: uint8 (H, W, 3) each, painted meanwhile.
        base: its stylizer needs a method `fitting`, see `Fitting`.
        plan: the budget.

    Raises:
        UsageError: the base model can't refine.
    """
    import torch

    make = getattr(base.stylizer, "fitting", None)
    if make is None:
        raise UsageError(f"base model {base.name} can't refine styles", where="option --steps", hint="--steps 0")
    start = torch.from_numpy(np.array(code, np.float32))
    shown = [[planes(picture) for picture in pictures] for pictures in (works, photos)]
    how: dict[str, Any] = {"code": start, "loss": plan.loss, "seed": plan.seed}
    if base.adapter_length:  # of the painter: it must be able to paint what is fitted
        how["adapter"] = plan.adapter
    return _Refining(make(*shown, **how), start, plan).run()


class _Refining:
    def __init__(self, fitting: Fitting, start: Tensor, plan: RefinePlan) -> None:
        self.fitting, self.plan, self.best_code = fitting, plan, start
        self.instant = self.best = float(fitting.score(start)["total"])
        self.began, self.steps, self.misses = time.monotonic(), 0, 0

    def run(self) -> Refined:
        ended = "budget"
        try:
            for fraction in self._fractions():
                self.fitting.step(fraction)
                self.steps += 1
                if self._is_due(fraction) and self._misses_after_check() >= PATIENCE:
                    ended = "no better"
                    break
        except KeyboardInterrupt:
            ended = "interrupted"
        seconds = time.monotonic() - self.began
        return Refined(self.best_code.numpy(), self.instant, self.best, self.steps, seconds, ended)

    def _fractions(self) -> Iterator[float]:
        """Yield the share of the budget done before each step; tell who watches between the steps."""
        while (fraction := self._fraction()) < 1:
            yield fraction
            self._tell()

    def _fraction(self) -> float:
        if self.plan.steps is not None:
            return self.steps / self.plan.steps if self.plan.steps else 1.0
        return (time.monotonic() - self.began) / self.plan.seconds if self.plan.seconds else 1.0

    def _is_due(self, before: float) -> bool:
        after = self._fraction()
        self.checked = after >= 1 or int(after * CHECKS) > int(before * CHECKS)
        return self.checked

    def _misses_after_check(self) -> int:
        code = self.fitting.code
        score = float(self.fitting.score(code)["total"])
        # A code that isn't finite scores nan, which is not below anything.
        self.misses = 0 if score < self.best else self.misses + 1
        if score < self.best:
            self.best, self.best_code = score, code
        return self.misses

    def _tell(self) -> None:
        if self.plan.watch is not None:
            done = min(self._fraction(), 1.0)
            code = self.best_code.numpy()
            self.plan.watch(Stage(self.steps, done, self.instant, self.best, self.checked, code))
