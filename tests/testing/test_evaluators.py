"""The kit must catch deliberately broken metrics, and pass right ones."""

from __future__ import annotations

import pytest

from ganstyle.api import Options
from ganstyle.errors import EnvironmentProblem, InputError, NoInputError
from ganstyle.testing import ConformanceError, NotCheckable, check_evaluator


class NoOptions(Options):
    pass


class Pairs:
    """Mean absolute difference; the broken ones below differ from it in one point each."""

    paired = True
    higher_is_better = False

    def __init__(self, options: NoOptions, device) -> None:
        self.reset()

    def reset(self) -> None:
        self.values = []

    def update(self, images, reference) -> None:
        self.values += (images.float() - reference.float()).abs().mean((1, 2, 3)).tolist()

    def compute(self) -> dict[str, float]:
        if not self.values:
            raise NoInputError("nothing")
        return {"mad": sum(sorted(self.values)) / len(self.values)}


class Forgetful(Pairs):
    def reset(self) -> None:
        self.values = getattr(self, "values", [])


class FirstBatchOnly(Pairs):
    def update(self, images, reference) -> None:
        if not self.values:
            super().update(images, reference)


class MeanOfBatches(Pairs):
    def update(self, images, reference) -> None:
        before, self.values = self.values, []
        super().update(images, reference)
        self.values = [*before, sum(self.values) / len(self.values)]


class LastCountsMore(Pairs):
    def compute(self) -> dict[str, float]:
        return {"mad": super().compute()["mad"] + self.values[-1]}


class WrongDirection(Pairs):
    higher_is_better = True


class EmptyIsZero(Pairs):
    def compute(self) -> dict[str, float]:
        return super().compute() if self.values else {"mad": 0.0}


class EmptyCrashes(Pairs):
    def compute(self) -> dict[str, float]:
        return {"mad": sum(sorted(self.values)) / len(self.values)}


class Consuming(Pairs):
    def compute(self) -> dict[str, float]:
        found = super().compute()
        self.values = self.values[:1]
        return found


class Changing(Pairs):
    def update(self, images, reference) -> None:
        super().update(images, reference)
        images.zero_()


class BareNumber(Pairs):
    def compute(self):
        return super().compute()["mad"]


class NotFinite(Pairs):
    def compute(self) -> dict[str, float]:
        super().compute()
        return {"mad": float("nan")}


class Undeclared(Pairs):
    paired = None


class Raising(Pairs):
    def update(self, images, reference) -> None:
        raise RuntimeError("broken brush")


BROKEN = {
    Forgetful: "reset() doesn't forget everything",
    FirstBatchOnly: "the value depends on how the pictures are split",
    MeanOfBatches: "the value depends on how the pictures are split",
    LastCountsMore: "the value depends on the order of the pictures",
    WrongDirection: "higher_is_better is True, but mad is",
    EmptyIsZero: "compute() without pictures returns {'mad': 0.0}",
    EmptyCrashes: "compute() without pictures raises ZeroDivisionError",
    Consuming: "compute() differs when repeated",
    Changing: "update() changes its pictures",
    BareNumber: "compute() returns ",
    NotFinite: "compute() returns {'mad': nan} for ordinary pictures",
    Undeclared: "no attribute `paired`",
    Raising: "raised RuntimeError: broken brush",
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_metric_is_caught(broken):
    with pytest.raises(ConformanceError) as caught:
        check_evaluator(broken)
    assert any(BROKEN[broken] in failure for failure in caught.value.failures), caught.value.failures


class Sets:
    """Difference of mean brightness and contrast of two sets."""

    paired = False
    higher_is_better = False

    def __init__(self, options: NoOptions, device) -> None:
        self.reset()

    def reset(self) -> None:
        self.values = {True: [], False: []}

    def update(self, images, *, real) -> None:
        self.values[real] += images.float().std((1, 2, 3)).tolist()

    def compute(self) -> dict[str, float]:
        if not all(self.values.values()):
            raise NoInputError("a set is empty")
        fake, real = (sum(sorted(self.values[side])) / len(self.values[side]) for side in (False, True))
        return {"contrast": abs(fake - real)}


class LeakySets(Sets):
    def reset(self) -> None:
        self.values = {True: getattr(self, "values", {}).get(True, []), False: []}


class WrongWayRound(Sets):
    higher_is_better = True


class WithoutReal(Sets):
    """Looks at the generated pictures only, as the Inception score does: it has no direction to check."""

    higher_is_better = True

    def compute(self) -> dict[str, float]:
        super().compute()
        return {"contrast_within": sum(sorted(self.values[False])) / len(self.values[False])}


@pytest.mark.parametrize("good", [Pairs, Sets, WithoutReal])
def test_a_right_metric_passes(good):
    assert check_evaluator(good) is None


@pytest.mark.parametrize(
    ("broken", "message"), [(LeakySets, "reset() doesn't forget"), (WrongWayRound, "higher_is_better is True")]
)
def test_a_broken_metric_of_sets_is_caught(broken, message):
    with pytest.raises(ConformanceError) as caught:
        check_evaluator(broken)
    assert message in str(caught.value)


def test_a_metric_of_large_pictures_gets_them():
    class Large(Pairs):
        def update(self, images, reference) -> None:
            if images.shape[-1] < 100:
                raise InputError("too small")
            super().update(images, reference)

    assert check_evaluator(Large) is None
    with pytest.raises(NotCheckable, match="refuses pictures of"):
        check_evaluator(Large, sides=(16, 32))


@pytest.mark.parametrize("place", ["__init__", "update"])
def test_missing_weights_are_no_failure(place):
    def missing(self, *args, **kwargs):
        raise EnvironmentProblem("weights are not here", hint="get them")

    def init(self, options: NoOptions, device):
        missing(self) if place == "__init__" else self.reset()

    heavy = type("Heavy", (Pairs,), {"__init__": init} | ({"update": missing} if place == "update" else {}))
    with pytest.raises(NotCheckable, match="weights are not here") as caught:
        check_evaluator(heavy)
    assert caught.value.hint == "get them"
