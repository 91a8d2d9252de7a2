"""Every kind of picture becomes the sRGB pixels that a viewer would show; every bad file a sentence."""

from __future__ import annotations

import io
import os
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from ganstyle.data.reading import as_tensor, open_picture, read_image
from ganstyle.errors import InputError


def pixels(path, **options):
    return read_image(path, **options).permute(1, 2, 0).numpy()


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.ppm", "a.gif"])
def test_lossless_formats_give_back_their_pixels(save, corners, name):
    assert np.array_equal(pixels(save(name, corners)), corners)


@pytest.mark.parametrize("name", ["a.jpg", "a.webp", "a.avif"])
def test_lossy_formats_give_nearly_their_pixels(save, name):
    smooth = np.linspace(0, 255, 16 * 24 * 3).reshape(16, 24, 3).astype(np.uint8)
    found = pixels(save(name, smooth, quality=95)).astype(int)
    assert np.abs(found - smooth).mean() < 3


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif", "a.avif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_turns_the_picture_upright(save, name, orientation):
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:8, :16] = 255  # one white quarter tells all eight apart, by place and proportions
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1], 5: upright.transpose(1, 0, 2),
        6: np.rot90(upright), 7: np.rot90(upright, 2).transpose(1, 0, 2), 8: np.rot90(upright, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = pixels(save(name, np.ascontiguousarray(stored), exif=exif))
    assert found.shape == upright.shape
    assert np.abs(found.astype(int) - upright).mean() < 6


@pytest.mark.parametrize("exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff"])
def test_corrupt_exif_leaves_the_picture_as_it_is(save, corners, exif):
    assert pixels(save("a.jpg", corners, exif=exif)).shape == corners.shape


def test_an_impossible_orientation_is_ignored(save, corners):
    exif = Image.Exif()
    exif[0x0112] = 99
    assert np.array_equal(pixels(save("a.png", corners, exif=exif)), corners)


def test_alpha_is_kept_apart_and_shown_on_white(save):
    rgba = np.array([[[10, 20, 30, 255], [10, 20, 30, 0], [0, 0, 0, 128]]], np.uint8)
    path = save("a.png", rgba)
    picture = open_picture(path)
    assert np.array_equal(picture.alpha, rgba[..., 3])
    assert np.array_equal(picture.rgb[0, 0], (10, 20, 30))
    assert pixels(path).tolist() == [[[10, 20, 30], [255, 255, 255], [127, 127, 127]]]


def test_gray_with_alpha(save):
    picture = open_picture(save("a.png", Image.fromarray(np.array([[[40, 128]]], np.uint8), "LA")))
    assert picture.rgb.tolist() == [[[40, 40, 40]]] and picture.alpha.tolist() == [[128]] and picture.grayscale


def test_one_bit_pictures_are_black_and_white(save):
    picture = open_picture(save("a.png", Image.fromarray(np.array([[True, False]]))))
    assert picture.rgb.tolist() == [[[255] * 3, [0] * 3]] and picture.grayscale


def test_a_palette_with_a_transparent_colour(save):
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putpixel((1, 0), 1)
    picture = open_picture(save("a.png", image, transparency=1))
    assert picture.rgb[0, 0].tolist() == [255, 0, 0]
    assert picture.alpha.tolist() == [[255, 0]]


def test_sixteen_bit_gray_is_divided_by_257_and_not_clipped(save):
    values = np.array([[0, 257, 32768, 65535]], np.uint16)
    picture = open_picture(save("a.png", values))
    assert picture.rgb[0, :, 0].tolist() == [0, 1, 128, 255] and picture.grayscale
    assert "16 bits per channel reduced to 8" in picture.notes


def test_sixteen_bit_gray_tiff(save):
    assert pixels(save("a.tif", np.array([[0, 32768, 65535]], np.uint16)))[0, :, 0].tolist() == [0, 128, 255]


def test_sixteen_bit_colour_png_keeps_its_high_bytes(tmp_path):
    row = b"\0" + struct.pack(">6H", 65535, 32768, 0, 0x1234, 0x0100, 0xFFFF)
    header = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(row)), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts)
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    picture = open_picture(tmp_path / "a.png")
    assert np.abs(picture.rgb[0].astype(int) - [[255, 128, 0], [18, 1, 255]]).max() <= 1
    assert "16 bits per channel reduced to 8" in picture.notes


def test_float_tiff_in_zero_to_one_is_not_black(save):
    assert pixels(save("a.tif", np.array([[0.0, 0.5, 1.0]], np.float32)))[0, :, 0].tolist() == [0, 128, 255]


def test_float_tiff_of_any_range_is_stretched(save):
    picture = open_picture(save("a.tif", np.linspace(-40, 900, 400, dtype=np.float32).reshape(20, 20)))
    assert picture.rgb.min() == 0 and picture.rgb.max() == 255
    assert abs(float(picture.rgb.mean()) - 127.5) < 1
    assert any("stretched" in note for note in picture.notes)


def test_float_tiff_with_values_that_are_no_numbers(save):
    picture = open_picture(save("a.tif", np.array([[np.nan, 0.0, 1.0, np.inf]], np.float32)))
    assert picture.rgb[0, :, 0].tolist() == [0, 0, 255, 255]


def test_cmyk_jpeg_without_profile_is_read_as_adobe_writes_it(save):
    cmyk = Image.new("CMYK", (16, 16), (255, 0, 0, 0))  # pure cyan
    picture = open_picture(save("a.jpg", cmyk, quality=100))
    red, green, blue = picture.rgb[8, 8].astype(int)
    assert red < 20 and green > 235 and blue > 235
    assert any("CMYK" in note for note in picture.notes)


