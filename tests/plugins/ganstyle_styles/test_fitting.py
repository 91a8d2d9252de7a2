"""Fitting a style: the held-out score falls, the generator stays, equal seeds agree, adapters move when asked for."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from ganstyle_styles.crops import as_input
from ganstyle_styles.fitting import FitOptions, Fitting, rate_at
from ganstyle_styles.groups import grouped_distance
from ganstyle_styles.perceptual import lattice_loss

from ganstyle.registry import load_registry

QUICK = FitOptions(batch=2, crop=48, work_side=(48.0, 64.0), photo_side=(48.0, 64.0), lr=0.05, scored=2, aimed=4)

NOTHING = dict.fromkeys(("style", "content", "light", "unrest", "colour", "variation", "lattice"), 0.0)
ONLY_RIVAL = FitOptions(batch=2, crop=48, scored=1, aimed=2, **NOTHING)


@pytest.fixture(scope="module")
def works(pictures, as_bytes):
    return list(as_bytes(pictures(1, 96, 70, seed=5)))


@pytest.fixture(scope="module")
def photos(pictures, as_bytes):
    return list(as_bytes(pictures(2, 70, 80, seed=6)))


def fitted(stylizer, works, photos, *, steps=2, code=None, **how):
    start = torch.zeros(stylizer.code_length) if code is None else code
    fitting = Fitting(stylizer, works, photos, code=start, options=QUICK, **how)
    for step in range(steps):
        fitting.step(step / steps)
    return fitting


def test_the_score_falls_and_the_generator_stays(networks, works, photos):
    stylizer = networks["stylizer"]
    before = {name: value.clone() for name, value in stylizer.state_dict().items()}
    fitting = fitted(stylizer, works, photos, steps=6)
    scores = [fitting.score(code)["total"] for code in (torch.zeros(stylizer.code_length), fitting.code)]
    assert scores[1] < scores[0]
    assert all(torch.equal(value, before[name]) for name, value in stylizer.state_dict().items())
    assert all(part.requires_grad and part.grad is None for part in stylizer.parameters())


def test_equal_seeds_give_equal_codes(still_stylizer, works, photos):
    loss = load_registry(plugins=False).build("loss", "hinge", {})
    first, again, other = (fitted(still_stylizer, works, photos, seed=seed, loss=loss).code for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_score_is_the_same_whenever_it_is_asked(still_stylizer, works, photos):
    code = torch.zeros(still_stylizer.code_length)
    fitting = fitted(still_stylizer, works, photos, steps=0)
    before = fitting.score(code)
    fitting.step(0.0)
    assert fitting.score(code) == before == fitted(still_stylizer, works, photos, steps=0, seed=9).score(code)
    named = ("style", "content", "light", "unrest", "colour", "lattice")
    weighted = sum(getattr(fitting.options, name) * before[name] for name in named)
    assert before["total"] == pytest.approx(weighted)


def test_no_steps_leave_the_start_as_it_is(still_stylizer, works, photos):
    start = torch.randn(still_stylizer.code_length)
    assert torch.equal(fitted(still_stylizer, works, photos, steps=0, code=start).code, start)


@pytest.mark.parametrize("name", ["bce", "lsgan", "hinge", "wgan", "relativistic"])
def test_any_adversarial_loss_moves_the_code(still_stylizer, works, photos, name):
    fitting = Fitting(
        still_stylizer,
        works,
        photos,
        code=torch.zeros(still_stylizer.code_length),
        loss=load_registry(plugins=False).build("loss", name, {}),
        options=replace(ONLY_RIVAL, ramp=(0.0, 0.1)),
    )
    paid = fitting.step(0.5)["adversarial"]
    moved = fitting.code.abs().max()
    assert torch.isfinite(fitting.code).all() and math.isfinite(paid)
    assert 0 < moved < 0.011  # Adam's first step is its rate, and only the rival pulled


def test_before_the_ramp_the_rival_only_learns(still_stylizer, works, photos):
    options = replace(ONLY_RIVAL, ramp=(0.5, 0.9))
    start = torch.zeros(still_stylizer.code_length)
    loss = load_registry(plugins=False).build("loss", "hinge", {})
    fitting = Fitting(still_stylizer, works, photos, code=start, loss=loss, options=options)
    before = [value.clone() for value in fitting._contest.rival.parameters()]
    fitting.step(0.1)
    assert torch.equal(fitting.code, start)
    assert any(not torch.equal(a, b) for a, b in zip(before, fitting._contest.rival.parameters(), strict=True))


def test_an_even_photo_is_compared_with_the_calm_work_wherever_it_stands_in_the_batch(still_stylizer, works, photos):
    fitting = fitted(still_stylizer, works, photos, steps=0)
    noise = torch.rand(1, 3, 48, 48, generator=torch.Generator().manual_seed(1)) * 2 - 1
    calm, busy = torch.zeros(1, 3, 48, 48), noise
    taps, both = fitting.backbone.style_taps, torch.cat([calm, busy])
    aims = fitting._grouped(fitting.backbone(both, taps), both)
    photos = torch.cat([0.5 * noise, calm + 0.2])
    right, wrong = (fitting.backbone(torch.cat(pair), taps) for pair in ((busy, calm), (calm, busy)))
    assert float(grouped_distance(fitting._grouped(right, photos), aims)) == pytest.approx(0.0, abs=1e-4)
    assert float(grouped_distance(fitting._grouped(wrong, photos), aims)) > 0.5


def test_a_faint_lattice_in_a_calm_window_counts_beside_busy_ones(still_stylizer, works, photos):
    options = replace(QUICK, crop=128, batch=1, scored=1, aimed=1)
    fitting = Fitting(still_stylizer, works, photos, code=torch.zeros(still_stylizer.code_length), options=options)
    painted = torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(1)) * 2 - 1
    painted[:, :, :64, :64] = 0.01 * torch.tensor([1.0, -1.0, -1.0, -1.0]).repeat(16)
    even = torch.zeros(1, 3, 128, 128)
    assert lattice_loss(painted).item() < 0.02
    assert fitting._parts(painted, even, even)["lattice"].item() > 0.4  # a quarter of the windows, at two periods


def test_an_adapter_moves_only_when_it_is_asked_for(still_stylizer, works, photos):
    length, whole = still_stylizer.code_length, still_stylizer.code_length + still_stylizer.adapter_length
    both = fitted(still_stylizer, works, photos, adapter=True).code
    assert both.shape == (whole,) and both[length:].any()
    assert torch.equal(both[length:], both[length:].half().float())
    start = torch.full((whole,), 0.25)
    kept = fitted(still_stylizer, works, photos, code=start).code
    assert torch.equal(kept[length:], start[length:]) and not torch.equal(kept[:length], start[:length])
    assert fitted(still_stylizer, works, photos).code.shape == (length,)


def test_refining_goes_on_from_a_style_with_an_adapter(still_stylizer, works, photos):
    first = fitted(still_stylizer, works, photos, adapter=True)
    again = fitted(still_stylizer, works, photos, steps=0, code=first.code, adapter=True)
    assert torch.equal(again.code, first.code) and again.score(again.code) == first.score(first.code)


def test_an_adapter_alone_gets_nearer_to_the_works(still_stylizer, works, photos):
    options = replace(QUICK, lr=0.0, adapter_lr=5e-3)
    start = torch.zeros(still_stylizer.code_length)
    fitting = Fitting(still_stylizer, works, photos, code=start, adapter=True, options=options)
    for step in range(5):
        fitting.step(step / 5)
    assert torch.equal(fitting.code[: len(start)], start)
    assert fitting.score(fitting.code)["total"] < fitting.score(start)["total"]


def test_the_rate_falls_to_a_tenth():
    assert [rate_at(share) for share in (0.0, 0.5, 1.0, 2.0)] == pytest.approx([1.0, 0.55, 0.1, 0.1])


def test_nothing_to_fit_is_refused(still_stylizer, works):
    with pytest.raises(ValueError, match="needs works and photos, got 1 and 0"):
        still_stylizer.fitting(works, [], code=torch.zeros(still_stylizer.code_length))


def test_photos_go_in_as_signed_floats(works):
    signed = as_input(torch.stack(works))
    assert (float(signed.min()) >= -1, float(signed.max()) <= 1) == (True, True)
