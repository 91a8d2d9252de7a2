"""The task `multistyle`: codes drawn and read off."""

from __future__ import annotations

import pytest
import torch
from ganstyle_translation.many_task import ManyTask, ManyTaskOptions

from ganstyle.testing import check_task


@pytest.fixture
def task(make_networks, least_squares):
    networks = make_networks("multistyle", labels=2)
    return ManyTask(ManyTaskOptions(reconstruct=2.0, cycle=3.0), networks, loss=least_squares, penalties=())


def test_the_kit_passes():
    check_task(ManyTask, arch="multistyle")


def test_even_steps_draw_codes_and_odd_ones_read_them_off(task, batch):
    drawn = task.draw(batch)
    own = task.translator
    with torch.no_grad():
        even, odd = (task._codes(drawn, step) for step in (0, 1))
        assert torch.equal(even[0], own.coded(drawn["z"], batch["labels"]))
        assert torch.equal(even[1], own.coded(drawn["other_z"], batch["labels"]))
        assert torch.equal(odd[0], own.encode(batch["style"])) and torch.equal(odd[1], own.encode(batch["other"]))


def test_the_loss_is_the_weighted_sum_and_diversity_is_rewarded(task, batch):
    task.progress(0.25)
    loss, parts = task.translator_loss(batch, 1)
    expected = parts["adversarial"] + 2 * parts["reconstruct"] + 3 * parts["cycle"] - 0.75 * parts["diversity"]
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_diversity_ends_with_the_budget(task, batch):
    task.progress(1.0)
    assert "diversity" not in task.translator_loss(batch, 1)[1]


def test_equal_codes_make_no_diversity(task, batch):
    batch["other"] = batch["style"]
    assert task.translator_loss(batch, 1)[1]["diversity"].item() == 0.0


def test_reconstruction_is_read_off_the_result(task, batch):
    with torch.no_grad():
        found = task.translator_loss(batch, 1)[1]["reconstruct"]
        code = task.translator.encode(batch["style"])
        again = task.translator.encode(task.translator(batch["images"], code=code))
    assert found.item() == pytest.approx((again - code).abs().mean().item(), rel=1e-4)


def test_the_judge_is_told_the_domain(task, batch):
    seen = []
    task.discriminator.register_forward_pre_hook(
        lambda module, given, named: seen.append(named.get("labels", (*given, None)[1])), with_kwargs=True
    )
    task.discriminator_loss(batch, 0)
    task.translator_loss(batch, 0)
    assert len(seen) == 3
    assert all(torch.equal(labels, batch["labels"]) for labels in seen)


def test_samples_depend_on_the_generator_alone(task, batch):
    made = [
        task.sample(task.networks, 2, generator=torch.Generator().manual_seed(seed), batch=batch) for seed in (0, 0, 1)
    ]
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


def test_a_preview_shows_a_drawn_style_and_a_reference(task, batch):
    generator = torch.Generator().manual_seed(3)
    shown = task.preview(task.networks, 2, generator=generator, batch=batch)
    own = task.translator
    assert torch.equal(shown[0::4], batch["images"]) and torch.equal(shown[2::4], batch["style"])
    with torch.no_grad():
        assert torch.equal(shown[3::4], own(batch["images"], code=own.encode(batch["style"])))


def test_the_style_encoder_learns_from_drawn_codes_alone(task, batch):
    def learns(step):
        task.translator.zero_grad()
        task.translator_loss(batch, step)[0].backward()
        return any(p.grad is not None and p.grad.any() for p in task.translator.encoder.parameters())

    assert [learns(step) for step in (0, 1, 2)] == [True, False, True]
    assert all(p.requires_grad for p in task.translator.encoder.parameters())
