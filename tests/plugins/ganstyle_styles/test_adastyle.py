"""The stylizer: its code, its sizes, its tiles, what a style is."""

from __future__ import annotations

import pytest
import torch
from ganstyle_styles.adastyle import AdaStyleOptions, Discriminator, Painter, build_adastyle

from ganstyle.api import ImageSpec
from ganstyle.testing import check_architecture


@pytest.fixture(scope="module")
def full_size():
    return build_adastyle(AdaStyleOptions(), ImageSpec(128, 128))


def test_the_kit_passes():
    check_architecture(build_adastyle, {"base_channels": 4, "hidden": 16, "embedding": 8, "blocks": 2})


def test_a_code_has_1512_numbers_and_the_painter_358_thousand(full_size):
    painter = full_size["stylizer"].painter
    assert full_size["stylizer"].code_length == 1512
    assert sum(part.numel() for part in painter.parameters()) == 358_236


def test_the_weights_fit_into_four_megabytes_of_float16_without_the_backbone(full_size):
    state = full_size["stylizer"].state_dict()
    assert sum(value.numel() for value in state.values()) * 2 < 4_000_000
    assert not [name for name in state if "backbone" in name or "typical" in name]


def test_grey_pictures_are_refused():
    with pytest.raises(ValueError, match="RGB pictures, not 1 channels"):
        build_adastyle(AdaStyleOptions(), ImageSpec(64, 64, channels=1))


