"""Folders and data sets as pictures to score."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from ganstyle.data.transforms import Preprocess
from ganstyle.engine.image_sets import as_image_set, dataset_set, folder_set, spread
from ganstyle.errors import NoInputError


def put(path, value, *, size=(6, 4)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, value, value)).save(path)
    return path


def values(images):
    return [int(image[0, 0, 0]) for image in images.iterate()]


@pytest.fixture
def folder(tmp_path):
    """Four pictures in two sub-folders."""
    for value, name in ((1, "a/1.png"), (2, "a/2.png"), (3, "b/3.png"), (4, "b/4.png")):
        put(tmp_path / "set" / name, value)
    return tmp_path / "set"


def test_a_folder_is_walked_in_order_and_can_be_walked_again(folder):
    images = folder_set(folder)
    assert (values(images), values(images), images.count) == ([1, 2, 3, 4], [1, 2, 3, 4], 4)
    assert values(as_image_set(str(folder))) == [1, 2, 3, 4]


def test_fewer_pictures_are_taken_evenly(folder):
    assert values(folder_set(folder, count=2)) == [1, 3]
    assert spread(list(range(10)), 3) == [0, 3, 6]


def test_identity_follows_content_and_relative_names_not_the_place(folder, tmp_path):
    before = folder_set(folder).identity
    folder.rename(tmp_path / "moved")
    assert folder_set(tmp_path / "moved").identity == before
    put(tmp_path / "moved/a/1.png", 9)
    assert folder_set(tmp_path / "moved").identity != before


def test_identity_of_tensors_follows_values_and_shape():
    images = torch.arange(96, dtype=torch.uint8).reshape(2, 3, 4, 4)
    same = as_image_set([images[:1], images[1]]).identity
    assert as_image_set(images).identity == same
    assert as_image_set(images.reshape(2, 3, 2, 8)).identity != same
    assert as_image_set(iter(images)).identity == ""


def test_unreadable_pictures_are_left_out_and_named(folder):
    (folder / "a/2.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    images = folder_set(folder)
    assert values(images) == [1, 3, 4]
    [(name, reason)] = images.skipped
    assert name.endswith("2.png") and reason
    assert values(images) == [1, 3, 4] and len(images.skipped) == 1


@pytest.mark.parametrize("content", [None, "notes.txt"])
def test_a_missing_or_imageless_folder_is_no_input(tmp_path, content):
    if content:
        (tmp_path / "set").mkdir()
        (tmp_path / "set" / content).write_text("hello")
    with pytest.raises(NoInputError, match=r"there is no folder|no pictures below .* \(1 other"):
        folder_set(tmp_path / "set")


def test_the_share_of_jpegs_is_known(folder):
    put(folder / "c/5.jpg", 5)
    assert folder_set(folder).encoding.lossy == pytest.approx(0.2)


def test_pictures_arrays_paths_and_batches_all_work(folder):
    array = np.full((4, 6, 3), 7, dtype=np.uint8)
    mixed = [folder / "a/1.png", Image.fromarray(array), array, torch.full((2, 3, 4, 6), 8, dtype=torch.uint8)]
    assert values(as_image_set(mixed)) == [1, 7, 7, 8, 8]


def test_a_data_set_is_preprocessed_without_chance():
    rows = torch.arange(100, dtype=torch.uint8).view(1, 10, 10).expand(3, 10, 10)
    data = [{"images": rows}, {"images": rows.flip(2)}, {"images": rows}]
    images = dataset_set(data, preprocess=Preprocess.plain(4), count=2)
    first, second = images.iterate()
    assert first.shape == (3, 4, 4)
    assert torch.equal(first, second.flip(2))
    assert images.identity == dataset_set(data, preprocess=Preprocess.plain(4), count=2).identity


def test_pictures_are_picked_by_their_place_among_the_readable_ones(folder):
    (folder / "a/2.png").write_bytes(b"broken")
    images = folder_set(folder)
    assert len(values(images)) == 3 and images.unread == [1]
    picked = images.pick([2, 0], unread=images.unread)
    assert {number: (name, int(image[0, 0, 0])) for number, (name, image) in picked.items()} == {
        0: ("a/1.png", 1),
        2: ("b/4.png", 4),
    }


def test_pictures_of_a_walk_can_be_picked_too():
    images = as_image_set([torch.full((3, 2, 2), value, dtype=torch.uint8) for value in (5, 6, 7)])
    assert {number: int(image[0, 0, 0]) for number, (_, image) in images.pick([2, 1]).items()} == {1: 6, 2: 7}
    assert images.pick([]) == {}


def test_a_data_set_of_files_is_known_by_its_files(folder, tmp_path):
    from ganstyle.data.pictures import FolderPictures

    def identity(side=4):
        return dataset_set(FolderPictures(folder), preprocess=Preprocess.plain(side)).identity

    before = identity()
    assert before == identity() != identity(side=5)
    put(folder / "b/4.png", 99)
    assert identity() != before
    assert dataset_set(FolderPictures(folder)).encoding.formats == {"PNG": 4}
