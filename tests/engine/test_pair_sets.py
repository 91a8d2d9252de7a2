"""Pairs by file name, and the styles that names end with."""

from __future__ import annotations

import pytest
from PIL import Image

from ganstyle.engine.pair_sets import pair_folders, style_works
from ganstyle.errors import InputError, NoInputError, UsageError


def put(path, value, *, size=(6, 4)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, value, value)).save(path)
    return path


def values(images):
    return [int(image[0, 0, 0]) for image in images.iterate()]


@pytest.fixture
def pairs(tmp_path):
    """Pictures made of contents under the names that tools give them."""
    for name in ("cat.jpg", "cat-2.jpg", "dog.png", "sun.png"):
        put(tmp_path / "content" / name, 10)
    for name in ("cat.png", "cat-monet.png", "cat-2_van_gogh.png", "dogs.png"):
        put(tmp_path / "out" / name, 20)
    put(tmp_path / "out/dog.png", 30, size=(5, 4))
    return tmp_path


def test_pairs_match_equal_names_then_the_longest_beginning(pairs):
    found = pair_folders(pairs / "out", pairs / "content")
    assert {picture.name: reference.name for picture, reference in found.files} == {
        "cat.png": "cat.jpg",
        "cat-monet.png": "cat.jpg",
        "cat-2_van_gogh.png": "cat-2.jpg",
        "dog.png": "dog.png",
    }
    assert (found.unmatched, found.unused) == (["dogs.png"], ["sun.png"])


@pytest.mark.parametrize("swapped", [False, True])
def test_results_beside_their_photographs_are_not_paired_with_themselves(tmp_path, swapped):
    put(tmp_path / "cat.png", 10)
    put(tmp_path / "stylized/cat-monet.png", 20)
    put(tmp_path / "stylized/cat.png", 30)
    places = [tmp_path / "stylized", tmp_path]
    found = pair_folders(*(reversed(places) if swapped else places))
    names = [tuple(str(file.relative_to(tmp_path)) for file in pair) for pair in found.files]
    ours = [("stylized/cat-monet.png", "cat.png"), ("stylized/cat.png", "cat.png")]
    assert names == ([("cat.png", "stylized/cat.png")] if swapped else ours)


def test_pairs_of_unequal_size_are_refused_one_by_one(pairs):
    found = pair_folders(pairs / "out", pairs / "content")
    assert len(list(found)) == 3
    [(name, reason)] = found.refused
    assert name.endswith("dog.png") and "5 x 4 and 6 x 4" in reason


def test_pairs_serve_set_metrics_with_each_reference_once(pairs):
    found = pair_folders(pairs / "out", pairs / "content")
    assert (found.images().count, found.references().count) == (4, 3)
    assert len(values(found.references())) == 3
    assert found.references().identity != found.images().identity


def test_folders_without_a_common_name_are_no_input(pairs):
    put(pairs / "other/x.png", 1)
    with pytest.raises(NoInputError, match=r"looked for: x\.png"):
        pair_folders(pairs / "other", pairs / "content")


def test_one_style_is_that_of_all_pictures(pairs):
    found = pair_folders(pairs / "out", pairs / "content").of_styles(["monet"])
    assert found.styles == ["monet"] * 4
    assert {style for _, _, style in found} == {"monet"}


def test_of_several_styles_each_picture_has_the_longest_that_its_name_ends_with(pairs):
    put(pairs / "out/monet/sun.png", 20)
    found = pair_folders(pairs / "out", pairs / "content").of_styles(["monet", "gogh", "van_gogh", "goghs"])
    assert {file.name: style for (file, _), style in zip(found.files, found.styles)} == {
        "cat-monet.png": "monet",
        "cat-2_van_gogh.png": "van_gogh",
        "sun.png": "monet",
    }
    assert found.unmatched[1:] == ["cat.png (names no style)", "dog.png (names no style)"]


def test_styles_that_no_picture_names_are_no_input(pairs):
    with pytest.raises(NoInputError, match=r"no picture's name ends with a style \(a, b\)"):
        pair_folders(pairs / "out", pairs / "content").of_styles(["b", "a"])


def test_two_single_pictures_are_a_pair_whatever_their_names(pairs):
    found = pair_folders(pairs / "out/dogs.png", pairs / "content/sun.png")
    assert len(list(found)) == 1 and found.walked == [0]


def test_refused_pairs_leave_the_places_of_the_others(pairs):
    found = pair_folders(pairs / "out", pairs / "content")
    list(found)
    assert [found.files[place][0].name for place in found.walked] == ["cat-2_van_gogh.png", "cat-monet.png", "cat.png"]
    with pytest.raises(InputError, match="pairs are never resized"):
        found.read(3)


@pytest.fixture
def works(tmp_path):
    """A folder of two painters, a folder of one, a picture."""
    for name, value in (("all/a/1.png", 1), ("all/a/2.png", 2), ("all/b/deep/3.png", 3), ("one/4.png", 4)):
        put(tmp_path / name, value)
    put(tmp_path / "sun rise.png", 5)
    return tmp_path


def test_styles_are_pictures_folders_folders_of_folders_and_names(works):
    words = [str(works / name) for name in ("all", "one", "sun rise.png")]
    found = style_works([*words, "klimt"], named={"klimt": [works / "one/4.png"]})
    shown = {name: [int(work[0, 0, 0]) for work in styles] for name, styles in found.items()}
    assert shown == {"a": [1, 2], "b": [3], "one": [4], "sun rise": [5], "klimt": [4]}


def test_many_works_are_thinned_evenly(works):
    for value in range(201):
        put(works / f"many/{value:03}.png", value)
    found = style_works([str(works / "many")])["many"]
    assert len(found) == 200 and int(found[-1][0, 0, 0]) >= 199


def test_unknown_and_twin_styles_are_answered(works):
    with pytest.raises(NoInputError, match="there is no style nobody") as caught:
        style_works(["nobody"], named={"monet": []})
    assert "monet" in caught.value.hint
    with pytest.raises(UsageError, match="two styles are called one"):
        style_works([str(works / "one"), "one"], named={"one": [works / "one/4.png"]})
