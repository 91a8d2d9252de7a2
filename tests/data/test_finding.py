"""Searches are sorted, complete, and pass over litter."""

from __future__ import annotations

import os

import pytest

from ganstyle.data.finding import find_images


def make(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_pictures_are_sorted_and_litter_is_ignored(tmp_path):
    make(tmp_path, "b.JPG", "a.png", "._a.png", ".DS_Store", "Thumbs.db", "notes.txt", "desktop.ini")
    found = find_images(tmp_path)
    assert [file.name for file in found.files] == ["a.png", "b.JPG"]
    reasons = {path.name: reason for path, reason in found.ignored}
    assert reasons == {
        "._a.png": "hidden", ".DS_Store": "hidden", "Thumbs.db": "hidden", "desktop.ini": "hidden",
        "notes.txt": "not an image by its name",
    }  # fmt: skip


def test_sub_folders_are_walked_in_order_and_keep_their_root(tmp_path):
    make(tmp_path, "z/1.png", "a/2.png", "3.png", ".git/4.png", "__MACOSX/5.png")
    found = find_images(tmp_path)
    assert [file.relative_to(tmp_path).as_posix() for file in found.files] == ["3.png", "a/2.png", "z/1.png"]
    assert set(found.roots.values()) == {tmp_path}


def test_without_recursion_only_the_top_is_seen(tmp_path):
    make(tmp_path, "1.png", "a/2.png")
    assert [file.name for file in find_images(tmp_path, recursive=False).files] == ["1.png"]


def test_a_named_file_is_taken_whatever_its_name_and_only_once(tmp_path):
    make(tmp_path, "odd.xyz", "a.png")
    found = find_images([tmp_path / "odd.xyz", tmp_path / "odd.xyz", tmp_path])
    assert [file.name for file in found.files] == ["odd.xyz", "a.png"]


def test_a_missing_path_is_reported_not_raised(tmp_path):
    found = find_images([tmp_path / "none.png"])
    assert found.files == [] and found.ignored == [(tmp_path / "none.png", "does not exist")]


@pytest.mark.skipif(os.name == "nt", reason="needs rights there")
def test_links_to_files_are_followed_and_links_to_folders_are_not(tmp_path):
    make(tmp_path, "real/a.png")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "b.png").symlink_to(tmp_path / "real" / "a.png")
    found = find_images(tmp_path)
    assert [file.name for file in found.files] == ["b.png", "a.png"]
    assert (tmp_path / "loop", "linked folder") in found.ignored
