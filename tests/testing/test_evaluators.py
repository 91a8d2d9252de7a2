"""The kit must catch deliberately broken metrics, and pass right ones."""

from __future__ import annotations

import pytest
import torch

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


class NoiseIsBest(WrongWayRound):
    """As a metric of copies: what repeats nothing has the best value."""

    judges_quality = False


class NeedsFour(Sets):
    """As scores of neighbours: two pictures are too few, six are not."""

    def compute(self) -> dict[str, float]:
        if len(self.values[False]) < 4:
            raise NoInputError("too few for 3 neighbours")
        return super().compute()


class NeedsFourWrongWayRound(NeedsFour):
    higher_is_better = True


@pytest.mark.parametrize("good", [Pairs, Sets, WithoutReal, NoiseIsBest, NeedsFour])
def test_a_right_metric_passes(good):
    assert check_evaluator(good) is None


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (LeakySets, "reset() doesn't forget"),
        (WrongWayRound, "higher_is_better is True"),
        (NeedsFourWrongWayRound, "higher_is_better is True"),
    ],
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


class Styled(Pairs):
    """Difference of each picture's brightness from that of its style's works."""

    styled = True

    def reset(self) -> None:
        self.values, self.works = [], {}

    def take_styles(self, works) -> None:
        self.works = {
            name: sum(work.float().mean().item() for work in found) / len(found) for name, found in works.items()
        }

    def update(self, images, reference, *, styles) -> None:
        wanted = [self.works[name] for name in styles]
        self.values += [
            abs(image.float().std().item() - reference.float().std().item()) + 0.001 * wanted
            for image, reference, wanted in zip(images, reference, wanted, strict=True)
        ]

    def pair_values(self):
        return torch.tensor(self.values)


class SortedPairs(Styled):
    def pair_values(self):
        return torch.tensor(self.values).sort().values


class Film:
    """How much more films change from frame to frame than their sources."""

    paired, film, higher_is_better = False, True, False

    def __init__(self, options: NoOptions, device) -> None:
        self.reset()

    def reset(self) -> None:
        self.values = []

    def update_film(self, frames, reference) -> None:
        first, second = (torch.stack(list(one)).float().diff(dim=0).abs().mean().item() for one in (frames, reference))
        self.values.append(abs(first - second))

    def compute(self) -> dict[str, float]:
        if not self.values:
            raise NoInputError("no film")
        return {"change": sum(sorted(self.values)) / len(self.values)}


class LastFilmOnly(Film):
    def compute(self) -> dict[str, float]:
        return super().compute() and {"change": self.values[-1]}


class FilmWithoutMethod(Pairs):
    film = True


class Generative:
    """Mean distance of pictures of neighbouring codes."""

    paired, generative, higher_is_better, seed = False, True, False, 0

    def __init__(self, options: NoOptions, device) -> None:
        self.reset()

    def reset(self) -> None:
        self.values = []

    def measure(self, source, progress) -> None:
        generator = None if self.seed is None else torch.Generator().manual_seed(self.seed)
        codes = source.codes(torch.randn(4, source.z_dim, generator=generator))
        images = source.synthesise(codes)
        self.values += (images[1:] - images[:-1]).square().mean((1, 2, 3)).tolist()
        progress(4)

    def compute(self) -> dict[str, float]:
        if not self.values:
            raise NoInputError("nothing drawn")
        return {"steps": sum(self.values) / len(self.values)}


class Unseeded(Generative):
    seed = None


class Uncounted(Generative):
    def measure(self, source, progress) -> None:
        super().measure(source, lambda done: None)


@pytest.mark.parametrize("good", [Styled, Film, Generative])
def test_right_metrics_of_every_other_kind_pass(good):
    assert check_evaluator(good) is None


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (SortedPairs, "pair_values() is not in the order of the pairs"),
        (LastFilmOnly, "the value depends on the order of the pictures"),
        (FilmWithoutMethod, "`film` without update_film()"),
        (type("StyledSets", (Styled,), {"paired": False}), "`styled` without `paired`"),
        (Unseeded, "the value differs when measured again"),
        (Uncounted, "measure() never calls progress(n)"),
    ],
)
def test_broken_metrics_of_every_other_kind_are_caught(broken, message):
    with pytest.raises(ConformanceError) as caught:
        check_evaluator(broken)
    assert message in str(caught.value)


def test_an_interval_must_belong_to_a_value_and_not_be_turned():
    class Turned(Pairs):
        def intervals(self):
            return {"mad": (2.0, 1.0), "other": (0.0, 1.0)}

    with pytest.raises(ConformanceError) as caught:
        check_evaluator(Turned)
    assert "the interval of mad is 2 to 1" in str(caught.value) and "has the key 'other'" in str(caught.value)
