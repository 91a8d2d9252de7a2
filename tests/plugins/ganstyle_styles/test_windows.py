"""Style by windows: which window is compared with which, and how far apart they are."""

from __future__ import annotations

import pytest
import torch
from ganstyle_styles.windows import (
    matched_windows,
    window_order,
    windowed_style_distance,
    windows,
)

from ganstyle.functional.style import style_distance


def quilt(*levels_and_marks):
    """Return a picture (1, 3, 64, 64) of 2 x 2 windows, each of a grey level with stripes of an amplitude."""
    stripes = torch.tensor([1.0, -1.0]).repeat(16)
    parts = [(level + mark * stripes).expand(3, 32, 32) for level, mark in levels_and_marks]
    return torch.cat([torch.cat(parts[:2], 2), torch.cat(parts[2:], 2)], 1)[None]


def random_maps(seed, *, side, pictures=2):
    generator = torch.Generator().manual_seed(seed)
    shapes = {"few": (pictures, 3, side, side), "many": (pictures, 40, side // 2, side // 2)}
    return {tap: torch.rand(shape, generator=generator, dtype=torch.float64) for tap, shape in shapes.items()}


def test_windows_go_row_by_row_and_picture_by_picture():
    maps = torch.arange(2.0)[:, None, None, None] * 100 + torch.arange(49.0).view(1, 1, 7, 7)
    cut = windows(maps, 3)
    assert cut.shape == (18, 1, 2, 2)
    assert cut[:3, 0, 0, 0].tolist() == [0, 2, 4]
    assert cut[3, 0].tolist() == [[14, 15], [21, 22]]
    assert cut[9:12, 0, 0, 0].tolist() == [100, 102, 104]


def test_the_order_is_from_calm_to_busy_and_then_from_dark_to_light():
    picture = quilt((0.3, 0.2), (0.5, 0.0), (-0.5, 0.3), (-0.4, 0.01))
    assert window_order(picture, 2).tolist() == [[3, 1, 2, 0]]  # calm: dark, light; busy: dark, light


def test_a_calm_light_window_meets_the_calm_light_window_of_the_work():
    photo = quilt((0.6, 0.0), (-0.6, 0.01), (0.4, 0.3), (-0.4, 0.3))
    work = quilt((-0.3, 0.5), (0.3, 0.5), (-0.5, 0.05), (0.5, 0.04))
    assert matched_windows(photo, work, 2).tolist() == [[3, 2, 1, 0]]


def test_a_picture_matched_with_itself_is_in_place(pictures):
    images = pictures(3)
    expected = torch.arange(16).expand(3, 16)
    assert torch.equal(matched_windows(images, images, 4), expected)


def test_a_work_of_another_size_is_matched_as_well(pictures):
    images = pictures(2)
    larger = images.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert torch.equal(matched_windows(images, larger, 4), torch.arange(16).expand(2, 16))


def relative(squares, norms):
    norms = torch.stack(norms)
    return (torch.stack(squares) / (norms + norms.mean() / 4)).mean()


def test_the_distance_is_that_of_gram_matrices_and_moments_of_windows_in_float64():
    maps, target = random_maps(0, side=12), random_maps(1, side=16)
    matching = torch.tensor([[1, 0, 3, 2], [3, 2, 1, 0]])
    expected = torch.zeros(2, dtype=torch.float64)
    for picture in range(2):
        for tap in maps:
            found = {"gram": ([], []), "moments": ([], [])}
            for window in range(4):
                mine = windows(maps[tap][picture : picture + 1], 2)[window].flatten(1)
                theirs = windows(target[tap][picture : picture + 1], 2)[matching[picture, window]].flatten(1)
                grams = [each @ each.T / each.numel() for each in (mine, theirs)]
                spread = [torch.cat([e.mean(1), (e.var(1, correction=0) + 1e-5).sqrt()]) for e in (mine, theirs)]
                for name, (value, aim) in {"gram": grams, "moments": spread}.items():
                    found[name][0].append((value - aim).square().sum())
                    found[name][1].append(aim.square().sum())
            expected[picture] += (relative(*found["gram"]) + 3 * relative(*found["moments"])) / 2
    assert windowed_style_distance(maps, target, matching, grid=2).numpy() == pytest.approx(expected.numpy(), rel=1e-6)


def test_one_window_is_the_whole_picture_but_for_the_floor():
    maps, target = random_maps(2, side=10), random_maps(3, side=14)
    found = windowed_style_distance(maps, target, torch.zeros(2, 1, dtype=torch.int64), grid=1, moments=2.0)
    assert 1.25 * found.numpy() == pytest.approx(style_distance(maps, target, moments=2.0).numpy(), rel=1e-6)


def test_a_faint_texture_costs_more_in_a_calm_window_than_in_a_busy_one():
    work = {"rgb": quilt((0.1, 0.0), (0.1, 0.8), (0.1, 0.0), (0.1, 0.8))}

    def distance(*marks):
        return windowed_style_distance({"rgb": quilt(*marks)}, work, torch.arange(4)[None], grid=2).item()

    assert distance((0.1, 0.0), (0.1, 0.8), (0.1, 0.0), (0.1, 0.8)) == pytest.approx(0, abs=1e-6)
    calm = distance((0.1, 0.2), (0.1, 0.8), (0.1, 0.0), (0.1, 0.8))
    busy = distance((0.1, 0.0), (0.1, 1.0), (0.1, 0.0), (0.1, 0.8))
    assert calm > 2 * busy > 0


def test_together_the_windows_of_all_pictures_are_one_order():
    calm, busy = quilt((0.1, 0.0), (0.2, 0.01), (0.3, 0.02), (0.4, 0.03)), quilt(*[(0.1, 0.3)] * 3, (0.1, 0.5))
    photos, works = torch.cat([busy, calm]), torch.cat([calm, busy])
    matching = matched_windows(photos, works, 2, together=True)
    assert matching.shape == (1, 8)
    assert sorted(matching[0].tolist()) == list(range(8))
    assert set(matching[0, 4:].tolist()) == {0, 1, 2, 3}  # the calm photo's windows meet the calm work's
    assert matching[0, 3] == 7


def test_together_distances_are_one_mean_over_all_windows():
    maps, target = random_maps(6, side=12), random_maps(7, side=12)
    turned = torch.tensor([[4, 5, 6, 7, 0, 1, 2, 3]])
    found = windowed_style_distance(maps, target, turned, grid=2)
    swapped = {tap: each.flip(0) for tap, each in target.items()}
    assert found.shape == (1,)
    assert found == windowed_style_distance(maps, swapped, torch.arange(8)[None], grid=2)


def test_gradients_reach_every_window():
    maps = {tap: each.requires_grad_() for tap, each in random_maps(4, side=12).items()}
    matching = torch.arange(4).expand(2, 4)
    windowed_style_distance(maps, random_maps(5, side=12), matching, grid=2).sum().backward()
    assert all((windows(each.grad.abs(), 2).sum((1, 2, 3)) > 0).all() for each in maps.values())
