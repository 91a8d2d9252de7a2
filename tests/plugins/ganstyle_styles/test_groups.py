"""Style by groups of windows: known sums, no floor between two draws of one work, calm parts apart from busy ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ganstyle_styles.groups import grouped_distance, grouped_style, window_groups
from ganstyle_styles.windows import FLOOR, windowed_style_distance

from ganstyle.functional.style import EPSILON


def in_order(count: int, *, groups: int) -> list[torch.Tensor]:
    return list(torch.arange(count).tensor_split(groups))


def test_windows_are_parted_by_how_busy_they_are_and_those_by_light():
    stripes = torch.zeros(8, 8).index_fill(1, torch.arange(0, 8, 2), 0.2)
    plain = [torch.full((8, 8), level) for level in (0.5, -0.5)]
    busy = [stripes + level for level in (0.3, -0.4)]
    images = torch.stack([busy[0], plain[0], plain[1], busy[1]])[:, None].expand(-1, 3, -1, -1)
    found = window_groups(images, 1, groups=(2, 2))
    assert [group.tolist() for group in found] == [[2], [1], [3], [0]]
    assert [sorted(group.tolist()) for group in window_groups(images, 1, groups=(2, 1))] == [[1, 2], [0, 3]]


def test_gram_matrices_are_those_of_the_groups_pixels_and_moments_means_of_the_windows_own():
    maps = torch.randn(3, 2, 4, 4, generator=torch.Generator().manual_seed(1))
    grams, moments = grouped_style({"t": maps}, in_order(3, groups=2), ["t"], grid=1)["t"]
    values = maps.double().numpy().reshape(3, 2, 16)
    for gram, moment, part in zip(grams, moments, (values[:2], values[2:]), strict=True):
        flat = part.transpose(1, 0, 2).reshape(2, -1)
        assert np.allclose(gram.numpy(), flat @ flat.T / flat.size, atol=1e-6)
        deviations = np.sqrt(part.var(2) + EPSILON).mean(0)
        assert np.allclose(moment.numpy(), np.concatenate([part.mean((0, 2)), deviations]), atol=1e-6)


def test_only_the_wanted_taps_are_measured():
    maps = {"a": torch.zeros(2, 1, 4, 4), "b": torch.zeros(2, 1, 4, 4)}
    assert list(grouped_style(maps, in_order(2, groups=1), ["b"], grid=1)) == ["b"]


def test_equal_styles_are_0_apart_and_no_style_at_all_is_all_of_it():
    maps = torch.randn(4, 3, 8, 8)
    style = grouped_style({"t": maps}, in_order(16, groups=4), ["t"], grid=2)
    nothing = {"t": tuple(torch.zeros_like(part) for part in style["t"])}
    assert float(grouped_distance(style, style)) == 0.0
    gram, moment = (part.square().sum(tuple(range(1, part.dim()))) for part in style["t"])
    expected = sum(w * float((n / (n + FLOOR * n.mean())).mean()) for w, n in ((1.0, gram), (2.0, moment)))
    assert float(grouped_distance(nothing, style, moments=2.0)) == pytest.approx(expected, rel=1e-5)


def test_two_draws_of_one_texture_are_near_where_windows_one_by_one_are_not():
    """Strips that lie this way or that: each window is one of them, and no window is like the mean."""
    generator = torch.Generator().manual_seed(2)
    draws = []
    for _ in range(2):
        kinds = torch.rand(64, 1, 1, 1, generator=generator) < 0.5
        noise = torch.randn(64, 2, 8, 8, generator=generator)
        draws.append(
            noise * torch.where(kinds, torch.tensor([3.0, 0.3]).view(2, 1, 1), torch.tensor([0.3, 3.0]).view(2, 1, 1))
        )
    one_by_one = torch.arange(64)[None]
    alone = windowed_style_distance({"t": draws[0]}, {"t": draws[1]}, one_by_one, grid=1)
    styles = [grouped_style({"t": draw}, in_order(64, groups=2), ["t"], grid=1) for draw in draws]
    assert float(grouped_distance(*styles)) < 0.1 * float(alone.mean())


def test_texture_in_the_wrong_group_counts():
    calm, busy = torch.zeros(1, 3, 16, 16), torch.rand(1, 3, 16, 16) - 0.5
    groups = window_groups(torch.cat([calm, busy]), 1, groups=(2, 1))
    right, crossed = (
        grouped_style({"t": torch.cat(pair)}, groups, ["t"], grid=1) for pair in ((calm, busy), (busy, calm))
    )
    assert float(grouped_distance(crossed, right)) > 1.0


def test_the_distance_teaches():
    maps, groups = torch.randn(4, 2, 8, 8, requires_grad=True), in_order(4, groups=2)
    target = grouped_style({"t": 2 * torch.randn(4, 2, 8, 8)}, groups, ["t"], grid=1)
    grouped_distance(grouped_style({"t": maps}, groups, ["t"], grid=1), target).backward()
    assert maps.grad is not None and float((maps.grad * maps.detach()).sum()) < 0  # growing brings it nearer
