"""A prepared cache holds the same pictures, at once or not at all, and notices damage."""

from __future__ import annotations

import errno
import json
import os
import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from ganstyle.data.cache import CachedPictures, estimated_bytes, is_cache, prepare
from ganstyle.data.loading import Loader
from ganstyle.data.pictures import FolderPictures
from ganstyle.data.transforms import Preprocess
from ganstyle.errors import EnvironmentProblem, NoInputError, UsageError


@pytest.fixture
def cached(style_folder, tmp_path):
    prepare(FolderPictures(style_folder), tmp_path / "cache", resolution=64)
    return tmp_path / "cache"


def test_small_pictures_come_back_unchanged_with_their_labels(cached, style_folder):
    source, copy = FolderPictures(style_folder), CachedPictures(cached)
    assert copy.styles == source.styles and copy.files == source.files and len(copy) == 12
    assert all(torch.equal(copy[n]["images"], source[n]["images"]) for n in range(12))
    assert [copy[n]["labels"] for n in range(12)] == [source[n]["labels"] for n in range(12)]


def test_large_pictures_keep_their_proportions_and_room_for_a_crop(tmp_path):
    (tmp_path / "in").mkdir()
    Image.linear_gradient("L").resize((600, 300)).save(tmp_path / "in" / "a.png")
    prepare(FolderPictures(tmp_path / "in"), tmp_path / "cache", resolution=64)
    image = CachedPictures(tmp_path / "cache")[0]["images"]
    assert image.shape == (3, 80, 160)  # a crop of 80 % is 64
    assert image[0, :, 80].float().diff().min() >= 0 and image[0, -1].min() > 250


def test_several_chunks(style_folder, tmp_path):
    one = 20 * 16 * 3
    prepare(FolderPictures(style_folder), tmp_path / "cache", resolution=64, chunk_bytes=5 * one)
    assert sorted(path.name for path in (tmp_path / "cache").glob("chunk-*")) == [f"chunk-00{n}.npy" for n in range(3)]
    copy = CachedPictures(tmp_path / "cache")
    assert [int(copy[n]["images"][1, 0, 0]) for n in range(12)] == [10, 20, 40, 50, 70, 80, 100, 110, 0, 30, 60, 90]


def test_training_batches_equal_those_of_the_folder(cached, style_folder):
    batches = [
        next(Loader(data, Preprocess(None, 8), batch=24, seed=4, workers=workers))
        for data, workers in (
            (FolderPictures(style_folder), 0),
            (CachedPictures(cached), 0),
            (CachedPictures(cached), 1),
        )
    ]
    assert all(torch.equal(batch["images"], batches[0]["images"]) for batch in batches[1:])


def test_it_survives_a_trip_to_another_process(cached):
    copy = CachedPictures(cached)
    copy[0]
    assert torch.equal(pickle.loads(pickle.dumps(copy))[5]["images"], copy[5]["images"])


def test_broken_files_are_left_out_and_listed(style_folder, tmp_path):
    (style_folder / "red" / "00.png").write_bytes(b"junk")
    manifest = prepare(FolderPictures(style_folder), tmp_path / "cache", resolution=64)
    assert manifest["count"] == 11 and "00.png is not an image" in manifest["skipped"][0]
    assert CachedPictures(tmp_path / "cache").files[-1] == "red/09.png"


def test_nothing_readable_leaves_nothing_behind(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(b"junk")
    with pytest.raises(NoInputError, match="none of 1 pictures"):
        prepare(FolderPictures(tmp_path / "in"), tmp_path / "cache", resolution=64)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_it_never_overwrites(cached, style_folder):
    before = (cached / "manifest.json").read_bytes()
    with pytest.raises(UsageError, match="never overwrites"):
        prepare(FolderPictures(style_folder), cached, resolution=32)
    assert (cached / "manifest.json").read_bytes() == before


def test_a_full_disk_leaves_nothing_half_written(style_folder, tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(EnvironmentProblem, match="No space left"):
        prepare(FolderPictures(style_folder), tmp_path / "cache", resolution=64)
    assert [path.name for path in tmp_path.iterdir()] == ["styles"]


def test_the_folder_appears_by_one_rename(style_folder, tmp_path, monkeypatch):
    renames = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (renames.append((str(a), str(b))), replace(a, b))[1])
    prepare(FolderPictures(style_folder), tmp_path / "cache", resolution=64)
    assert renames[-1][1] == str(tmp_path / "cache")
    assert all(".tmp-" in target for _, target in renames[:-1])


def damage_flip(folder):
    data = bytearray((folder / "chunk-000.npy").read_bytes())
    data[-1] ^= 1
    (folder / "chunk-000.npy").write_bytes(data)


def damage_cut(folder):
    (folder / "chunk-000.npy").write_bytes((folder / "chunk-000.npy").read_bytes()[:-1])


def damage_index(folder):
    """Point behind the end, with sizes and hashes made to fit."""
    import hashlib

    index = np.load(folder / "index.npy")
    index[3, 1] = 10**12
    np.save(folder / "index.npy", index)
    manifest = json.loads((folder / "manifest.json").read_text())
    for file in manifest["files"]:
        file["sha256"] = hashlib.sha256((folder / file["file"]).read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_flip, "sha256 of chunk-000.npy differs"),
        (damage_cut, "missing or cut off"),
        (damage_index, "index does not fit"),
        (lambda folder: (folder / "labels.npy").unlink(), "missing or cut off"),
        (lambda folder: (folder / "manifest.json").write_text("[" * 9999), "not one that this version wrote"),
        (lambda folder: (folder / "manifest.json").write_text('{"kind": 3}'), "not one that this version wrote"),
        (lambda folder: (folder / "manifest.json").unlink(), "is no cache"),
    ],
)
def test_damage_is_named(cached, damage, message):
    damage(cached)
    with pytest.raises(NoInputError, match=message):
        CachedPictures(cached)


def test_pickled_arrays_are_refused(cached):
    np.save(cached / "index.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(NoInputError):
        CachedPictures(cached, verify=False)


def test_the_fingerprint_follows_the_source(style_folder, tmp_path):
    prepare(FolderPictures(style_folder), tmp_path / "a", resolution=64)
    prepare(FolderPictures(style_folder), tmp_path / "b", resolution=64)
    (style_folder / "red" / "09.png").unlink()
    prepare(FolderPictures(style_folder), tmp_path / "c", resolution=64)
    prints = [CachedPictures(tmp_path / name).fingerprint() for name in "abc"]
    assert prints[0] == prints[1] != prints[2]


def test_a_cache_is_told_from_a_folder(cached, style_folder):
    assert is_cache(cached) and not is_cache(style_folder)


def test_the_estimate_bounds_what_is_written(tmp_path):
    (tmp_path / "in").mkdir()
    for number in range(4):
        Image.new("RGB", (300, 200)).save(tmp_path / "in" / f"{number}.png")
    manifest = prepare(FolderPictures(tmp_path / "in"), tmp_path / "cache", resolution=64)
    assert manifest["bytes"] <= estimated_bytes(4, 64) + 1024
