"""Files appear at once or not at all; nobody's work is overwritten; nothing of the input leaks."""

from __future__ import annotations

import errno
import json
import os
import stat

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms, PngImagePlugin

from ganstyle.data import writing
from ganstyle.data.reading import open_picture, read_image
from ganstyle.data.writing import check_target, free_path, save_image, to_float, to_uint8, write_atomic, write_json
from ganstyle.errors import EnvironmentProblem, UsageError


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_contents_and_folder_are_made(tmp_path):
    path = write_atomic(tmp_path / "new" / "a.bin", b"abc")
    assert path.read_bytes() == b"abc" and names(path.parent) == ["a.bin"]


def test_a_file_is_as_readable_as_its_neighbours(tmp_path):
    (tmp_path / "b").touch()
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (write_atomic(tmp_path / "a", b""), tmp_path / "b")]
    assert modes[0] == modes[1]


def test_replacing_and_not_replacing(tmp_path):
    path = write_atomic(tmp_path / "a.txt", b"1")
    assert write_atomic(path, b"2") == path and path.read_bytes() == b"2"
    other = write_atomic(path, b"3", overwrite=False)
    assert other.name == "a-2.txt" and path.read_bytes() == b"2" and other.read_bytes() == b"3"
    assert free_path(path).name == "a-3.txt"


def test_two_writers_never_take_one_name(tmp_path, monkeypatch):
    """Somebody creates the free name between choosing and taking it."""
    choose, seen = free_path, []

    def raced(path):
        chosen = choose(path)
        if not seen:
            chosen.write_bytes(b"theirs")
        seen.append(chosen)
        return chosen

    monkeypatch.setattr(writing, "free_path", raced)
    path = write_atomic(tmp_path / "a.txt", b"ours", overwrite=False)
    assert path.name == "a-2.txt" and (tmp_path / "a.txt").read_bytes() == b"theirs"


@pytest.mark.parametrize("point", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch, point):
    path = write_atomic(tmp_path / "a.txt", b"old")

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, point, full)
    with pytest.raises(EnvironmentProblem, match="No space left") as caught:
        write_atomic(path, b"new")
    assert caught.value.code == 6 and caught.value.hint
    assert path.read_bytes() == b"old" and names(tmp_path) == ["a.txt"]


def test_an_unwritable_folder_is_an_environment_problem(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(EnvironmentProblem, match="can't be written"):
        write_atomic(tmp_path / "file" / "a.txt", b"")


def test_the_order_is_data_sync_rename_folder_sync(tmp_path, monkeypatch):
    calls = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *args, real=real, name=name: (calls.append(name), real(*args))[1])
    write_atomic(tmp_path / "a", b"x")
    assert calls == ["fsync", "replace", "fsync"]


def test_json_refuses_what_json_can_not_hold(tmp_path):
    assert json.loads(write_json(tmp_path / "a.json", {"b": [1, None, "ü"]}).read_text()) == {"b": [1, None, "ü"]}
    with pytest.raises(ValueError, match="Out of range"):
        write_json(tmp_path / "a.json", {"b": float("nan")})


def test_bytes_and_floats_are_inverse():
    levels = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_uint8(to_float(levels)), levels)
    assert to_float(levels)[[0, 255]].tolist() == [-1.0, 1.0]
    assert to_uint8(torch.tensor([-9.0, -1.0, 0.0, 1.0, 9.0])).tolist() == [0, 0, 128, 255, 255]


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.webp"])
def test_lossless_formats_keep_pixels_and_alpha(tmp_path, corners, name):
    alpha = np.arange(96, dtype=np.uint8).reshape(8, 12)
    path = save_image(corners, tmp_path / name, quality=100, alpha=alpha)
    picture = open_picture(path)
    assert np.array_equal(picture.rgb, corners) and np.array_equal(picture.alpha, alpha)


@pytest.mark.parametrize("name", ["a.jpg", "a.avif", "a.webp"])
def test_lossy_formats_come_close(tmp_path, name):
    smooth = torch.linspace(0, 255, 3 * 32 * 32).reshape(3, 32, 32).byte()
    found = read_image(save_image(smooth, tmp_path / name))
    assert (found.float() - smooth).abs().mean() < 2