def test_equal_seeds_give_equal_weights(make_networks):
    first, second = (make_networks(seed=3)["stylizer"].state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("size", [(64, 64), (37, 50), (8, 96), (1, 9)])
def test_any_size_is_painted_within_range(still_stylizer, pictures, size):
    painted = still_stylizer.stylize(pictures(1, *size), torch.zeros(1, still_stylizer.code_length))
    assert painted.shape == (1, 3, *size)
    assert float(painted.abs().max()) <= 1


def test_forward_is_encode_then_stylize(still_stylizer, pictures):
    content, style = pictures(2), pictures(2, seed=5)
    expected = still_stylizer.stylize(content, still_stylizer.encode(style))
    assert torch.equal(still_stylizer(content, style), expected)


def test_one_code_serves_every_picture_of_a_batch(still_stylizer, pictures):
    content, code = pictures(2), still_stylizer.encode(pictures(1, seed=5))
    both = still_stylizer.stylize(content, code)
    assert torch.allclose(both[1:], still_stylizer.stylize(content[1:], code), atol=1e-5)


def test_a_code_does_not_depend_on_its_neighbours_or_their_order(still_stylizer, pictures):
    styles = pictures(4, seed=5)
    codes, order = still_stylizer.encode(styles), torch.tensor([2, 0, 3, 1])
    assert torch.allclose(still_stylizer.encode(styles[order]), codes[order], atol=1e-5)
    assert torch.allclose(still_stylizer.encode(styles[:1]), codes[:1], atol=1e-5)


def test_copies_of_a_work_have_its_code_as_their_mean(still_stylizer, pictures):
    style = pictures(1, seed=5)
    codes = still_stylizer.encode(style.expand(3, -1, -1, -1))
    assert torch.allclose(codes.mean(0), still_stylizer.encode(style)[0], atol=1e-5)


def test_other_styles_give_other_paintings(still_stylizer, pictures):
    content = pictures(1)
    painted = [still_stylizer(content, pictures(1, seed=seed)) for seed in (5, 6)]
    assert float((painted[0] - painted[1]).abs().mean()) > 0.01


def test_codes_stay_within_their_limit_for_black_pictures(still_stylizer):
    code = still_stylizer.encode(torch.full((1, 3, 64, 64), -1.0))
    assert torch.isfinite(code).all()
    assert float(code.abs().max()) <= 3.0


def test_measured_statistics_give_the_same_picture(still_stylizer, pictures):
    content, code = pictures(1, 72, 88), still_stylizer.encode(pictures(1, seed=5))
    statistics = still_stylizer.measure(content, code)
    assert len(statistics) == 8
    again = still_stylizer.stylize(content, code, statistics=statistics)
    assert torch.allclose(again, still_stylizer.stylize(content, code), atol=1e-5)


def test_a_tile_with_its_halo_equals_the_untiled_picture(make_networks, pictures):
    stylizer = make_networks(blocks=1)["stylizer"].eval().requires_grad_(False)
    content, code = pictures(1, 160, 240), torch.randn(1, stylizer.code_length) * 0.5
    whole, statistics = stylizer.stylize(content, code), stylizer.measure(content, code)
    tile = stylizer.stylize(content[:, :, :, 80:], code, statistics=statistics, offset=(0, 80))
    assert torch.allclose(tile[..., 56:], whole[..., 136:], atol=1e-5)
    live = stylizer.stylize(content[:, :, :, 80:], code, offset=(0, 80))
    assert float((live[..., 56:] - whole[..., 136:]).abs().max()) > 1e-3  # the statistics do matter


def test_the_halo_of_168_pixels_suffices_for_six_blocks(make_networks, pictures):
    stylizer = make_networks(base_channels=4)["stylizer"].eval().requires_grad_(False)
    content, code = pictures(1, 32, 400), torch.randn(1, stylizer.code_length) * 0.5
    whole, statistics = stylizer.stylize(content, code), stylizer.measure(content, code)
    tile = stylizer.stylize(content[..., 200:], code, statistics=statistics, offset=(0, 200))
    assert torch.allclose(tile[..., 168:], whole[..., 368:], atol=1e-5)


def test_offsets_off_the_grid_are_refused(still_stylizer, pictures):
    with pytest.raises(ValueError, match=r"\(0, 4\) is off the grid; use multiples of 8"):
        still_stylizer.stylize(pictures(1), torch.zeros(1, still_stylizer.code_length), offset=(0, 4))


def test_noise_changes_the_picture_only_if_the_code_asks(still_stylizer, pictures):
    content, code = pictures(1), torch.zeros(1, still_stylizer.code_length)
    quiet = [still_stylizer.stylize(content, code, seed=seed) for seed in (0, 1)]
    code[:, -still_stylizer.painter.layout.noise[1] :] = 1.0
    noisy = [still_stylizer.stylize(content, code, seed=seed) for seed in (0, 1)]
    assert torch.equal(*quiet)
    assert not torch.equal(*noisy)


def test_skips_are_dropped_in_training_only():
    painter = Painter(4, 1, skip_drop=0.9)
    skip, gate = torch.ones(64, 4, 2, 2), torch.zeros(64, 4)
    dropped = painter.train()._gated(skip, gate)
    assert set(dropped.unique().tolist()) == {0.0, 0.5}
    assert painter.eval()._gated(skip, gate).unique().tolist() == [0.5]


def test_the_discriminator_judges_patches_and_hears_of_the_style(pictures):
    discriminator, images = Discriminator(4, 10).eval(), pictures(2)
    style = torch.randn(2, 10)
    logits = discriminator(images, style)
    assert logits.shape == (2, 2, 8, 8)
    assert not torch.allclose(logits, discriminator(images, style.flip(0)))
    assert torch.allclose(logits, discriminator(images, 7 * style), atol=1e-4)  # direction counts, not length
    assert torch.allclose(discriminator(images), discriminator(images, torch.zeros(2, 10)), atol=1e-6)


def test_each_scale_of_the_discriminator_weighs_the_same_and_sees_its_own_size(pictures):
    discriminator, images = Discriminator(4, 10, scales=3).eval(), pictures(1)
    fine, middle, coarse = discriminator(images)[0]
    assert torch.equal(middle, middle[::2, ::2].repeat_interleave(2, 0).repeat_interleave(2, 1))
    assert torch.equal(coarse, coarse[::4, ::4].repeat_interleave(4, 0).repeat_interleave(4, 1))
    halved = torch.nn.functional.avg_pool2d(images, 2)
    alone = discriminator.scales[1].judged(discriminator.scales[1].features(halved), None)
    assert torch.equal(alone[0, 0], middle[::2, ::2])
    assert fine.unique().numel() > coarse.unique().numel()


def test_checkerboards_of_two_pixels_are_seen_by_the_finest_scale_only(pictures):
    discriminator, images = Discriminator(4, 10).eval(), pictures(1)
    board = torch.tensor([[0.1, -0.1], [-0.1, 0.1]]).repeat(32, 32)
    plain, marked = discriminator(images)[0], discriminator(images + board)[0]
    assert not torch.allclose(plain[0], marked[0], atol=1e-6)
    assert torch.allclose(plain[1], marked[1], atol=1e-6)
