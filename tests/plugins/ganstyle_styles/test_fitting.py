"""Fitting a code: the held-out score falls, the generator stays, equal seeds agree."""

from __future__ import annotations

import math

import pytest
import torch
from ganstyle_styles.crops import as_input
from ganstyle_styles.fitting import COLOUR_AXES, FitOptions, Fitting, colour_distance, matched_style, rate_at
from ganstyle_styles.windows import all_window_distances

from ganstyle.functional.style import style_distance
from ganstyle.registry import load_registry

QUICK = FitOptions(batch=2, crop=48, work_side=(48.0, 64.0), photo_side=(48.0, 64.0), lr=0.05, scored=2, aims=2)


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
    weights = {"style": 5.0, "content": 0.5, "light": 5.0, "colour": 3.0}
    assert before["total"] == pytest.approx(sum(weight * before[name] for name, weight in weights.items()))


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
        options=FitOptions(
            batch=2, crop=48, style=0.0, content=0.0, light=0.0, colour=0.0, variation=0.0, scored=1, ramp=(0.0, 0.1)
        ),
    )
    paid = fitting.step(0.5)["adversarial"]
    moved = fitting.code.abs().max()
    assert torch.isfinite(fitting.code).all() and math.isfinite(paid)
    assert 0 < moved < 0.011  # Adam's first step is its rate, and only the rival pulled


def test_before_the_ramp_the_rival_only_learns(still_stylizer, works, photos):
    options = FitOptions(
        batch=2, crop=48, style=0.0, content=0.0, light=0.0, colour=0.0, variation=0.0, scored=1, ramp=(0.5, 0.9)
    )
    start = torch.zeros(still_stylizer.code_length)
    loss = load_registry(plugins=False).build("loss", "hinge", {})
    fitting = Fitting(still_stylizer, works, photos, code=start, loss=loss, options=options)
    before = [value.clone() for value in fitting._contest.rival.parameters()]
    fitting.step(0.1)
    assert torch.equal(fitting.code, start)
    assert any(not torch.equal(a, b) for a, b in zip(before, fitting._contest.rival.parameters(), strict=True))


def test_sets_are_matched_both_ways(still_stylizer, pictures):
    backbone = still_stylizer.encoder.backbone
    taps = ("b0.depthwise", "b1.depthwise")
    one, two = (backbone(pictures(1, 48, 48, seed=seed), taps) for seed in (1, 2))
    both = {tap: torch.cat([one[tap], two[tap]]) for tap in taps}
    assert float(matched_style(both, both, 1)) == pytest.approx(0.0, abs=1e-6)
    # The painting has its work, but the other work has no painting; and the other way round.
    lonely = float(all_window_distances(one, both, 1)[0, 1])
    assert float(matched_style(one, both, 1)) == pytest.approx(lonely / 4, rel=1e-4)
    strange = float(style_distance(two, one)) / 1.25  # the floor is a quarter of the only norm
    assert float(matched_style(both, one, 1)) == pytest.approx(strange / 4, rel=1e-4)


def test_windows_of_a_painting_may_lie_elsewhere_than_those_of_the_work(still_stylizer, pictures):
    maps = still_stylizer.encoder.backbone(pictures(1, 64, 64, seed=3), ("b0.depthwise",))
    moved = {tap: each.roll((16, 16), (2, 3)) for tap, each in maps.items()}  # quarters change places
    assert float(matched_style(moved, maps, 2)) == pytest.approx(0.0, abs=1e-6)
    assert float(matched_style(moved, {tap: 2 * each for tap, each in maps.items()}, 2)) > 0.1


def test_colours_are_compared_as_sets():
    dark, light = torch.full((1, 3, 8, 8), -0.5), torch.full((1, 3, 8, 8), 0.5)
    works = torch.cat([dark, light])
    assert float(colour_distance(works.flip(0), works)) == pytest.approx(0.0, abs=1e-6)
    assert float(colour_distance(torch.zeros_like(works), works)) > 0.3  # their mean is grey, and far from both
    red = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    axes = torch.tensor(COLOUR_AXES, dtype=torch.float64)
    shift = float((axes[:, 0] / axes.norm(dim=1)).abs().mean())
    assert float(colour_distance(red + dark, dark)) == pytest.approx(shift, rel=1e-5)


def test_the_rate_falls_to_a_tenth():
    assert [rate_at(share) for share in (0.0, 0.5, 1.0, 2.0)] == pytest.approx([1.0, 0.55, 0.1, 0.1])


def test_nothing_to_fit_is_refused(still_stylizer, works):
    with pytest.raises(ValueError, match="needs works and photos, got 1 and 0"):
        still_stylizer.fitting(works, [], code=torch.zeros(still_stylizer.code_length))


def test_photos_go_in_as_signed_floats(works):
    signed = as_input(torch.stack(works))
    assert (float(signed.min()) >= -1, float(signed.max()) <= 1) == (True, True)
