"""Photographs in, paintings out; the painter of `tiny_painter` gives answers known by construction."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_painter import Painter, gradient, noise

from ganstyle.errors import InputError, UsageError
from ganstyle.style.learning import make_style
from ganstyle.style.regions import read_regions
from ganstyle.style.transfer import TransferOptions, apply_style, apply_styles, picture_of, transfer


def moments(image: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    pixels = np.asarray(image, dtype=np.float64)[..., :3].reshape(-1, 3)
    return pixels.mean(0), pixels.std(0)


def test_full_strength_gives_the_moments_of_the_style(painter: Painter) -> None:
    mean, deviation = moments(transfer(gradient(), "sunset", device="cpu"))
    assert np.allclose(mean, (200, 90, 40), atol=1.5)
    assert np.allclose(deviation, 12, atol=2)  # less: the small work is enlarged to be encoded, its squares get soft


def test_strength_zero_is_the_photograph_exactly(painter: Painter) -> None:
    assert np.array_equal(np.asarray(transfer(gradient(), "sunset", strength=0)), np.asarray(gradient()))


def test_a_tiny_strength_stays_near_the_photograph(painter: Painter) -> None:
    painted = np.asarray(transfer(gradient(), "sunset", strength=0.01), dtype=int)
    assert np.abs(painted - np.asarray(gradient(), dtype=int)).max() <= 2


@pytest.mark.parametrize("strength", [0.25, 0.5, 0.75])
def test_strength_moves_the_mean_linearly(painter: Painter, strength: float) -> None:
    photo, _ = moments(gradient())
    mean, _ = moments(transfer(gradient(), "sunset", strength=strength))
    assert np.allclose(mean, photo + strength * (np.array([200, 90, 40]) - photo), atol=1.5)


def test_distance_grows_with_strength(painter: Painter) -> None:
    photo = np.asarray(gradient(), dtype=float)
    strengths = (0, 0.05, 0.1, 0.2, 0.3, 0.6, 1)
    distances = [np.abs(np.asarray(transfer(gradient(), "sunset", strength=s)) - photo).mean() for s in strengths]
    assert distances == sorted(distances)


def test_blend_of_two_styles_has_the_weighted_mean(painter: Painter) -> None:
    mean, _ = moments(transfer(gradient(), "sunset:3,night:1"))
    assert np.allclose(mean, 0.75 * np.array([200, 90, 40]) + 0.25 * np.array([20, 40, 120]), atol=1.5)


def test_any_picture_is_a_style(painter: Painter) -> None:
    for style in (noise((90, 180, 60)), noise((90, 180, 60)).permute(1, 2, 0).numpy()):
        mean, _ = moments(transfer(gradient(), style))
        assert np.allclose(mean, (90, 180, 60), atol=1.5)


def test_alpha_comes_back_exactly(painter: Painter) -> None:
    alpha = (np.arange(80 * 120) % 256).astype(np.uint8).reshape(80, 120)
    photo = gradient()
    photo.putalpha(Image.fromarray(alpha))
    painted = transfer(photo, "sunset")
    assert painted.mode == "RGBA"
    assert np.array_equal(np.asarray(painted)[..., 3], alpha)


def test_hidden_pixels_do_not_leak_into_the_painting(painter: Painter) -> None:
    photo = np.dstack([np.asarray(gradient()), np.full((80, 120), 255, np.uint8)])
    photo[:, :60, 3] = 0
    other = photo.copy()
    other[:, :60, :3] = 255 - other[:, :60, :3]
    assert np.array_equal(np.asarray(transfer(photo, "sunset")), np.asarray(transfer(other, "sunset")))


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 3), (33, 17), (250, 8)])
def test_any_size_comes_back_as_it_was(painter: Painter, size: tuple[int, int]) -> None:
    assert transfer(gradient().resize(size), "sunset").size == size


def test_a_tensor_gives_a_tensor_equal_to_the_picture(painter: Painter) -> None:
    photo = torch.from_numpy(np.array(gradient())).permute(2, 0, 1)
    painted = transfer(photo, "sunset")
    assert torch.equal(painted, torch.from_numpy(np.array(transfer(gradient(), "sunset"))).permute(2, 0, 1))


def test_orientation_of_a_pil_image_is_applied(painter: Painter) -> None:
    photo = gradient()
    photo.getexif()[0x0112] = 6
    expected = np.rot90(np.asarray(transfer(gradient(), "sunset")), -1)
    assert np.abs(np.asarray(transfer(photo, "sunset"), dtype=int) - expected).max() <= 1


def test_max_size_shrinks_and_says_so(painter: Painter) -> None:
    style = make_style(noise((90, 90, 90)), name="gray", base=painter.base)
    options = TransferOptions(max_size=60)
    painting = apply_style(picture_of(gradient()), style, base=painter.base, options=options)
    assert painting.rgb.shape == (40, 60, 3)
    assert painting.notes == ("shrunk from 120x80 to 60x40",)


def test_settings_hold_what_is_needed_to_repeat_and_no_path(painter: Painter, tmp_path) -> None:
    gradient().save(tmp_path / "secret_place.png")
    style = make_style(noise((90, 90, 90)), name="gray", base=painter.base)
    painting = apply_style(picture_of(tmp_path / "secret_place.png"), style, base=painter.base)
    assert painting.settings["style"] == "gray"
    assert painting.settings["base_sha256"] == painter.base.sha256
    assert "secret_place" not in str(painting.settings)


@pytest.mark.parametrize(
    ("options", "word"),
    [({"strength": -0.1}, "strength"), ({"strength": float("nan")}, "strength"), ({"preserve_color": "lumma"}, "luma"),
     ({"tile": 8}, "tile"), ({"max_size": 0}, "max_size"), ({"stroke_size": 5}, "stroke size"),
     ({"variation": 0}, "variation"), ({"feather": -1}, "feather")],
)  # fmt: skip
def test_values_out_of_range_are_refused(options: dict, word: str) -> None:
    with pytest.raises(UsageError, match=word):
        TransferOptions(**options)


def test_a_batch_of_pictures_is_refused(painter: Painter) -> None:
    with pytest.raises(InputError, match="channels"):
        transfer(torch.zeros(2, 3, 8, 8), "sunset")


def test_the_same_seed_gives_the_same_pixels(adastyle) -> None:
    style = make_style(noise((90, 120, 60)), name="leaf", base=adastyle)
    first, second, other = (
        apply_style(picture_of(gradient()), style, base=adastyle, options=TransferOptions(seed=seed)).rgb
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def left_half() -> Image.Image:
    mask = Image.new("L", (120, 80), 0)
    mask.paste(255, (0, 0, 60, 80))
    return mask


def test_a_mask_paints_one_style_on_each_side(painter: Painter) -> None:
    both = transfer(gradient(), ["sunset", "night"], mask=left_half())
    sunset, night = (transfer(gradient(), name) for name in ("sunset", "night"))
    assert np.array_equal(np.asarray(both)[:, :55], np.asarray(sunset)[:, :55])
    assert np.array_equal(np.asarray(both)[:, 65:], np.asarray(night)[:, 65:])


def test_a_mask_with_one_style_leaves_the_photograph_outside_in_its_own_colours(painter: Painter) -> None:
    painted = transfer(gradient(), "sunset", mask=left_half(), preserve_color="match", feather=0)
    assert np.array_equal(np.asarray(painted)[:, 60:], np.asarray(gradient())[:, 60:])
    assert not np.array_equal(np.asarray(painted)[:, :60], np.asarray(gradient())[:, :60])


def test_a_mask_lies_on_the_photograph_as_people_see_it(painter: Painter) -> None:
    photo = gradient()
    photo.getexif()[0x0112] = 6  # shown as 80x120
    mask = left_half().resize((80, 120))
    painted = np.asarray(transfer(photo, "sunset", mask=mask, feather=0))
    shown = np.rot90(np.asarray(gradient()), -1)
    assert np.array_equal(painted[:, 42:], shown[:, 42:])
    with pytest.raises(InputError, match="120x80"):
        transfer(photo, "sunset", mask=left_half())


def test_several_styles_without_a_mask_are_refused(painter: Painter) -> None:
    with pytest.raises(UsageError, match="2 styles"):
        transfer(gradient(), ["sunset", "night"])


def test_stroke_size_variation_and_mask_are_in_the_settings(painter: Painter) -> None:
    style = make_style(noise((90, 90, 90)), name="gray", base=painter.base)
    options = TransferOptions(stroke_size=2.0, variation=3, feather=1.0)
    regions = read_regions(picture_of(left_half()), styles=1, feather=1.0)
    painting = apply_styles(picture_of(gradient()), [style], base=painter.base, regions=regions, options=options)
    settings = painting.settings
    assert (settings["stroke_size"], settings["variation"], settings["feather"]) == (2.0, 3, 1.0)
    assert settings["mask_sha256"] == regions.fingerprint
    assert apply_style(picture_of(gradient()), style, base=painter.base).settings["stroke_size"] == "auto"


def test_a_brush_paints_instead_of_the_base_model(painter: Painter) -> None:
    style = make_style(noise((90, 90, 90)), name="gray", base=painter.base)
    painting = apply_styles(
        picture_of(gradient()), [style], base=painter.base, brush=lambda pixels, style, options: 255 - pixels
    )
    assert np.array_equal(painting.rgb, 255 - np.asarray(gradient()))


def test_variations_differ_and_repeat(adastyle) -> None:
    style = make_style(noise((90, 120, 60)), name="leaf", base=adastyle)
    first, second, again = (
        apply_style(picture_of(gradient()), style, base=adastyle, options=TransferOptions(variation=number)).rgb
        for number in (1, 2, 2)
    )
    assert np.array_equal(second, again)
    assert 1 < np.abs(first.astype(int) - second).mean() < 60


def test_stroke_size_one_is_what_no_stroke_size_gives_on_a_small_picture(adastyle) -> None:
    style = make_style(noise((90, 120, 60)), name="leaf", base=adastyle)
    plain, one, two = (
        apply_style(picture_of(gradient()), style, base=adastyle, options=TransferOptions(stroke_size=size)).rgb
        for size in (None, 1.0, 2.0)
    )
    assert np.array_equal(plain, one)
    assert not np.array_equal(plain, two)


def test_the_number_of_threads_makes_no_difference(adastyle) -> None:
    style = make_style(noise((90, 120, 60)), name="leaf", base=adastyle)
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            options = TransferOptions(stroke_size=2.0, seed=3, preserve_color="match")
            results.append(apply_style(picture_of(gradient(200, 160)), style, base=adastyle, options=options).rgb)
    finally:
        torch.set_num_threads(before)
    assert np.array_equal(*results)
