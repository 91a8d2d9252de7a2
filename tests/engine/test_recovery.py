"""Non-finite values are named, never applied, undone by a rollback, and given up with evidence."""

from __future__ import annotations

import json
import math

import pytest
import torch
from PIL import Image
from tiny_runs import TinyRun, scalar, with_loss

from ganstyle.engine import checkpoint as checkpoints
from ganstyle.engine.events import read_events
from ganstyle.engine.logging import read_scalars
from ganstyle.errors import DivergedError

NAN, INF = float("nan"), float("inf")


@pytest.fixture
def tiny(tmp_path):
    """A function that makes a run with options."""
    return lambda *sets, **flags: TinyRun(tmp_path, *sets, **flags)


def poison(tiny, steps, *, value=NAN, phase="discriminator", times=10**6):
    """Make a phase's loss, and with it its gradient, non-finite at the given steps, at most so many times."""
    left = [times]

    def change(found, step):
        if step not in steps or not left[0]:
            return found
        left[0] -= 1
        return with_loss(found, scalar(found) * value)

    tiny.change_loss(phase, change)
    return tiny


def weights_of(run):
    found = checkpoints.newest_valid(run)
    return {key: value for key, value in (found.model | found.train).items() if value.is_floating_point()}


@pytest.mark.parametrize("norm", ["none", "batch"])
@pytest.mark.parametrize("value", [NAN, INF])
def test_one_bad_step_is_skipped_and_named_with_term_step_and_pictures(tiny, norm, value):
    run = poison(tiny(f"arch.norm={norm}"), {2}, value=value)
    run.fit()
    [line] = run.told.about("non-finite", "phase 'discriminator'", "at step 2:")
    first = run.session.names(8)
    assert f"discriminator is {value}" in line and all(name in line for name in first) and len(first) == 4
    assert all(torch.isfinite(value).all() for value in weights_of(run.run).values())
    assert (
        read_events(run.run.folder)[0] | {"kind": "non_finite", "step": 2, "images": 8, "pictures": first}
        == (read_events(run.run.folder)[0])
    )


def test_a_bad_step_changes_no_weight_and_no_average_of_its_phase(tiny):
    run = poison(tiny(), {0, 1}, phase="generator")
    before = {key: value.clone() for key, value in run.session.task.networks["generator"].named_parameters()}
    batches = run.session.batches()
    from ganstyle.engine.stepping import advance

    for _ in range(2):
        advance(run.session, next(batches))
    after = dict(run.session.task.networks["generator"].named_parameters())
    assert [key for key in before if not torch.equal(before[key], after[key])] == []


def test_a_loss_that_is_nan_beside_finite_gradients_is_not_applied_either(tiny):
    run = tiny()
    run.change_loss("generator", lambda found, step: with_loss(found, scalar(found) + (NAN if step == 1 else 0.0)))
    run.fit()
    assert run.told.about("non-finite", "phase 'generator'", "at step 1: generator is nan")
    assert len(run.told.about("update skipped, 1 so far")) == 1


def test_the_part_to_blame_is_named_before_the_sum(tiny):
    def change(found, step):
        parts = {"penalty": torch.tensor(INF), "fine": torch.tensor(1.0)} if step == 1 else {}
        return scalar(found) * (NAN if step == 1 else 1), parts

    run = tiny()
    run.change_loss("discriminator", change)
    run.fit()
    assert run.told.about("at step 1: discriminator/penalty is inf, discriminator is nan;")
    assert not run.told.about("discriminator/fine is")


def test_what_is_not_finite_is_null_in_the_log_which_stays_strict_json(tiny):
    run = poison(tiny(), {1})
    run.fit()
    text = (run.run.folder / "scalars.jsonl").read_text()
    assert "NaN" not in text and [line["discriminator"] is None for line in read_scalars(run.run.folder)][:3] == [
        False,
        True,
        False,
    ]


def test_the_number_of_skipped_updates_is_on_every_line_of_the_log(tiny):
    run = poison(tiny(), {1, 3})
    run.fit()
    assert [line["non_finite"] for line in read_scalars(run.run.folder)] == [0, 1, 1, 2, 2, 2]