def test_a_colour_profile_is_applied(save, corners, swapped_profile):
    found = pixels(save("a.png", corners, icc_profile=swapped_profile))
    assert np.abs(found.astype(int) - corners[..., ::-1]).max() <= 2


def test_a_profile_is_applied_to_palettes_and_under_alpha(save, swapped_profile):
    rgba = np.array([[[255, 0, 0, 100]]], np.uint8)
    picture = open_picture(save("a.png", rgba, icc_profile=swapped_profile))
    assert np.abs(picture.rgb[0, 0].astype(int) - [0, 0, 255]).max() <= 2 and picture.alpha[0, 0] == 100
    palette = Image.fromarray(rgba[..., :3]).convert("P")
    found = pixels(save("b.png", palette, icc_profile=swapped_profile))
    assert np.abs(found[0, 0].astype(int) - [0, 0, 255]).max() <= 2


def test_an_srgb_profile_changes_nothing(save, corners):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    picture = open_picture(save("a.png", noise, icc_profile=profile), keep_icc=True)
    assert np.array_equal(picture.rgb, noise) and picture.icc == profile and picture.notes == ()


@pytest.mark.parametrize("profile", [b"garbage", b"\0" * 200])
def test_a_broken_profile_is_ignored_with_a_note(save, corners, profile):
    picture = open_picture(save("a.png", corners, icc_profile=profile))
    assert np.array_equal(picture.rgb, corners)
    assert any("profile" in note for note in picture.notes)


def test_the_first_frame_of_an_animation_unless_asked(save):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "lime", "blue")]
    path = save("a.gif", frames[0], save_all=True, append_images=frames[1:], duration=50)
    assert pixels(path)[0, 0].tolist() == [255, 0, 0]
    assert open_picture(path, frame=2).rgb[0, 0].tolist() == [0, 0, 255]
    assert "an animation: its first frame is used" in open_picture(path).notes
    with pytest.raises(InputError, match="has 3 frames, no frame 7"):
        open_picture(path, frame=7)


def test_mpo_is_a_picture_not_an_animation(save):
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    picture = open_picture(save("a.jpg", frames[0], format="MPO", save_all=True, append_images=frames[1:]))
    assert picture.rgb[8, 8, 0] > 240 and picture.notes == ()


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (500, 1)])
def test_tiny_and_thin_pictures(save, size):
    assert read_image(save("a.png", Image.new("RGB", size, "red"))).shape == (3, size[1], size[0])


def test_a_wrong_extension_does_not_matter(save, corners, tmp_path):
    path = save("a.png", corners).rename(tmp_path / "a.jpg")
    assert open_picture(path).format == "PNG"


def test_a_truncated_jpeg_fails_unless_allowed(save, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    whole = save("a.jpg", noise).read_bytes()
    path = tmp_path / "cut.jpg"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"cut\.jpg is truncated"):
        read_image(path)
    picture = open_picture(path, allow_truncated=True)
    assert picture.rgb.shape == (64, 64, 3) and "ends too early" in picture.notes[0]


def test_one_lenient_reading_does_not_make_the_next_lenient(save, tmp_path):
    whole = save("a.png", np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).read_bytes()
    path = tmp_path / "cut.png"
    path.write_bytes(whole[: len(whole) // 2])
    read_image(path, allow_truncated=True)
    with pytest.raises(InputError):
        read_image(path)


def test_the_pixel_cap_is_checked_by_the_header(save, corners):
    with pytest.raises(InputError, match="12x8 = 0 megapixels"):
        read_image(save("a.png", corners), max_pixels=95)
    assert read_image(save("b.png", corners), max_pixels=96).shape == (3, 8, 12)


def test_streams_are_read_from_their_beginning(corners):
    stream = io.BytesIO()
    Image.fromarray(corners).save(stream, "PNG")
    assert np.array_equal(open_picture(stream, name="upload").rgb, corners)


def test_as_tensor_takes_every_form_of_a_picture(save, corners):
    expected = torch.from_numpy(corners).permute(2, 0, 1)
    forms = [save("a.png", corners), str(save("b.png", corners)), Image.fromarray(corners), corners, expected]
    forms += [corners / 255.0, expected.float() / 255]
    assert all(torch.equal(as_tensor(form), expected) for form in forms)


def test_as_tensor_expands_gray_and_puts_alpha_on_white():
    assert as_tensor(np.array([[7, 9]], np.uint8)).tolist() == [[[7, 9]]] * 3
    assert as_tensor(torch.tensor([[[7]]], dtype=torch.uint8)).tolist() == [[[7]]] * 3
    assert as_tensor(np.array([[[1, 2, 3, 0]]], np.uint8)).flatten().tolist() == [255, 255, 255]
    assert as_tensor(Image.new("RGBA", (1, 1), (9, 9, 9, 0))).flatten().tolist() == [255, 255, 255]


@pytest.mark.parametrize("wrong", [3, np.zeros((2, 3, 8, 8), np.uint8), np.full((2, 2, 3), -0.5), np.zeros((0, 3))])
def test_as_tensor_refuses_what_is_no_picture(wrong):
    with pytest.raises(InputError, match="expected"):
        as_tensor(wrong)


def test_reading_leaves_pillows_limits_alone(save, corners):
    before = Image.MAX_IMAGE_PIXELS
    read_image(save("a.png", corners))
    assert before == Image.MAX_IMAGE_PIXELS


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_named(save, corners):
    path = save("a.png", corners)
    path.chmod(0)
    with pytest.raises(InputError, match="permission denied"):
        read_image(path)
