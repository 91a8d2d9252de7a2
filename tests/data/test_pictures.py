"""Folders as data sets: sorted, labelled by their sub-folders, identified by names and sizes."""

from __future__ import annotations

import pickle

import pytest
from PIL import Image

from ganstyle.data.pictures import FolderPictures, entry, without_wrapper
from ganstyle.errors import NoInputError, UsageError


def test_sub_folders_are_labels(style_folder):
    data = FolderPictures(style_folder)
    assert len(data) == 12 and data.styles == ["blue", "red"]
    assert data.files[0] == "blue/01.png" and data.files[-1] == "red/09.png"
    first, last = data[0], data[11]
    assert first["images"][:, 0, 0].tolist() == [0, 10, 200] and first["labels"] == 0
    assert last["images"][:, 0, 0].tolist() == [200, 90, 0] and last["labels"] == 1


def test_a_picture_at_the_top_means_no_labels(style_folder):
    Image.new("RGB", (4, 4)).save(style_folder / "top.png")
    data = FolderPictures(style_folder)
    assert data.styles == [] and set(data[0]) == {"images"}


def test_labels_can_be_switched_off_and_one_style_chosen(style_folder):
    assert FolderPictures(style_folder, labels="none").styles == []
    red = FolderPictures(style_folder, style="red")
    assert len(red) == 4 and red.styles == ["red"]
    with pytest.raises(UsageError, match="did you mean 'red'"):
        FolderPictures(style_folder, style="redd")


def test_train_and_test_folders_are_the_splits(style_folder):
    style_folder.joinpath("blue").rename(style_folder / "train")
    style_folder.joinpath("red").rename(style_folder / "test")
    assert len(FolderPictures(style_folder, split="train")) == 8
    assert len(FolderPictures(style_folder, split="test")) == 4


def test_the_fingerprint_tells_added_renamed_and_changed_files(style_folder):
    def fingerprint():
        return FolderPictures(style_folder).fingerprint()

    seen = [fingerprint(), fingerprint()]
    Image.new("RGB", (4, 4)).save(style_folder / "red" / "99.png")
    seen.append(fingerprint())
    (style_folder / "red" / "99.png").rename(style_folder / "red" / "98.png")
    seen.append(fingerprint())
    Image.effect_noise((64, 64), 99).save(style_folder / "red" / "98.png")
    assert seen[0] == seen[1] and len({*seen, fingerprint()}) == 4


def test_data_sets_can_be_sent_to_another_process(style_folder):
    data = pickle.loads(pickle.dumps(FolderPictures(style_folder)))
    assert data[3]["labels"] == 0 and len(data) == 12


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.mkdir(), r"holds no pictures \(0 other"),
        (lambda path: path.touch(), "is a file, not a folder"),
        (lambda path: (path.mkdir(), (path / "a.txt").touch()), r"holds no pictures \(1 other"),
    ],
)
def test_nothing_to_train_on_says_what_was_found(tmp_path, make, message):
    make(tmp_path / "data")
    with pytest.raises(NoInputError, match=message) as caught:
        FolderPictures(tmp_path / "data")
    assert caught.value.code == 4


@pytest.mark.parametrize(
    ("names", "kept", "prefix"),
    [
        (["a/1.png", "b/2.png"], ["a/1.png", "b/2.png"], ""),
        (["set/a/1.png", "set/b/2.png"], ["a/1.png", "b/2.png"], "set/"),
        (["train/a/1.png", "test/a/2.png"], ["a/1.png"], "train/"),
        (["set/train/a/1.png", "set/test/a/2.png"], ["a/1.png"], "set/train/"),
        (["a/1.png", "a/2.png"], ["a/1.png", "a/2.png"], ""),
    ],
)
def test_a_wrapping_folder_is_taken_off(names, kept, prefix):
    entries, found = without_wrapper([entry(name, 1) for name in names], "train")
    assert [item.name for item in entries] == kept and found == prefix
