"""Masks: who gets which region, soft borders, and masks that don't fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from ganstyle.data.reading import Picture, open_picture
from ganstyle.errors import InputError, UsageError
from ganstyle.style import regions
from ganstyle.style.regions import check_feather, check_fit, composed, mask_of, read_regions, region_colours


def flat(color: tuple[int, int, int], size: tuple[int, int] = (40, 30)) -> np.ndarray:
    return np.full((size[1], size[0], 3), color, np.uint8)


def halves(left: tuple[int, int, int], right: tuple[int, int, int], *, width: int = 40) -> Picture:
    pixels = flat(right, (width, 30))
    pixels[:, : width // 2] = left
    return Picture(pixels)


def planes(mask: Picture, styles: int, **how: object) -> list[np.ndarray]:
    size = mask.rgb.shape[1::-1]
    return list(read_regions(mask, styles=styles, **{"feather": 0, **how}).planes(size))


WHITE, BLACK, GREY, RED, BLUE = (255, 255, 255), (0, 0, 0), (128, 128, 128), (255, 0, 0), (0, 0, 255)


def test_white_is_the_first_style_and_black_the_second() -> None:
    first, second = planes(halves(WHITE, BLACK), 2)
    assert (first[:, :20] == 255).all()
    assert (first[:, 20:] == 0).all()
    assert np.array_equal(second, 255 - first)


def test_grey_blends_two_styles_by_its_lightness() -> None:
    first, second = planes(Picture(flat(GREY)), 2)
    assert abs(int(first[0, 0]) - 128) <= 2
    assert (first.astype(int) + second == 255).all()


def test_a_lossy_mask_is_white_and_black_all_the_same() -> None:
    first, _ = planes(halves((251, 252, 252), (3, 4, 3)), 2)
    assert set(np.unique(first)) == {0, 255}


def test_with_one_style_the_rest_is_the_photograph() -> None:
    weight, rest = planes(halves(WHITE, BLACK), 1)
    painting, photo = flat((10, 20, 30)), flat((200, 100, 0))
    result = composed([weight, rest], [lambda: painting, lambda: photo])
    assert (result[:, :20] == (10, 20, 30)).all()
    assert (result[:, 20:] == (200, 100, 0)).all()


def test_colours_go_from_the_brightest_to_the_darkest() -> None:
    pixels = flat(BLACK, (60, 30))
    pixels[:, :20], pixels[:, 20:40] = BLUE, RED
    weights = planes(Picture(pixels), 3)
    assert [int(weight[0].argmax()) for weight in weights] == [20, 0, 40]  # red is brighter than blue
    assert (np.sum(weights, 0, dtype=int) == 255).all()


def test_two_colours_are_two_regions_not_a_blend() -> None:
    first, _ = planes(halves(BLUE, RED), 2)
    assert set(np.unique(first[:, :18])) == {0}
    assert set(np.unique(first[:, 22:])) == {255}


def test_soft_borders_between_colours_give_no_line_of_a_third_region() -> None:
    pixels = flat(BLACK, (120, 60))
    pixels[:20], pixels[20:40] = WHITE, GREY
    soft = np.array(Image.fromarray(pixels).rotate(90, expand=True).filter(ImageFilter.GaussianBlur(1)))
    labels = read_regions(Picture(soft), styles=3, feather=0).plane
    assert all((np.diff(row.astype(int)) != 0).sum() == 2 for row in labels)


def test_an_indexed_and_a_transparent_mask_are_understood(tmp_path: Path) -> None:
    Image.fromarray(halves(RED, BLUE).rgb).quantize(2).save(tmp_path / "p.png")
    first, _ = planes(open_picture(tmp_path / "p.png"), 2)
    assert first[0, 5] == 255
    alpha = np.zeros((30, 40), np.uint8)
    alpha[:, :10] = 255
    weight, _ = planes(Picture(flat(WHITE), alpha), 1)
    assert (weight[:, :10] == 255).all()
    assert (weight[:, 10:] == 0).all()


@pytest.mark.parametrize(("styles", "found"), [(4, "2 regions"), (3, "2 regions")])
def test_another_number_of_regions_is_told_with_their_colours(styles: int, found: str) -> None:
    with pytest.raises(InputError, match=found) as caught:
        region_colours(halves(RED, BLUE).rgb, styles=styles)
    assert "#ff0000 50%" in caught.value.message


def test_slivers_are_no_regions() -> None:
    pixels = halves(RED, BLUE).rgb
    pixels[0, :20] = (0, 255, 0)  # 1.7 % of the mask
    assert len(region_colours(pixels, styles=2)) == 2


def test_feather_is_as_wide_as_asked_and_zero_is_hard() -> None:
    mask = halves(WHITE, BLACK, width=400)

    def width(feather: float | None) -> int:
        row = planes(mask, 2, feather=feather)[0][15]
        return int(((row > 40) & (row < 215)).sum())

    # A blurred step goes from 16 % to 84 % within two standard deviations.
    assert width(0) == 0
    assert width(10) == pytest.approx(20, abs=3)
    assert 1 <= width(None) <= 4  # 0.3 % of 400 pixels
    for feather in (-1, float("nan"), 2000):
        with pytest.raises(UsageError, match="feather"):
            check_feather(feather)


def test_weights_sum_to_all_of_it_whatever_the_feather() -> None:
    pixels = flat(BLACK, (60, 30))
    pixels[:, :20], pixels[:, 20:40] = BLUE, RED
    parts = planes(Picture(pixels), 3, feather=7)
    assert (np.sum(parts, 0, dtype=int) == 255).all()


def test_a_small_mask_is_stretched_over_the_photograph() -> None:
    mask = read_regions(halves(WHITE, BLACK), styles=2, feather=0)
    first, _ = mask.planes((400, 300))
    assert first.shape == (300, 400)
    assert (first[:, :195] == 255).all()
    assert (first[:, 205:] == 0).all()


@pytest.mark.parametrize(("mask", "photo"), [((40, 30), (4000, 3000)), ((1333, 1000), (4000, 3000)), ((3, 2), (7, 5))])
def test_another_size_of_the_same_shape_fits(mask: tuple[int, int], photo: tuple[int, int]) -> None:
    check_fit(mask, photo)


def test_another_shape_is_refused_and_a_turned_one_is_recognised() -> None:
    with pytest.raises(InputError, match=r"30x30.*40x30") as caught:
        check_fit((30, 30), (40, 30), name="sky.png")
    assert "40x30" in caught.value.hint
    with pytest.raises(InputError) as caught:
        check_fit((30, 40), (400, 300))
    assert "turn the mask" in caught.value.hint


def test_a_painting_without_a_region_is_never_made() -> None:
    def never() -> np.ndarray:
        raise AssertionError("painted for nothing")

    full, none = np.full((4, 4), 255, np.uint8), np.zeros((4, 4), np.uint8)
    painting = np.random.default_rng(0).integers(0, 256, (4, 4, 3), np.uint8)
    assert np.array_equal(composed([full, none], [lambda: painting, never]), painting)


def test_the_sum_agrees_with_floats_and_strips_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(1)
    weight = generator.integers(0, 256, (23, 17), np.uint8)
    one, two = generator.integers(0, 256, (2, 23, 17, 3), np.uint8)
    expected = (one * (weight[..., None] / 255) + two * (1 - weight[..., None] / 255)).round()
    monkeypatch.setattr(regions, "STRIP_PIXELS", 50)
    result = composed([weight, 255 - weight], [lambda: one, lambda: two])
    assert np.abs(result - expected).max() <= 1


def test_masks_are_found_by_name_beside_or_in_the_same_sub_folder(tmp_path: Path) -> None:
    for name in ("m/trip/a.png", "m/b.webp", "m/notes.txt", "in/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    root, folder = tmp_path / "in", tmp_path / "m"
    assert mask_of(root / "trip" / "a.jpg", folder, root=root) == folder / "trip" / "a.png"
    assert mask_of(root / "trip" / "b.jpg", folder, root=root) == folder / "b.webp"
    with pytest.raises(InputError, match=r"no mask for notes\.jpg") as caught:
        mask_of(root / "notes.jpg", folder, root=root)
    assert "notes.png" in caught.value.hint


def test_equal_masks_have_equal_fingerprints() -> None:
    one, same, other = (read_regions(halves(WHITE, side), styles=2) for side in (BLACK, BLACK, GREY))
    assert one.fingerprint == same.fingerprint != other.fingerprint
