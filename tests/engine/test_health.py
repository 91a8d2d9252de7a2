"""A constant generator, a discriminator that wins and scores that double are noticed; a healthy run is left alone."""

from __future__ import annotations

import pytest
import torch
from PIL import Image
from tiny_runs import TinyRun, scalar, with_loss

from ganstyle.engine import checkpoint as checkpoints
from ganstyle.engine import collapse
from ganstyle.engine.collapse import CollapseRules
from ganstyle.engine.events import Events, read_events
from ganstyle.engine.health import Health
from ganstyle.engine.logging import read_scalars
from ganstyle.engine.monitors import Diversity
from ganstyle.engine.training import Training
from ganstyle.errors import DivergedError

PREVIEWS = ("train.preview_every_images=4", "train.preview_count=4", "train.save_every_images=4", "train.keep=20")


@pytest.fixture(autouse=True)
def _from_the_first_step(monkeypatch):
    monkeypatch.setattr(collapse, "FIRST_STEPS", 0)


@pytest.fixture
def tiny(tmp_path):
    """A function that makes a run with a preview, and so a reading, at each step."""
    return lambda *sets, **flags: TinyRun(tmp_path, *PREVIEWS, *sets, **flags)


def collapse_from(run, images, *, times=10**6):
    """Let the task's samples be varied, and all equal from a count on, for so many readings."""
    left = [times]

    def sample(networks, count, *, generator, batch):
        if run.session.images >= images and left[0] > 0:
            left[0] -= 1
            return torch.full((count, 3, 16, 16), 0.25)
        return torch.randn(count, 3, 16, 16, generator=generator).clamp(-1, 1)

    run.session.task.sample = sample
    return run


def test_a_generator_that_becomes_constant_is_told_in_plain_words_with_a_sheet(tiny):
    run = collapse_from(tiny(), 12)
    assert run.fit().images == 24
    [line] = run.told.about("the generator has collapsed")
    assert "at 12 images (see collapse/000000012.png). What helps: go on from the best checkpoint" in line
    with Image.open(run.run.folder / "collapse" / "000000012.png") as sheet:
        assert sheet.width > 8 * 64
    assert [event["kind"] for event in read_events(run.run.folder)] == ["collapse"]
    diversity = {line["images"]: line["diversity"] for line in read_scalars(run.run.folder)}
    assert diversity[8] > 0.5 and diversity[12] == 0.0


def test_a_generator_that_is_constant_from_the_start_is_noticed(tiny):
    run = collapse_from(tiny(images=40), 0)
    run.fit()
    assert len(run.told.about("has collapsed: its pictures differ by only 0%")) == 1


def test_stop_ends_the_run_with_exit_7_after_saving(tiny):
    run = collapse_from(tiny("train.on_collapse=stop"), 12)
    with pytest.raises(DivergedError, match="has collapsed") as caught:
        run.fit()
    assert (run.run.status["state"], run.run.status["code"]) == ("diverged", 7) and "raise gamma" not in str(caught)
    assert checkpoints.images_of(checkpoints.list_checkpoints(run.run)[-1]) == 12


def test_rollback_goes_back_to_before_the_collapse_with_half_the_rate(tiny):
    run = collapse_from(tiny("train.on_collapse=rollback"), 12, times=5)  # one reading and its sheet, 4 parts each
    assert run.fit().images == 24 and run.run.status["state"] == "finished"
    assert run.told.about("rolled back to 8 images, learning rate x0.5")
    assert run.session.lr_scale == 0.5 and run.session.rollbacks == 1
    assert [line["images"] for line in read_scalars(run.run.folder)] == [4, 8, 12, 16, 20, 24]


def force_constant(run, *, step, times=1):
    """Let G begin varied, and at a step turn it and its average into a constant, so many times."""
    left, networks = [times], (run.session.task.networks["generator"], run.session.averaged.networks["generator"])
    for matrix in (weight for network in networks for weight in network.parameters() if weight.ndim > 1):
        matrix.data.mul_(20)

    @torch.no_grad()
    def change(found, at):
        if at == step and left[0]:
            left[0] -= 1
            for parameter in (parameter for network in networks for parameter in network.parameters()):
                parameter.data.zero_()  # behind the back of autograd
        return found

    run.change_loss("discriminator", change)
    return run


@pytest.mark.parametrize(
    ("sets", "stronger"),
    [(("arch.norm=none", "regularizer.r1.gamma=0.5"), "r1 gamma 1,"), (("task.augment=['ada']",), "ADA's p +0.1,")],
)
def test_a_generator_that_is_forced_constant_recovers_with_a_d_that_is_held_back(tiny, sets, stronger):
    run = force_constant(tiny("train.on_collapse=rollback", *sets), step=2)
    assert run.fit().images == 24
    [line] = run.told.about("has collapsed", "rolled back to 8 images")
    assert stronger in line and "learning rate x0.5" in line
    diversity = {line["images"]: line["diversity"] for line in read_scalars(run.run.folder)}
    assert diversity[12] > 0.1 and diversity[24] > 0.1  # the constant one is gone from the log
    assert checkpoints.newest_valid(run.run).state["strength"] == run.session.strength == 1


def test_each_collapse_holds_d_back_more_although_the_checkpoint_is_the_same(tiny, tmp_path):
    sets = ("train.on_collapse=rollback", "arch.norm=none", "regularizer.r1.gamma=0.5")
    run = force_constant(tiny(*sets), step=2, times=2)
    run.fit()
    lines = run.told.about("rolled back to 8 images")
    assert ["r1 gamma 1," in lines[0], "r1 gamma 2," in lines[1]] == [True, True]
    resumed = TinyRun(tmp_path, *PREVIEWS, *sets, images=28)
    resumed.run = run.run
    resumed.fit()
    assert resumed.session.task.penalties[0].gamma == 2.0


