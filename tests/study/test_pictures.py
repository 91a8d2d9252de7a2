"""Pictures of one item get one size; damaged copies can't be overlooked."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image
from small_studies import save_picture

from ganstyle.errors import InputError
from ganstyle.study.pictures import damaged, data_uri, read_alike, read_small


def test_candidates_get_the_size_of_the_smallest_so_that_size_tells_nothing(tmp_path):
    files = [save_picture(tmp_path / f"{side}.png", size=(side, side * 3 // 4)) for side in (200, 80, 400)]
    assert [picture.size for picture in read_alike(files, 300)] == [(80, 60)] * 3


def test_pictures_are_shrunk_to_the_limit_and_never_enlarged(tmp_path):
    file = save_picture(tmp_path / "x.png", size=(200, 100))
    assert read_small(file, 50).size == (50, 25) and read_small(file, 500).size == (200, 100)


def test_pictures_of_other_shapes_keep_them(tmp_path):
    files = [save_picture(tmp_path / "a.png", size=(100, 50)), save_picture(tmp_path / "b.png", size=(50, 100))]
    assert [picture.size for picture in read_alike(files, 80)] == [(80, 40), (40, 80)]


def test_a_damaged_file_and_a_tiny_picture_are_refused(tmp_path):
    (tmp_path / "bad.png").write_bytes(b"<html>")
    with pytest.raises(InputError):
        read_small(tmp_path / "bad.png", 100)
    with pytest.raises(InputError, match="too few to look at"):
        read_small(save_picture(tmp_path / "tiny.png", size=(40, 4)), 100)


def test_a_damaged_copy_is_far_from_its_picture_and_of_its_size():
    picture = Image.fromarray(np.full((90, 120, 3), 128, np.uint8))
    copy = damaged(picture, np.random.default_rng(0))
    assert copy.size == picture.size
    error = np.asarray(copy, float) - 128
    assert 10 * np.log10(255**2 / (error**2).mean()) < 19  # dB; a heavily compressed photograph has 25


def test_a_small_picture_is_damaged_in_tiles_of_several_pixels():
    gradient = np.linspace(0, 255, 32).astype(np.uint8)
    picture = Image.fromarray(np.repeat(np.tile(gradient, (32, 1))[..., None], 3, axis=2))
    copy = np.asarray(damaged(picture, np.random.default_rng(0)))
    assert len(np.unique(copy.reshape(-1, 3), axis=0)) <= 10 * 10


def test_damage_is_seeded():
    picture = Image.fromarray(np.full((30, 40, 3), 128, np.uint8))
    one, other = (damaged(picture, np.random.default_rng(5)) for _ in range(2))
    assert one.tobytes() == other.tobytes()


def test_a_data_uri_holds_the_picture_and_no_metadata():
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8))
    picture.info["comment"] = b"secret"
    content = base64.b64decode(data_uri(picture, 100).removeprefix("data:image/webp;base64,"))
    assert Image.open(io.BytesIO(content)).convert("RGB").tobytes() == picture.tobytes()
    assert b"secret" not in content and len(data_uri(picture, 30)) < len(data_uri(picture, 95))
