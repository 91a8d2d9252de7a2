"""The task `cyclegan`: there and back."""

from __future__ import annotations

import pytest
import torch
from ganstyle_translation.cycle_task import CycleTask, CycleTaskOptions, cycle_distance

from ganstyle.testing import check_task


@pytest.fixture
def make_task(make_networks, least_squares):
    def make(**options):
        return CycleTask(CycleTaskOptions(**options), make_networks("cyclegan"), loss=least_squares, penalties=())

    return make


def test_the_kit_passes():
    check_task(CycleTask, {"pool": 3}, arch="cyclegan")


def test_inverse_networks_lose_nothing_on_the_way(pictures):
    images = pictures(2)
    assert cycle_distance(images, lambda x: -x.flip(3), lambda x: -x.flip(3)).item() == 0.0


def test_what_is_lost_on_the_way_is_the_mean_absolute_difference(pictures):
    images = pictures(2)
    lost = cycle_distance(images, lambda x: x / 2, lambda x: x)
    assert lost.item() == pytest.approx(images.abs().mean().item() / 2, rel=1e-5)


class Mirror(torch.nn.Module):
    """Its own inverse, in both directions."""

    def forward(self, images, direction="a2b"):
        return -images


def test_inverse_directions_pay_for_no_cycle(make_task, batch):
    task = make_task(identity=0.0)
    task.translator = Mirror()
    assert task.translator_loss(batch, 0)[1]["cycle"].item() == 0.0


def test_the_loss_is_the_weighted_sum_of_its_parts(make_task, batch):
    loss, parts = make_task(adversarial=2.0, cycle=3.0, identity=5.0).translator_loss(batch, 0)
    expected = 2 * parts["adversarial"] + 3 * parts["cycle"] + 5 * parts["identity"]
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_parts_of_the_translator_loss_are_those_of_single_passes(make_task, batch):
    task = make_task()
    with torch.no_grad():
        parts = task.translator_loss(batch, 0)[1]
        there, back = (lambda x, name=name: task.translator(x, name) for name in ("a2b", "b2a"))
        cycle = cycle_distance(batch["images"], there, back) + cycle_distance(batch["style"], back, there)
        kept = (there(batch["style"]) - batch["style"]).abs().mean()
        kept = kept + (back(batch["images"]) - batch["images"]).abs().mean()
    assert parts["cycle"].item() == pytest.approx(cycle.item(), rel=1e-4)
    assert parts["identity"].item() == pytest.approx(kept.item(), rel=1e-4)


def test_the_judges_are_shown_former_results(make_task, batch):
    task, shown, fresh = make_task(pool=2), [], []
    task.judges["a2b"].register_forward_pre_hook(lambda module, given: shown.append(given[0]))
    for step in range(8):
        with torch.no_grad():
            fresh.append(task.translator(batch["images"], "a2b"))
        task.discriminator_loss(batch, step)
        task.translator.generators["a2b"].to_rgb.bias.data.add_(0.1)
    fakes = shown[1::2]  # after the real ones
    assert torch.allclose(fakes[0], fresh[0], atol=1e-6)
    assert any((one - two).abs().max() > 1e-3 for one, two in zip(fakes, fresh))
    assert len(task.pools["a2b"].kept) == len(task.pools["b2a"].kept) == 2


def test_a_preview_shows_both_sides_and_what_became_of_them(make_task, batch):
    task = make_task()
    shown = task.preview(task.networks, 2, generator=torch.Generator(), batch=batch)
    assert len(shown) == 2 * task.preview_columns
    assert torch.equal(shown[0::4], batch["images"]) and torch.equal(shown[2::4], batch["style"])
    assert torch.equal(shown[1::4], task.sample(task.networks, 2, generator=torch.Generator(), batch=batch))
