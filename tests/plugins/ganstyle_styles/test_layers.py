"""The stylizer's parts with known answers."""

from __future__ import annotations

import torch
from ganstyle_styles.layers import CodeLayout, DepthwiseBlock, Recorder, Site, conv

from ganstyle.functional.style import channel_statistics


def test_a_layout_cuts_a_code_into_its_parts_in_order():
    layout = CodeLayout(sites=(2, 1), gates=(1,), noise=(3,))
    sites, gates, noise = layout.split(torch.arange(10.0)[None])
    assert layout.length == 10
    assert [part.tolist() for part in sites] == [[[0, 1, 2, 3]], [[4, 5]]]
    assert ([part.tolist() for part in gates], [part.tolist() for part in noise]) == ([[[6]]], [[[7, 8, 9]]])


def test_convolutions_see_no_dark_frame():
    layer = conv(1, 1, 3)
    torch.nn.init.constant_(layer.weight, 1 / 9)
    torch.nn.init.zeros_(layer.bias)
    assert torch.allclose(layer(torch.ones(1, 1, 5, 5)), torch.ones(1, 1, 5, 5))


def test_a_site_with_a_zero_code_normalises():
    maps = 3 * torch.randn(1, 4, 16, 16) + 2
    mean, deviation = channel_statistics(Site()(maps, torch.zeros(1, 8), None))
    assert torch.allclose(mean, torch.zeros_like(mean), atol=1e-5)
    assert torch.allclose(deviation, torch.ones_like(deviation), atol=1e-4)


def test_a_recorder_notes_what_it_normalised_by():
    maps, recorder = torch.randn(1, 4, 16, 16), Recorder()
    result = recorder(maps, torch.zeros(1, 8), None)
    assert torch.equal(result, Site()(maps, torch.zeros(1, 8), None))
    assert torch.equal(recorder.moments[0][0], channel_statistics(maps)[0])


def test_a_block_whose_projection_is_zero_changes_nothing():
    block, maps = DepthwiseBlock(4), torch.randn(1, 4, 9, 9)
    torch.nn.init.zeros_(block.project.weight)
    torch.nn.init.zeros_(block.project.bias)
    assert torch.equal(block(maps, torch.zeros(1, 8), None, site=Site()), maps)
