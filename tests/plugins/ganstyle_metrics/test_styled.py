"""Style metrics on made works: the right style wins, a recolouring doesn't, and bad input is answered."""

from __future__ import annotations

import pytest
import torch
from ganstyle_metrics.backbones import BackboneOptions
from ganstyle_metrics.styled import (
    ColourOptions,
    build_colour_distance,
    build_style_fidelity,
    build_style_gram,
    build_style_stats,
)
from metric_pictures import hatched, noisy, scene

from ganstyle.errors import InputError, UsageError

WORKS = {
    "lines": [hatched(1, period=6)],
    "patches": [scene(4, 64, 90), scene(4, 80, 64)],
    "dust": [noisy(scene(6), 60)],
}
BUILDS = {
    "gram": build_style_gram,
    "stats": build_style_stats,
    "fidelity": build_style_fidelity,
}


def with_works(metric, works=None):
    metric.take_styles(works or WORKS)
    return metric


def built(name, works=None):
    return with_works(BUILDS[name](BackboneOptions(), "cpu"), works)


def painted(content, style="lines"):
    """A made painting: the work, shaded as its content."""
    shade = content.float().mean(0) / 255 * 0.5 + 0.6
    return (hatched(1, *content.shape[1:], period=6) * shade).clamp(0, 255).to(torch.uint8)[None]


def recoloured(content, work):
    """The content with the mean and deviation of the work's channels."""
    a, b = content.double().flatten(1), work.double().flatten(1)
    mapped = (a - a.mean(1, keepdim=True)) / a.std(1, keepdim=True) * b.std(1, keepdim=True) + b.mean(1, keepdim=True)
    return mapped.view(content.shape).clamp(0, 255).to(torch.uint8)[None]


@pytest.mark.parametrize("name", ["gram", "stats"])
def test_a_work_in_its_own_style_is_nothing_away(name):
    work = hatched(1, 64, 80, period=6)
    metric = built(name, {"lines": [work]})
    assert metric.measure(work[None], work[None], styles=["lines"]).item() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("name", ["gram", "stats"])
def test_strokes_beat_a_recolouring_and_the_wrong_style(name):
    metric, content = built(name), scene(0)
    painting = metric.measure(painted(content), content[None], styles=["lines"])
    assert painting < 0.7 * metric.measure(recoloured(content, WORKS["lines"][0]), content[None], styles=["lines"])
    assert painting < 0.7 * metric.measure(painted(content), content[None], styles=["patches"])
    assert painting < 0.7 * metric.measure(content[None], content[None], styles=["lines"])


@pytest.mark.parametrize("name", ["gram", "stats"])
def test_each_picture_of_a_batch_is_compared_with_its_own_style(name):
    metric, content = built(name), scene(0)
    both = torch.cat([painted(content), content[None]])
    found = metric.measure(both, torch.stack([content] * 2), styles=["lines", "patches"])
    alone = [
        metric.measure(both[i : i + 1], content[None], styles=[style]).item()
        for i, style in enumerate(("lines", "patches"))
    ]
    assert found.tolist() == pytest.approx(alone, rel=1e-4)


def test_works_of_any_size_are_brought_to_the_size_of_the_picture():
    work = hatched(1, 64, 80, period=6)
    large = work.repeat_interleave(2, 1).repeat_interleave(2, 2)
    near, far = built("gram", {"lines": [large]}), built("gram", {"lines": [large[:, :64, :80]]})
    found = [metric.measure(work[None], work[None], styles=["lines"]).item() for metric in (near, far)]
    assert found[0] < 0.5 * found[1]


def test_recolourings_are_told():
    metric, content = built("gram"), scene(0)
    metric.update(recoloured(content, WORKS["dust"][0]), content[None], styles=["dust"])
    metric.update(painted(content), content[None], styles=["lines"])
    assert metric.warnings()[0] == "1 of 2 pictures are little more than their content recoloured"
    metric.reset()
    metric.update(painted(content), content[None], styles=["lines"])
    assert not any("recoloured" in text for text in metric.warnings())


def test_adastyle_s_own_network_is_told():
    metric = built("gram")
    metric.update(painted(scene(0)), scene(0)[None], styles=["lines"])
    assert any("adastyle is trained on this network" in text for text in metric.warnings())


def test_fidelity_is_the_share_whose_nearest_style_is_the_intended_one():
    metric, content = built("fidelity"), scene(0)
    pictures = torch.cat([painted(content), painted(content), noisy(content, 60)[None]])
    metric.update(pictures, torch.stack([content] * 3), styles=["lines", "dust", "dust"])
    assert metric.pair_values().tolist() == [1, 0, 1]
    assert metric.compute() == {"style_fidelity_efficientnet_lite0": pytest.approx(2 / 3)}
    low, high = metric.intervals()["style_fidelity_efficientnet_lite0"]
    # Wilson's interval of 2 of 3, from the published formula.
    assert (low, high) == pytest.approx((0.2077, 0.9385), abs=1e-4)
    assert "guessing among 3 styles would score 0.33" in metric.warnings()


def test_fidelity_needs_a_choice():
    with pytest.raises(UsageError, match="only 'lines'"):
        built("fidelity", {"lines": WORKS["lines"]})


def test_colours_are_those_of_the_works_wherever_they_stand():
    metric = with_works(build_colour_distance(ColourOptions(), "cpu"))
    content, work = scene(0), WORKS["dust"][0]
    near = metric.measure(recoloured(content, work), content[None], styles=["dust"]).item()
    far = metric.measure(content[None], content[None], styles=["dust"]).item()
    assert near < 0.5 * far
    assert metric.measure(work.flip(2)[None], content[None], styles=["dust"]).item() < 0.01
    assert metric.warnings() == []


def test_two_works_stand_for_the_palette_between_them():
    dark, light, middle = (torch.full((3, 40, 40), level, dtype=torch.uint8) for level in (20, 120, 70))
    metric = with_works(build_colour_distance(ColourOptions(), "cpu"), {"grey": [dark, light]})
    assert metric.measure(middle[None], middle[None], styles=["grey"]).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("works", [{}, {"empty": []}])
def test_nothing_is_no_style(works):
    with pytest.raises(UsageError, match=r"no styles|has no works"):
        BUILDS["gram"](BackboneOptions(), "cpu").take_styles(works)


def test_a_style_that_was_not_given_is_named():
    with pytest.raises(UsageError, match="no style 'baroque'"):
        built("gram").update(scene()[None], scene()[None], styles=["baroque"])


def test_pairs_without_styles_are_refused():
    with pytest.raises(UsageError, match="needs the style of each picture"):
        built("gram").update(scene()[None], scene()[None])
    with pytest.raises(UsageError, match="no style 'lines'"):
        BUILDS["gram"](BackboneOptions(), "cpu").update(scene()[None], scene()[None], styles=["lines"])


def test_tiny_works_and_unequal_pairs_are_refused():
    with pytest.raises(InputError, match="too small"):
        built("gram", {"tiny": [scene(0, 20, 20)]})
    with pytest.raises(InputError, match="equal sizes"):
        built("gram").update(scene()[None], scene(width=72)[None], styles=["lines"])
