"""Pictures that are decoded once."""

from __future__ import annotations

import pytest
import torch
from ganstyle_translation import shelf
from ganstyle_translation.shelf import Shelf, shrunk

from ganstyle.errors import InputError


@pytest.fixture
def works(folders):
    return Shelf(folders / "works", short_side=640, hint="")


def test_a_picture_is_read_from_the_disk_once(works, monkeypatch):
    first = works.picture(0)
    monkeypatch.setattr(shelf, "read_image", lambda path: pytest.fail("read again"))
    assert works.picture(0) is first


def test_beyond_the_room_pictures_are_read_again(folders, monkeypatch):
    monkeypatch.setattr(shelf, "KEPT_BYTES", 3 * 40 * 48)  # one picture
    works = Shelf(folders / "works", short_side=640, hint="")
    assert works.picture(0) is works.picture(0)
    assert works.picture(1) is not works.picture(1)
    assert torch.equal(works.picture(1), works.picture(1))


def test_names_are_those_of_the_folder_or_of_the_picture(folders):
    (folders / "works").rename(folders / "van.gogh")
    assert Shelf(folders / "van.gogh", short_side=640, hint="").name == "van.gogh"
    assert Shelf(folders / "van.gogh" / "0.png", short_side=640, hint="").name == "0"


def test_the_next_readable_picture_is_taken(works):
    works.files[0].write_bytes(b"not a picture")
    assert torch.equal(works.readable(0), works.picture(1))
    works.files[1].write_bytes(b"not a picture")
    fresh = Shelf(works.files[0].parent, short_side=640, hint="")
    with pytest.raises(InputError):
        fresh.readable(0)


def test_only_larger_pictures_are_shrunk():
    image = torch.zeros(3, 30, 60, dtype=torch.uint8)
    assert shrunk(image, 30) is image
    assert shrunk(image, 12).shape == (3, 12, 24)
