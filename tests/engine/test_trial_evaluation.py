"""Scores while training: nothing of the training moves, the best is kept, a failing metric ends nothing."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from tiny_runs import TinyRun

from ganstyle.api import Options
from ganstyle.config import Selection
from ganstyle.engine import checkpoint as checkpoints
from ganstyle.engine.events import read_events
from ganstyle.engine.logging import read_scalars
from ganstyle.engine.model import read_card
from ganstyle.engine.opening import open_model
from ganstyle.engine.trial_evaluation import Interrupted, Trial, TrialEvaluation, undisturbed
from ganstyle.errors import EnvironmentProblem
from ganstyle.registry import default_registry

SCORES = []


class Nothing(Options):
    """No options."""


class Scripted:
    """Gives the next of SCORES; draws random numbers as careless metrics do; an exception among them is raised."""

    paired = higher_is_better = False
    protocol = "scripted"

    def __init__(self, options: Nothing, device):
        self.fake = self.real = 0

    def update(self, images, *, real):
        torch.rand(3), random.random(), np.random.rand()
        if real:
            self.real += len(images)
        else:
            self.fake += len(images)

    def compute(self):
        value = SCORES.pop(0)
        if isinstance(value, Exception):
            raise value
        return {"scripted": float(value)}

    def reset(self):
        """Forget nothing."""


@pytest.fixture
def scored(tmp_path, monkeypatch):
    """A function that makes a run scored every 8 images by a script."""
    registry = type(default_registry())
    original = registry.build

    def build(self, kind, name, *args, **parts):
        return Scripted(Nothing(), args[-1]) if kind == "metric" else original(self, kind, name, *args, **parts)

    monkeypatch.setattr(registry, "build", build)

    def make(scores, *sets, **flags):
        SCORES[:] = scores
        run = TinyRun(tmp_path, *(sets or ("train.eval_every_images=8",)), "train.eval_images=12", **flags)
        object.__setattr__(run.config, "metric", (Selection("is"),))
        return run

    return make


def test_scores_come_at_their_interval_under_the_metrics_key(scored):
    run = scored([3, 2, 4])
    run.fit()
    lines = {line["images"]: line.get("metric/scripted") for line in read_scalars(run.run.folder)}
    assert lines == {4: None, 8: 3.0, 12: None, 16: 2.0, 20: None, 24: 4.0}


def test_the_best_weights_are_kept_as_a_checkpoint_and_as_a_model_with_its_score(scored):
    run = scored([3, 2, 4, 5, 6, 7], "train.eval_every_images=12", "train.save_every_images=4", images=72)
    run.fit()
    assert run.run.status["best"]["images"] == 24 and run.run.status["best"]["value"] == 2.0
    kept = [checkpoints.images_of(path) for path in checkpoints.list_checkpoints(run.run)]
    assert kept == [24, 64, 68, 72]
    card = read_card(run.run.folder / "best.safetensors")
    assert card.images_seen == 24 and card.metrics["scripted"]["value"] == 2.0
    assert card.metrics["scripted"]["n_fake"] == 12 and card.metrics["scripted"]["n_real"] == 12


def test_a_model_tells_what_it_learnt_from_its_last_score_and_its_best(scored):
    run = scored([3, 2, 4], "train.eval_every_images=8", "train.data_licence=CC BY 4.0")
    run.fit()
    card = read_card(run.run.folder / "model.safetensors")
    assert (card.data, card.data_licence, card.training_images) == ("folder pictures", "CC BY 4.0", 12)
    scores = {key: (score["value"], score["images"]) for key, score in card.metrics.items()}
    assert scores == {"scripted": (4.0, 24), "scripted (best)": (2.0, 16)}
    assert card.metrics["scripted"]["protocol"] == "scripted"
    checkpoint = open_model(checkpoints.list_checkpoints(run.run)[-1], registry=run.registry).card
    assert (checkpoint.data_licence, checkpoint.training_images) == ("CC BY 4.0", 12)


def test_a_model_of_a_run_without_scores_or_a_stated_licence_leaves_them_out(tmp_path):
    run = TinyRun(tmp_path, images=4)
    run.session.dataset.licence = "CC0"
    run.fit()
    card = read_card(run.run.folder / "model.safetensors")
    assert (card.metrics, card.data_licence) == ({}, "CC0")


def test_a_metric_that_fails_is_null_told_once_and_leaves_the_best_as_it_is(scored):
    run = scored([3, EnvironmentProblem("weights are missing", hint="pip install x"), RuntimeError("boom")])
    assert run.fit().images == 24
    lines = [line for line in read_scalars(run.run.folder) if "metric/scripted" in line]
    assert [line["metric/scripted"] for line in lines] == [3.0, None, None]
    assert run.session.best["images"] == 8
    assert len(run.told.about("metric is has no value: weights are missing (pip install x)")) == 1
    assert len(read_events(run.run.folder)) == 1


def test_evaluation_changes_no_weight_and_no_random_state(scored):
    ends = []
    for every in ("8", "none"):
        run = scored([1, 2, 3], f"train.eval_every_images={every}", "train.save_every_images=1000")
        run.fit()
        found = checkpoints.newest_valid(run.run)
        ends.append(found.model | found.train)
    assert [key for key in ends[0] if not torch.equal(ends[0][key], ends[1][key])] == []


def test_an_evaluation_that_is_interrupted_is_made_up_for(scored):
    run = scored([3])
    trial = TrialEvaluation(run.session, None)
    with pytest.raises(Interrupted):
        trial.run(lambda: True)
    assert SCORES == [3]
    run.session.images, run.session.watched = 9, {}
    from ganstyle.engine.health import Health

    health = Health(run.session, run.run, None, recovery=None)
    assert health.is_due(9, last=False)
    assert health.measure(9, interrupted=lambda: True) == {} and health.is_due(9, last=False)
    assert health.measure(9)["metric/scripted"] == 3.0 and not health.is_due(9, last=False)


@pytest.mark.parametrize(
    ("higher", "best", "better"),
    [
        (False, {}, True),
        (False, {"metric": "m", "value": 3.0}, True),
        (False, {"metric": "m", "value": 2.0}, False),
        (True, {"metric": "m", "value": 3.0}, False),
        (True, {"metric": "m", "value": 1.0}, True),
        (False, {"metric": "of earlier options", "value": 0.1}, True),
    ],
)
def test_the_best_follows_the_direction_of_its_metric(higher, best, better):
    assert Trial({}, "m", 2.0, higher).beats(best) is better


def test_a_failed_metric_is_never_the_best():
    assert not Trial({"metric/m": None}).beats({}) and not Trial({}).beats({"metric": "m", "value": 1.0})


def test_what_is_drawn_undisturbed_leaves_no_trace_also_after_an_error():
    state = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    with pytest.raises(ValueError, match="x"), undisturbed():
        torch.rand(5), random.random(), np.random.rand()
        raise ValueError("x")
    assert torch.equal(torch.get_rng_state(), state[0]) and random.getstate() == state[1]
    assert np.random.get_state()[1].tolist() == state[2]


class Steady:
    """Says how many pictures it saw, with an interval; a metric of pairs."""

    paired, higher_is_better, protocol = True, False, "steady"

    def __init__(self):
        self.seen = 0

    def update(self, images, reference):
        self.seen += len(images)

    def compute(self):
        return {"steady_mean": float(self.seen)}

    def intervals(self):
        return {"steady_mean": (self.seen - 0.5, self.seen + 0.5)}


class Drawing:
    """Draws pictures of the averaged generator by itself."""

    paired, generative, higher_is_better = False, True, False

    def measure(self, source, progress):
        self.z_dim = source.synthesise(source.codes(torch.zeros(2, source.z_dim))).shape[0]
        progress(2)

    def compute(self):
        return {"drawing": float(self.z_dim)}


@pytest.fixture
def several(scored, monkeypatch):
    """Scripted numbers, a steady metric with an interval and one that draws for itself."""
    run = scored([5, 4, 3])
    metrics = (Selection("is"), Selection("ssim"), Selection("ppl"))
    object.__setattr__(run.config, "metric", metrics)
    original, made = run.registry.build, {"ssim": Steady, "ppl": Drawing}

    def build(kind, name, *args, **parts):
        return made[name]() if kind == "metric" and name in made else original(kind, name, *args, **parts)

    monkeypatch.setattr(run.registry, "build", build)
    return run


def test_several_metrics_are_scored_and_the_first_decides_what_is_best(several):
    several.fit()
    [line] = [line for line in read_scalars(several.run.folder) if line["images"] == 8]
    found = {key: value for key, value in line.items() if key.startswith("metric")}
    assert found == {
        "metric/scripted": 5.0,
        "metric/steady_mean_within": 6.0,
        "metric/drawing": 2.0,
        "metric_low/steady_mean_within": 5.5,
        "metric_high/steady_mean_within": 6.5,
    }
    assert several.session.best["metric"] == "scripted" and several.session.best["value"] == 3.0


def test_a_metric_that_draws_for_itself_can_be_interrupted(several, monkeypatch):
    measure, begun = Drawing.measure, []
    monkeypatch.setattr(Drawing, "measure", lambda *parts: (begun.append(1), measure(*parts)))
    with pytest.raises(Interrupted):
        TrialEvaluation(several.session, None).run(lambda: bool(begun))
    assert begun == [1] and SCORES == [5, 4, 3]
