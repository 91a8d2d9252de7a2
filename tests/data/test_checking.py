"""The check counts, measures, and finds what is broken or there twice."""

from __future__ import annotations

import itertools
import json
import shutil
import zipfile

import numpy as np
import pytest
from PIL import Image

from ganstyle.data.checking import check, difference_hash, near_groups
from ganstyle.errors import NoInputError


def noise(seed, size=(64, 48)):
    """A smooth random picture: close copies look alike, others do not."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "data"
    for style, seeds in (("monet", (1, 2)), ("hokusai", (3, 4, 5))):
        (root / style).mkdir(parents=True)
        for seed in seeds:
            noise(seed).save(root / style / f"{seed}.png")
    return root


def test_a_clean_folder(folder):
    report = check(folder, resolution=48)
    assert (report.found, report.readable, report.broken) == (5, 5, [])
    assert report.styles == {"hokusai": 3, "monet": 2} and report.formats == {"PNG": 5}
    assert report.smallest == report.largest == (64, 48) and report.sizes == {"32 to 63": 5}
    assert report.exact_duplicates == report.near_duplicates == [] and report.below == 0
    assert report.total_bytes == sum(path.stat().st_size for path in folder.rglob("*.png")) and report.trainable
    assert report.megapixels == pytest.approx(5 * 64 * 48 / 1e6)


def test_broken_files_are_listed_with_reasons(folder):
    (folder / "monet" / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    (folder / "monet" / "page.jpg").write_bytes(b"<html>404</html>")
    report = check(folder)
    assert report.readable == 5 and [name for name, _ in report.broken] == ["monet/cut.jpg", "monet/page.jpg"]
    assert "is an HTML page" in report.broken[1][1] and not report.trainable


def test_equal_files_and_look_alikes_are_told_apart(folder):
    shutil.copy(folder / "monet" / "1.png", folder / "hokusai" / "copy.png")
    noise(2).save(folder / "hokusai" / "recompressed.jpg", quality=70)
    noise(3).resize((320, 240)).save(folder / "hokusai" / "larger.png")
    report = check(folder)
    assert [set(group) for group in report.exact_duplicates] == [{"monet/1.png", "hokusai/copy.png"}]
    assert sorted(map(sorted, report.near_duplicates)) == [
        ["hokusai/3.png", "hokusai/larger.png"],
        ["hokusai/recompressed.jpg", "monet/2.png"],
    ]


def test_sizes_modes_and_what_will_be_enlarged(tmp_path):
    Image.new("L", (20, 200), 9).save(tmp_path / "gray.png")
    Image.new("RGBA", (100, 100), (1, 2, 3, 4)).save(tmp_path / "alpha.png")
    Image.new("RGB", (2100, 2050)).save(tmp_path / "large.png")
    report = check(tmp_path, resolution=64)
    assert (report.grayscale, report.transparent, report.below) == (1, 1, 1)
    assert report.smallest == (20, 200) and report.largest == (2100, 2050)
    assert list(report.as_dict()["sizes"].items()) == [("under 32", 1), ("64 to 127", 1), ("2048 and more", 1)]
    assert report.styles == {} and json.loads(json.dumps(report.as_dict()))["readable"] == 3


def test_flat_pictures_are_not_called_alike(tmp_path):
    for number, colour in enumerate(("red", "blue", "black")):
        Image.new("RGB", (40, 40), colour).save(tmp_path / f"{number}.png")
    assert check(tmp_path).near_duplicates == []
    assert difference_hash(np.zeros((9, 9, 3), np.uint8)) is None


def test_the_difference_hash_is_the_sign_of_each_step_to_the_right():
    cells = np.random.default_rng(0).integers(0, 256, (8, 9), dtype=np.uint8)
    enlarged = np.repeat(np.kron(cells, np.ones((10, 10), np.uint8))[..., None], 3, axis=2)
    bits = "".join(str(int(left < right)) for row in cells.astype(int) for left, right in itertools.pairwise(row))
    assert difference_hash(enlarged) == int(bits, 2)


def test_groups_grow_through_chains():
    names = ["a", "b", "c", "d"]
    assert near_groups([0b0, 0b111, 0b111111, 0xFFFF << 40], names, bits=3) == [["a", "b", "c"]]


def test_zips_are_checked_like_folders(folder, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for path in folder.rglob("*.png"):
            archive.write(path, path.relative_to(folder).as_posix())
    zipped, plain = check(tmp_path / "a.zip").as_dict(), check(folder).as_dict()
    assert {**zipped, "where": ""} == {**plain, "where": ""}


def test_progress_counts_every_file(folder):
    calls = []
    check(folder, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(n, 5) for n in range(1, 6)]


@pytest.mark.parametrize(
    ("names", "found"), [([], "nothing at all"), (["a.txt", "b.csv", ".x"], "2 not an image by its name, 1 hidden")]
)
def test_a_folder_without_pictures_says_what_it_holds(tmp_path, names, found):
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(NoInputError, match=f"found: {found}"):
        check(tmp_path)
