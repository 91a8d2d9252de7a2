"""The task `cut`: who learns what."""

from __future__ import annotations

import pytest
import torch
from ganstyle_translation.cut_task import CutTask, CutTaskOptions

from ganstyle.testing import check_task


@pytest.fixture
def make_task(make_networks, least_squares):
    def make(networks=None, **options):
        own = networks or make_networks()
        return CutTask(CutTaskOptions(patches=8, **options), own, loss=least_squares, penalties=())

    return make


def gradient_of(network):
    return sum(float(p.grad.abs().sum()) for p in network.parameters() if p.grad is not None)


def test_the_kit_passes():
    check_task(CutTask, {"patches": 8}, arch="cut")


@pytest.mark.parametrize(
    ("phase", "learners", "others"),
    [(0, {"discriminator"}, {"translator", "projector"}), (1, {"translator", "projector"}, {"discriminator"})],
)
def test_a_phase_gives_gradients_to_its_own_networks_only(make_task, batch, phase, learners, others):
    task = make_task()
    task.phases[phase].loss(batch, 0)[0].backward()
    assert all(gradient_of(task.networks[role]) > 0 for role in learners)
    assert all(gradient_of(task.networks[role]) == 0 for role in others)


def test_the_loss_is_the_weighted_sum_of_its_parts(make_task, batch):
    loss, parts = make_task(adversarial=2.0, nce=3.0, rebuild=5.0).translator_loss(batch, 0)
    expected = 2 * parts["adversarial"] + 3 * parts["nce"] + 5 * parts["rebuild"]
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_identity_compares_style_pictures_as_well(make_task, batch):
    task = make_task()
    with torch.no_grad():
        both = task.translator_loss(batch, 0)[1]["nce"]
        content = task.contrast(batch["images"], task.translator(batch["images"]), step=0)
        style = task.contrast(batch["style"], task.translator(batch["style"]), step=0)
    assert both.item() == pytest.approx((content + style).item() / 2, rel=1e-4)


def test_a_translator_that_changes_nothing_has_the_least_contrast(make_task, batch):
    task, images = make_task(), batch["images"]
    with torch.no_grad():
        same = task.contrast(images, images, step=0)
        mixed_up = task.contrast(images, images.roll(9, 3), step=0)
    assert same < mixed_up


def test_half_of_the_steps_of_fastcut_translate_the_mirror_image(make_task, batch):
    task = make_task(flip=True)
    turned = [not torch.equal(task._turned(batch["images"], step), batch["images"]) for step in range(60)]
    assert 15 < sum(turned) < 45
    step = turned.index(True)
    assert torch.equal(task._turned(batch["images"], step), batch["images"].flip(3))


def test_a_translator_that_commutes_with_mirrors_pays_the_same_on_either_side(make_task, batch):
    """Symmetric filters: translating the mirror image and looking at it in the mirror is translating the image."""
    task, images = make_task(flip=True), batch["images"]
    turned = [not torch.equal(task._turned(images, step), images) for step in range(20)]
    step = turned.index(True)
    task.translator.taps = lambda given: (given,)  # the pixels themselves
    task.projector = lambda taps, places: [t.flatten(2)[:, :, p].mT for t, p in zip(taps, places)]
    with torch.no_grad():
        made = task._turned(images, step)  # of a translator that changes nothing
        found = task.contrast(images, made, step=step)
        assert found.item() == pytest.approx(task.contrast(images, images.flip(3), step=step).item(), rel=1e-6)
        assert found < task.contrast(images, images, step=step)


def test_samples_are_translated_photographs_and_previews_show_both(make_task, batch):
    task, generator = make_task(), torch.Generator()
    made = task.sample(task.networks, 3, generator=generator, batch=batch)
    assert torch.equal(made[0], made[2])
    shown = task.preview(task.networks, 2, generator=generator, batch=batch)
    assert torch.equal(shown[0::2], batch["images"])
    assert torch.equal(shown[1::2], made[:2])
