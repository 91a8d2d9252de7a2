"""Films through metrics: frames are shown, bad films are named, other kinds of metrics say so."""

from __future__ import annotations

import pytest
from PIL import Image

from ganstyle.api import Evaluator, Options
from ganstyle.config import Selection
from ganstyle.data.films import Film
from ganstyle.engine.film_evaluation import evaluate_films
from ganstyle.errors import NoInputError
from ganstyle.registry import PluginStatus, Registry


class NoOptions(Options):
    """None."""


class Brighter:
    """Mean brightness of results minus that of sources; walks each film twice."""

    paired, film, higher_is_better = False, True, False
    protocol = "mean difference"

    def __init__(self):
        self.values = []

    def update_film(self, frames, reference):
        for _ in range(2):
            means = [sum(frame.float().mean().item() for frame in film) for film in (frames, reference)]
        self.values.append((means[0] - means[1]) / len(list(frames)))

    def compute(self):
        if not self.values:
            raise NoInputError("no film")
        return {"brighter": sum(self.values) / len(self.values)}


class Still:
    paired, higher_is_better = True, True


def build_brighter(options: NoOptions, device):
    return Brighter()


def build_still(options: NoOptions, device):
    return Still()


@pytest.fixture
def registry():
    found = Registry()
    components = (Evaluator("brighter", "Test.", build_brighter), Evaluator("still", "Test.", build_still))
    found.add(PluginStatus("test:test", "test", "test", "1", components=components))
    return found


@pytest.fixture
def film(tmp_path):
    """A function that makes a folder of frames."""

    def make(name, *shades, size=(6, 4)):
        for number, shade in enumerate(shades):
            (tmp_path / name).mkdir(exist_ok=True)
            Image.new("RGB", size, (shade,) * 3).save(tmp_path / name / f"{number}.png")
        return Film(tmp_path / name)

    return make


def test_films_are_shown_with_their_sources_and_frames_counted_once(registry, film):
    done = []
    pairs = [(film("a", 10, 20), film("b", 5, 5)), (film("c", 30, 30, 30), film("d", 20, 20, 20))]
    [score], refused = evaluate_films([Selection("brighter")], pairs, registry=registry, progress=done.append)
    assert score.value == pytest.approx((10 + 10) / 2)
    assert (score.n_fake, score.counted, score.protocol, refused) == (2, "films", "mean difference", [])
    assert sum(done) == 2 + 3


def test_a_film_that_does_not_fit_its_source_is_named_and_the_others_go_on(registry, film):
    good = film("a", 10, 20), film("b", 5, 5)
    pairs = [good, (film("long", 1, 2, 3), good[1]), (film("wide", 1, 2, size=(7, 4)), good[1])]
    [score], refused = evaluate_films([Selection("brighter")], pairs, registry=registry)
    assert score.value == 10
    assert refused == [
        ("long", "3 frames, but b has 2: films are compared frame by frame"),
        ("wide", "sizes differ from those of b (7 x 4 and 6 x 4); films are never resized"),
    ]


def test_metrics_of_pictures_and_missing_films_are_errors_of_their_own(registry, film):
    scores, _ = evaluate_films([Selection("still"), Selection("brighter")], [], registry=registry)
    assert [score.error for score in scores] == ["still doesn't compare films", "there are no films to score"]