def stalled(run, readings):
    """Let D win and every score be the same from the start; return the run after so many scores."""
    run.change_loss("discriminator", lambda found, step: (scalar(found), {**found[1], "accuracy": torch.tensor(1.0)}))
    health = Health(run.session, run.run, Events(run.run.folder, run.told), recovery=None)
    health.rules = CollapseRules(accuracy=1.0, lines=100)
    gone_back = []
    health._go_back = lambda alarm: gone_back.append(alarm.kind) or True
    for _ in range(readings):
        health._scored = (50.0, False)
        health.judge({})
    return gone_back


def test_a_stall_first_holds_d_back_and_then_begins_again_from_the_best(tiny):
    run = tiny("train.on_collapse=rollback", "arch.norm=none", "regularizer.r1.gamma=0.5")
    assert stalled(run, 6) == [] and run.session.task.penalties[0].gamma == 1.0
    assert run.told.about("training stands still: 5 scores") and run.told.about("going on with r1 gamma 1")
    assert stalled(run, 6) == ["stall"]


def test_a_stall_of_a_task_that_cannot_hold_d_back_goes_back_at_once_and_is_only_told_with_warn(tiny):
    assert stalled(tiny("train.on_collapse=rollback"), 6) == ["stall"]
    run = tiny()
    assert stalled(run, 6) == [] and run.session.strength == 0
    assert len(run.told.about("training stands still", "What helps")) == 1


def test_rollback_prefers_the_best_checkpoint(tiny):
    run = collapse_from(tiny("train.on_collapse=rollback"), 16, times=5)
    run.session.best = {"images": 4, "metric": "m", "value": 1.0}
    run.fit()
    assert run.told.about("rolled back to 4 images")


def test_a_collapse_that_comes_back_again_and_again_ends_the_run(tiny):
    run = collapse_from(tiny("train.on_collapse=rollback"), 12)
    with pytest.raises(DivergedError, match="after 3 rollbacks"):
        run.fit()
    assert len(run.told.about("rolled back to 8 images")) == 3


def test_without_a_checkpoint_from_before_the_collapse_the_run_goes_on(tiny):
    run = collapse_from(tiny("train.on_collapse=rollback", "train.save_every_images=1000"), 12)
    assert run.fit().images == 24
    assert run.told.about("no checkpoint from before the collapse is left")


def test_a_discriminator_that_wins_is_told_with_what_to_do(tiny):
    run = tiny("arch.norm=none", "regularizer=['r1']", images=160)

    def winning(found, step):
        return scalar(found), {**found[1], "accuracy": torch.tensor(1.0)}

    run.change_loss("discriminator", winning)
    run.fit()
    [line] = run.told.about("the discriminator wins: it tells 100%")
    assert "raise gamma (--set regularizer.r1.gamma=2)" in line and "ada" in line


def test_a_reading_that_fails_is_told_once_and_ends_nothing(tiny, monkeypatch):
    def read(self):
        raise RuntimeError("photographs are needed")

    monkeypatch.setattr(Diversity, "read", read)
    run = tiny()
    assert run.fit().images == 24
    assert len(run.told.about("variety of the pictures can't be measured: photographs are needed")) == 1


def test_a_healthy_run_is_silent(tiny):
    run = collapse_from(tiny(images=48), 10**9)
    run.fit()
    assert run.told.lines == [] and read_events(run.run.folder) == []
    assert not (run.run.folder / "collapse").exists()
    assert all(line["diversity"] > 0 and line["non_finite"] == 0 for line in read_scalars(run.run.folder))


def test_a_run_that_has_hardly_begun_is_no_collapse(tiny, monkeypatch):
    monkeypatch.setattr(collapse, "FIRST_STEPS", 12)
    run = collapse_from(tiny(images=44), 0)
    run.fit()
    assert run.told.lines == []


def test_networks_say_what_they_warn_of_at_the_start(tiny):
    run = tiny(images=4)
    run.session.task.networks["discriminator"].warning = "its backbone flatters scores"
    run.fit()
    assert run.told.lines == ["warning: its backbone flatters scores"]


def test_a_run_pauses_at_a_count_and_goes_on_from_there(tiny, tmp_path):
    run = tiny()
    assert run.fit(until_images=8).images == 8
    assert (run.run.status["state"], run.run.status["images"]) == ("paused", 8)
    again = TinyRun(tmp_path, *PREVIEWS)
    again.run = run.run
    assert again.fit().images == 24 and again.run.status["state"] == "finished"


def test_a_report_and_a_film_are_written_at_the_end(tiny):
    run = tiny()
    run.fit()
    assert (run.run.folder / "report.html").stat().st_size > 1000
    assert list(run.run.folder.glob("timeline.*"))


def test_callbacks_get_the_training_with_folder_config_and_task(tiny, monkeypatch):
    seen = []
    monkeypatch.setattr("ganstyle.engine.callbacks.Callbacks.start", lambda self, run: seen.append(run))
    run = tiny()
    run.fit()
    [given] = seen
    assert isinstance(given, Training)
    assert (given.folder, given.config, given.task) == (run.run.folder, run.config, run.session.task)


def test_losses_stay_losses_when_they_are_changed():
    assert scalar(with_loss((1, {"a": 2}), torch.ones(()))) == 1
