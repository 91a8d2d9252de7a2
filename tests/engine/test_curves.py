"""Keys of the log find their chart."""

from __future__ import annotations

import math

from ganstyle.engine.curves import PER_CHART, charts

LINE = {"step": 1, "images_per_second": 9.0, "discriminator": 0.5, "generator": 1.5, "discriminator/gradient_norm": 3}


def test_losses_of_all_phases_share_a_chart_and_speed_comes_last():
    found = charts([LINE | {"images": 10}, LINE | {"images": 20, "discriminator": 0.25}])
    assert [chart.title for chart in found] == ["losses", "gradient norms", "images per second"]
    assert {series.name: series.points for series in found[0].series} == {
        "discriminator": ((10, 0.5), (20, 0.25)),
        "generator": ((10, 1.5), (20, 1.5)),
    }


def test_what_watches_the_discriminator_is_grouped_by_meaning_and_a_score_stands_alone():
    keys = ["discriminator/sign", "discriminator/real_logits", "metric/fid", "discriminator/accuracy", "metric/kid"]
    keys += ["discriminator/fake_logits", "discriminator/r1", "generator"]
    titles = {
        chart.title: [series.name for series in chart.series]
        for chart in charts([{"images": 1} | dict.fromkeys(keys, 2)])
    }
    assert list(titles)[:3] == ["losses", "metric/fid", "metric/kid"]
    assert titles["D's mean logits"] == ["real_logits", "fake_logits"]
    assert titles["D: overfitting (sign, accuracy, p)"] == ["sign", "accuracy"] and titles["discriminator"] == ["r1"]


def test_what_is_no_finite_number_is_left_out():
    lines = [{"images": 1, "generator": math.nan, "note": "x", "on": True}, {"images": 2, "generator": 4.0}]
    (chart,) = charts(lines)
    assert chart.series[0].points == ((2, 4.0),)


def test_many_curves_are_spread_over_several_charts():
    found = charts([{"images": 1} | {f"phase{number}": 1.0 for number in range(PER_CHART + 2)}])
    assert [len(chart.series) for chart in found] == [PER_CHART, 2]


def test_skipped_updates_are_shown_only_if_there_were_any_and_variety_has_a_chart_of_its_own():
    lines = [{"images": n, "non_finite": 0, "diversity": 0.9, "generator": 1.0} for n in (1, 2)]
    assert [chart.title for chart in charts(lines)] == ["losses", "variety of the pictures, real ones are 1"]
    assert "skipped updates" in [chart.title for chart in charts([*lines, {"images": 3, "non_finite": 2}])]


def test_a_score_and_the_ends_of_its_interval_share_a_chart():
    lines = [{"images": 1, "metric/fd": 2.0, "metric_low/fd": 1.0, "metric_high/fd": 3.0}]
    [chart] = charts(lines)
    assert chart.title == "metric/fd"
    assert {series.name: series.points for series in chart.series} == {
        "fd": ((1, 2.0),),
        "95 % from": ((1, 1.0),),
        "95 % to": ((1, 3.0),),
    }
