"""Pictures are matched by name over folders, with what was painted and in which style."""

from __future__ import annotations

import os

import pytest
from small_studies import save_picture

from ganstyle.errors import NoInputError, UsageError
from ganstyle.study.matching import match


def put(folder, *names):
    for name in names:
        save_picture(folder / name)
    return str(folder)


def names(matched):
    return [item.name for item in matched.items]


def test_pictures_of_one_name_belong_together_whatever_their_endings(tmp_path):
    folders = [put(tmp_path / "a", "cat.png", "x/dog.png"), put(tmp_path / "b", "cat.jpg", "x/dog.webp")]
    matched = match(folders)
    assert matched.methods == ("a", "b") and names(matched) == ["cat", "x/dog"]
    assert [file.name for file in matched.items[0].candidates] == ["cat.png", "cat.jpg"]


def test_what_is_not_in_every_folder_is_left_out_and_named(tmp_path):
    folders = [put(tmp_path / n, "cat.png", f"only_{n}.png") for n in "abc"]
    matched = match(folders)
    assert names(matched) == ["cat"]
    assert sorted(name for name, _ in matched.left_out) == ["only_a.png", "only_b.png", "only_c.png"]


def test_an_ending_that_a_whole_folder_shares_is_left_out(tmp_path):
    folders = [put(tmp_path / "a", "cat-monet.png", "dog-monet.png"), put(tmp_path / "b", "cat-v_g.png", "dog-v_g.png")]
    assert names(match(folders)) == ["cat", "dog"]


def test_folders_can_be_named(tmp_path):
    folders = [put(tmp_path / n, "cat.png") for n in ("a", "b")]
    assert match([f"ours={folders[0]}", f"theirs={folders[1]}"]).methods == ("ours", "theirs")


def test_folders_of_one_name_are_told_apart_by_their_parents(tmp_path):
    folders = [put(tmp_path / n / "out", "cat.png") for n in ("a", "b")]
    assert match(folders).methods == ("a/out", "b/out")


def test_a_name_cant_stand_for_two_folders(tmp_path):
    folders = [put(tmp_path / n, "cat.png") for n in ("a", "b")]
    with pytest.raises(UsageError, match="twice"):
        match([f"x={folders[0]}", f"x={folders[1]}"])
    with pytest.raises(UsageError, match="twice"):
        match([folders[0], folders[0]])


def test_one_folder_is_no_comparison(tmp_path):
    with pytest.raises(UsageError, match="at least two folders, got 1"):
        match([put(tmp_path / "a", "cat.png")])


def test_folders_without_common_names_are_shown_by_example(tmp_path):
    with pytest.raises(NoInputError, match=r"a/cat, b/dog"):
        match([put(tmp_path / "a", "cat.png"), put(tmp_path / "b", "dog.png")])


def test_missing_and_empty_folders_are_said(tmp_path):
    (tmp_path / "empty").mkdir()
    folder = put(tmp_path / "a", "cat.png")
    with pytest.raises(NoInputError, match="there is no folder"):
        match([folder, str(tmp_path / "none")])
    with pytest.raises(NoInputError, match="no pictures below"):
        match([folder, str(tmp_path / "empty")])


def test_content_is_found_by_the_beginning_of_the_name(tmp_path):
    folders = [put(tmp_path / n, "cat-monet.png", "bird-monet.png") for n in "ab"]
    matched = match(folders, content=tmp_path / put(tmp_path / "photos", "cat.jpg"))
    assert names(matched) == ["cat-monet"] and matched.items[0].content.name == "cat.jpg"
    assert matched.left_out == [("bird-monet", "its content picture is missing")]


def test_style_is_found_by_the_end_of_the_name(tmp_path):
    folders = [put(tmp_path / n, "cat-monet.png", "cat-van_gogh.png") for n in "ab"]
    put(tmp_path / "styles", "monet.jpg", "van_gogh/irises.jpg", "van_gogh/night.jpg")
    matched = match(folders, style=tmp_path / "styles")
    assert [item.style.name for item in matched.items] == ["monet.jpg", "irises.jpg"]


def test_one_style_picture_is_for_all(tmp_path):
    folders = [put(tmp_path / n, "cat.png", "dog.png") for n in "ab"]
    style = save_picture(tmp_path / "style.png")
    assert [item.style for item in match(folders, style=style).items] == [style, style]


def test_nothing_complete_is_an_error_with_the_reason(tmp_path):
    folders = [put(tmp_path / n, "cat.png") for n in "ab"]
    put(tmp_path / "photos", "dog.jpg")
    with pytest.raises(NoInputError, match="its content picture is missing"):
        match(folders, content=tmp_path / "photos")


@pytest.mark.skipif(os.name == "nt", reason="file names hold neither there")
def test_hostile_file_names_are_escaped(tmp_path):
    folders = [put(tmp_path / n, "a\x1b[2J<img src=x onerror=alert(1)>.png") for n in "ab"]
    assert names(match(folders)) == ["a\\x1b[2J<img src=x onerror=alert(1)>"]


def test_composed_and_decomposed_names_are_one(tmp_path):
    folders = [put(tmp_path / "a", "caf\u00e9.png"), put(tmp_path / "b", "cafe\u0301.png")]
    assert names(match(folders)) == ["caf\u00e9"]