def test_batch_statistics_that_a_skipped_batch_poisoned_are_brought_back(tiny):
    run = tiny("task.share_fakes=false")  # else G's graph of this step would see its statistics change

    def change(found, step):
        if step == 1:
            run.session.task.networks["generator"].layers[0].running_mean.fill_(NAN)
            return with_loss(found, scalar(found) * NAN)
        return found

    run.change_loss("discriminator", change)
    run.fit()
    assert all(torch.isfinite(value).all() for value in weights_of(run.run).values())


def test_three_bad_steps_in_a_row_roll_back_with_half_the_rate_and_other_random_numbers(tiny):
    run = poison(tiny(), {3, 4, 5}, times=3)
    result = run.fit()
    assert run.told.about("discriminator is nan, 3 times in a row: rolled back to 8 images, learning rate x0.5")
    assert result.images == 24 and run.run.status["state"] == "finished"
    assert (run.session.rollbacks, run.session.lr_scale) == (1, 0.5)
    assert run.session.optimizers["generator"].lr == pytest.approx(1.5e-4)
    assert [line["images"] for line in read_scalars(run.run.folder)] == [4, 8, 12, 16, 20, 24]
    assert checkpoints.newest_valid(run.run).state["rollbacks"] == 1


def test_a_rollback_does_not_repeat_the_pictures_that_ended_it(tiny):
    run = poison(tiny(), {3, 4, 5}, times=3)
    before = run.session.names(16)
    run.fit()
    assert run.session.names(16) != before


def test_bad_steps_before_any_checkpoint_end_the_run_with_exit_7_and_evidence(tiny):
    run = poison(tiny("train.save_every_images=1000"), range(100))
    with pytest.raises(DivergedError, match="3 times in a row, and there is no checkpoint") as caught:
        run.fit()
    assert (run.run.status["state"], run.run.status["code"]) == ("diverged", 7)
    bundle = json.loads((run.run.folder / "diverged" / "step-000000002.json").read_text())
    assert bundle["terms"] == {"discriminator": "nan"} and bundle["step"] == 2 and bundle["images"] == 8
    assert bundle["pictures"] == run.session.names(8) and bundle["gradient_norms"]["discriminator"] == "nan"
    assert bundle["weights_not_finite"] == [] and "--set optimizer.lr=7.5e-05" in caught.value.hint
    with Image.open(run.run.folder / "diverged" / "step-000000002.png") as sheet:
        assert sheet.width > 2 * 64  # two rows of two pictures, enlarged


def test_a_run_that_diverges_after_three_rollbacks_gives_up(tiny):
    run = poison(tiny(), range(2, 10_000))
    with pytest.raises(DivergedError, match="after 3 rollbacks"):
        run.fit()
    assert len(run.told.about("rolled back to 8 images")) == 3
    assert run.told.about("learning rate x0.125") and run.run.status["code"] == 7


def test_weights_that_became_infinite_are_not_saved_but_rolled_back(tiny):
    run = tiny()
    last, update = run.session.optimizers["generator"], run.session.optimizers["generator"].step
    steps = [3]

    def overflowing(step):
        update(step)
        if step in steps:
            run.session.task.networks["discriminator"].last.weight.data.fill_(INF)
            steps.clear()

    last.step = overflowing
    assert run.fit().images == 24
    assert run.told.about("rolled back to 8 images") and run.told.about("discriminator/last.weight")


def test_an_average_that_is_not_finite_starts_again_from_the_trained_weights(tiny):
    run = tiny()
    done = []

    def change(found, step):
        if step == 2 and not done:
            done.append(run.session.averaged.networks["generator"].first.weight.data.fill_(NAN))
        return found

    run.change_loss("generator", change)
    run.fit()
    assert run.told.about("averaged weights were not finite")
    assert all(torch.isfinite(value).all() for value in weights_of(run.run).values())


def test_a_resumed_run_does_not_tell_old_skips_again(tiny):
    run = poison(tiny(images=16), {1})
    run.fit()
    again = TinyRun(run.pictures.parent, images=24)
    again.run = run.run
    again.fit()
    assert again.told.about("resumed at 16") and not again.told.about("non-finite")


def test_a_healthy_run_has_no_events(tiny):
    run = tiny("arch.norm=batch")
    run.fit()
    assert read_events(run.run.folder) == [] and run.told.lines == []
    assert not (run.run.folder / "diverged").exists() and math.isfinite(read_scalars(run.run.folder)[-1]["generator"])
