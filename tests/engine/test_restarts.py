"""Short starts are compared, the best goes on exactly as if it had been alone, and the choice can be interrupted."""

from __future__ import annotations

import pytest
import torch
from tiny_runs import TinyRun

from ganstyle.engine import checkpoint as checkpoints
from ganstyle.engine import restarts
from ganstyle.engine.logging import read_scalars
from ganstyle.engine.restarts import pending, round_images, score_of, train_with_restarts, wasted_rounds
from ganstyle.engine.run import Run
from ganstyle.errors import DivergedError, Stopped


@pytest.fixture
def tiny(tmp_path):
    """A run of 80 images; a round of a start is one step of four."""
    return TinyRun(tmp_path, "train.save_every_images=1000", images=80)


def train(tiny, score, count=4, **options):
    return train_with_restarts(
        tiny.config, registry=tiny.registry, run=tiny.run, restarts=count, reporter=tiny.told, score=score, **options
    )


def by_seed(values, seen=None):
    """Return a score that depends on the seed alone, and notes who was scored."""

    def score(session, run):
        if seen is not None:
            seen.append((session.config.train.seed, session.images))
        return values[session.config.train.seed]

    return score


@pytest.mark.parametrize("count", range(1, 40))
def test_starts_that_are_given_up_cost_at_most_a_fifth_of_the_budget(count):
    images = round_images(count, 1_000_000, 10)
    assert images <= 50_000 and images * wasted_rounds(count) <= 200_000


# Of five, two lose after one round, one after two, one after three: 2 + 2 + 3.
@pytest.mark.parametrize(("count", "wasted"), [(1, 0), (2, 1), (3, 3), (4, 4), (5, 7), (8, 11)])
def test_wasted_rounds_are_those_of_the_losers(count, wasted):
    assert wasted_rounds(count) == wasted


def test_the_field_is_halved_and_the_best_finishes(tiny):
    seen = []
    result = train(tiny, by_seed({0: 5.0, 1: 2.0, 2: 9.0, 3: 1.0}, seen))
    assert seen == [(0, 4), (1, 4), (2, 4), (3, 4), (1, 8), (3, 8)]
    assert result.images == 80 and tiny.run.status["state"] == "finished"
    plan = tiny.run.status["restarts"]
    assert plan["winner"] == 3 and [len(start["scores"]) for start in plan["starts"]] == [1, 2, 1, 2]
    assert plan["starts"][0]["reason"] == "round 1: 5, seed 3 had 1" and plan["starts"][3]["reason"] == ""


def test_the_best_of_four_is_never_worse_than_seed_0_by_its_own_score(tiny):
    def size(session, run):
        return float(session.averaged.networks["generator"].first.weight.square().sum())

    train(tiny, size)
    plan = tiny.run.status["restarts"]
    scores = {start["seed"]: start["scores"] for start in plan["starts"]}
    last = len(scores[0]) - 1
    assert scores[plan["winner"]][last] <= scores[0][last] and len({one[0] for one in scores.values()}) == 4


def test_the_winner_ends_where_a_run_with_its_seed_ends(tiny, tmp_path):
    train(tiny, by_seed({0: 2.0, 1: 1.0}), count=2)
    alone = TinyRun(tmp_path, "train.save_every_images=1000", "train.seed=1", images=80)
    alone.fit()
    one, two = (checkpoints.newest_valid(run) for run in (tiny.run, alone.run))
    assert [key for key in one.model if not torch.equal(one.model[key], two.model[key])] == []
    assert tiny.run.config["train"]["seed"] == 1
    assert [line["images"] for line in read_scalars(tiny.run.folder)] == list(range(4, 81, 4))


def test_an_interrupted_choice_goes_on_where_it_was(tiny):
    seen, values = [], {0: 1.0, 1: 2.0, 2: 3.0, 3: 4.0}

    def interrupted(session, run):
        if session.config.train.seed == 2:
            raise Stopped("stopped at 4 images by SIGTERM")
        return by_seed(values, seen)(session, run)

    with pytest.raises(Stopped) as caught:
        train(tiny, interrupted)
    assert tiny.run.status["state"] == "preempted" and str(tiny.run.folder) in caught.value.hint
    assert pending(tiny.run) == 4
    train(tiny, by_seed(values, seen), count=0)  # a resume need not repeat the number
    assert seen == [(0, 4), (1, 4), (2, 4), (3, 4), (0, 8), (1, 8)]
    assert pending(tiny.run) == 0 and tiny.run.status["state"] == "finished"


def test_a_start_that_diverges_is_given_up_and_the_others_go_on(tiny, monkeypatch):
    original = restarts.fit

    def diverging(config, **options):
        if config.train.seed == 0:
            raise DivergedError("discriminator is nan")
        return original(config, **options)

    monkeypatch.setattr(restarts, "fit", diverging)
    train(tiny, by_seed({1: 1.0}), count=2)
    assert tiny.run.status["restarts"]["winner"] == 1
    assert "diverged: discriminator is nan" in tiny.run.status["restarts"]["starts"][0]["reason"]


def test_starts_that_all_diverge_end_the_run_with_exit_7(tiny, monkeypatch):
    def diverging(config, **options):
        raise DivergedError("generator is nan")

    monkeypatch.setattr(restarts, "fit", diverging)
    with pytest.raises(DivergedError, match="every one of 2 starts diverged"):
        train(tiny, by_seed({}), count=2)
    assert (tiny.run.status["state"], tiny.run.status["code"]) == ("diverged", 7)


def test_one_start_is_plain_training(tiny):
    assert train(tiny, by_seed({}), count=1, session=tiny.session).images == 80
    assert not (tiny.run.folder / restarts.FOLDER).exists()


def test_without_a_metric_a_start_is_judged_by_its_variety(tiny, tmp_path):
    session, run = tiny.session, Run(tmp_path)
    session.registry = type("Bare", (), {"names": lambda self, kind: []})()
    assert score_of(session, run) == restarts.UNKNOWN
    (tmp_path / "scalars.jsonl").write_text('{"images": 4, "diversity": 0.2}\n{"images": 8, "diversity": 0.7}\n')
    assert score_of(session, run) == pytest.approx(0.3)