def test_every_form_of_a_picture_gives_the_same_file(tmp_path, corners):
    forms = [corners, torch.from_numpy(corners).permute(2, 0, 1), Image.fromarray(corners)]
    contents = {save_image(form, tmp_path / "a.png").read_bytes() for form in forms}
    assert len(contents) == 1 and names(tmp_path) == ["a-2.png", "a-3.png", "a.png"]


def test_transparency_goes_on_white_where_the_format_has_none(tmp_path):
    path = save_image(np.zeros((8, 8, 3), np.uint8), tmp_path / "a.jpg", alpha=np.zeros((8, 8), np.uint8))
    assert read_image(path).min() > 250


@pytest.mark.parametrize(("name", "hint"), [("a.xyz", "a.png"), ("a", "a.png"), ("a.psd", "a.png")])
def test_unknown_extensions_are_refused_before_work(tmp_path, name, hint):
    with pytest.raises(UsageError, match="known extensions") as caught:
        check_target(tmp_path / name)
    assert hint in caught.value.hint


@pytest.mark.parametrize(("name", "size"), [("a.jpg", (65501, 10)), ("a.webp", (10, 16384))])
def test_sizes_that_a_format_can_not_hold_are_refused(tmp_path, name, size):
    with pytest.raises(UsageError, match="pixels a side"):
        check_target(tmp_path / name, size)
    assert check_target(tmp_path / "a.png", size) == "PNG"


def test_a_failed_encoding_leaves_the_old_file(tmp_path, corners):
    path = save_image(corners, tmp_path / "a.png")
    before = path.read_bytes()
    with pytest.raises(UsageError, match="expected uint8"):
        save_image(corners.astype(float), path, overwrite=True)
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.avif", "a.tif"])
def test_nothing_of_the_input_but_its_pixels_is_written(tmp_path, corners, name):
    exif = Image.Exif()
    exif[0x8298], exif.get_ifd(0x8825)[1] = "SECRET owner", "N"
    source = Image.fromarray(corners)
    source.info.update(comment=b"SECRET comment", exif=exif.tobytes(), xmp=b"<SECRET/>", dpi=(72, 72))
    info = PngImagePlugin.PngInfo()
    info.add_text("SECRET", "SECRET")
    source.info["pnginfo"] = info
    data = save_image(source, tmp_path / name).read_bytes()
    assert b"SECRET" not in data and b"Exif" not in data.replace(b"Exif\0\0II*\0", b"")


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize("suffix", ["png", "tif", "jpg", "webp"])
def test_a_picture_is_written_in_a_colour_profile(tmp_path, swapped_profile, suffix):
    pixels = np.random.default_rng(0).integers(0, 256, (1, 3), np.uint8) + np.zeros((16, 16, 3), np.uint8)
    path = save_image(pixels, tmp_path / f"a.{suffix}", icc=swapped_profile, quality=100)
    stored = np.asarray(Image.open(path).convert("RGB")).astype(int)
    assert np.abs(stored - pixels[..., ::-1]).max() <= 3  # another order of the numbers ...
    seen = open_picture(path, keep_icc=True)
    assert np.abs(seen.rgb.astype(int) - pixels).max() <= 3 and seen.icc == swapped_profile  # ... for the same colours


def test_a_profile_leaves_srgb_pixels_and_transparency_alone(tmp_path, swapped_profile):
    pixels, alpha = np.random.default_rng(0).integers(0, 256, (2, 9, 9, 3), np.uint8)
    assert np.array_equal(np.asarray(Image.open(save_image(pixels, tmp_path / "a.png", icc=SRGB))), pixels)
    moved = open_picture(save_image(pixels, tmp_path / "b.png", icc=swapped_profile, alpha=alpha[..., 0]))
    assert np.array_equal(moved.alpha, alpha[..., 0]) and np.abs(moved.rgb.astype(int) - pixels).max() <= 2


@pytest.mark.parametrize(
    "profile", [b"garbage", ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()], ids=["broken", "lab"]
)
def test_a_profile_that_does_not_serve_is_left_out(tmp_path, profile):
    pixels = np.full((4, 4, 3), 77, np.uint8)
    picture = Image.open(save_image(pixels, tmp_path / "a.png", icc=profile))
    assert np.array_equal(np.asarray(picture), pixels) and "icc_profile" not in picture.info
