"""A budget, scores from time to time, the best code kept."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_painter import Painter, noise

from ganstyle.errors import UsageError
from ganstyle.style.refining import CHECKS, PATIENCE, RefinePlan, Stage, refine_code


class Scripted:
    """A fitting whose code after n steps is n, with a score by a script; it can be interrupted."""

    def __init__(self, score, interrupt_at=None) -> None:
        self.steps, self.asked, self.interrupt_at, self.fractions = 0, score, interrupt_at, []

    def __call__(self, works, photos, *, code, loss, seed):
        return self

    @property
    def code(self) -> torch.Tensor:
        return torch.tensor([float(self.steps)])

    def step(self, fraction: float) -> dict[str, float]:
        if self.steps == self.interrupt_at:
            raise KeyboardInterrupt
        self.fractions.append(fraction)
        self.steps += 1
        return {}

    def score(self, code: torch.Tensor) -> dict[str, float]:
        return {"total": self.asked(float(code))}


class Base:
    """A base model whose stylizer can be refined by a script, or not at all."""

    name, adapter_length = "scripted", 0

    def __init__(self, fitting) -> None:
        self.stylizer = type("Stylizer", (), {"fitting": staticmethod(fitting)} if fitting else {})()


def refine(score, *, interrupt_at=None, **plan):
    fitting = Scripted(score, interrupt_at)
    return refine_code(np.zeros(1, np.float32), [], [], base=Base(fitting), plan=RefinePlan(**plan)), fitting


def test_the_best_code_is_kept_not_the_last() -> None:
    refined, _ = refine(lambda code: abs(code - 12), steps=CHECKS)
    assert (float(refined.code[0]), refined.instant, refined.best, refined.steps) == (12, 12, 0, CHECKS)
    assert refined.ended == "budget"


def test_a_style_that_only_gets_worse_stays_as_it_was_and_ends_early() -> None:
    refined, _ = refine(lambda code: 1 + code, steps=10 * CHECKS)
    assert (float(refined.code[0]), refined.best) == (0, refined.instant)
    assert (refined.ended, refined.steps) == ("no better", 10 * PATIENCE)


def test_a_code_that_is_not_finite_is_never_kept() -> None:
    refined, _ = refine(lambda code: float("nan") if code else 1.0, steps=4)
    assert (float(refined.code[0]), refined.best) == (0, 1.0)


def test_an_interrupt_keeps_the_best_so_far() -> None:
    refined, _ = refine(lambda code: 100 - code, steps=2 * CHECKS, interrupt_at=9)
    assert (float(refined.code[0]), refined.steps, refined.ended) == (8, 9, "interrupted")


def test_the_fraction_runs_from_nothing_to_almost_all() -> None:
    assert refine(lambda code: 0.0, steps=4)[1].fractions == [0.0, 0.25, 0.5, 0.75]


def test_a_time_ends_it_and_tells_the_fraction(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(10_000))
    monkeypatch.setattr("ganstyle.style.refining.time.monotonic", lambda: float(next(now)))
    refined, fitting = refine(lambda code: -code, seconds=100.0)
    assert 10 < refined.steps < 100
    assert fitting.fractions == sorted(fitting.fractions) and fitting.fractions[-1] < 1
    assert refined.best == pytest.approx(-refined.steps, abs=3)


def test_who_watches_is_told_after_every_step() -> None:
    seen: list[Stage] = []
    refine(lambda code: 10 - code, steps=2 * CHECKS, watch=seen.append)
    assert [stage.steps for stage in seen] == list(range(1, 2 * CHECKS + 1))
    assert [stage.checked for stage in seen] == [False, True] * CHECKS
    assert seen[-1].fraction == 1.0 and (seen[3].instant, seen[3].best, float(seen[3].code[0])) == (10, 6, 4)


def test_time_and_steps_exclude_each_other() -> None:
    with pytest.raises(UsageError, match="exclude"):
        RefinePlan(steps=3, seconds=3.0)
    assert [RefinePlan(**plan).wanted() for plan in ({}, {"steps": 0}, {"steps": 1}, {"seconds": 1.0})] == [
        False,
        False,
        True,
        True,
    ]


def test_a_base_model_without_refinement_says_so() -> None:
    with pytest.raises(UsageError, match="can't refine"):
        refine_code(np.zeros(1, np.float32), [], [], base=Base(None), plan=RefinePlan(steps=1))


def test_the_plugin_contract_is_enough(painter: Painter) -> None:
    start = np.zeros(6, np.float32)
    work = noise((90, 80, 70)).permute(1, 2, 0).numpy()
    refined = refine_code(start, [work], [], base=painter.base, plan=RefinePlan(steps=5))
    assert refined.best == pytest.approx(0.9**5 * refined.instant, rel=1e-4)


@pytest.mark.parametrize(
    ("length", "adapter", "expected"), [(0, True, {}), (3, True, {"adapter": True}), (3, False, {"adapter": False})]
)
def test_only_a_base_model_with_adapters_is_asked_for_one(length: int, adapter: bool, expected: dict) -> None:
    asked = []

    def fitting(works, photos, *, code, loss, seed, **how):
        asked.append(how)
        return Scripted(lambda code: 1.0, None)(works, photos, code=code, loss=loss, seed=seed)

    base = Base(fitting)
    base.adapter_length = length
    refine_code(np.zeros(1, np.float32), [], [], base=base, plan=RefinePlan(steps=1, adapter=adapter))
    assert asked == [expected]


def test_a_code_that_grew_an_adapter_is_kept_whole() -> None:
    class Growing(Scripted):
        @property
        def code(self):
            return torch.cat([super().code, torch.ones(2)])

        def score(self, code):
            return super().score(code[0])

    fitting = Growing(lambda code: -code, None)
    refined = refine_code(np.zeros(1, np.float32), [], [], base=Base(fitting), plan=RefinePlan(steps=3))
    assert refined.code.tolist() == [3.0, 1.0, 1.0]
