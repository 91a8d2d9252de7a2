"""The cache gives back what it was given, or nothing."""

from __future__ import annotations

import os

import pytest
import torch

from ganstyle.engine.feature_cache import Facts, FeatureCache

FEATURES = torch.arange(12.0).reshape(4, 3)
FACTS = Facts({"8 x 4": 3, "2 x 2": 1}, skipped=1)


@pytest.fixture
def cache(tmp_path):
    """A cache with one entry."""
    found = FeatureCache(tmp_path / "features")
    found.write("id", "net", features=FEATURES, facts=FACTS)
    return found


def entry(cache):
    [path] = cache.folder.iterdir()
    return path


def test_features_and_facts_come_back_for_the_same_pictures_and_network_only(cache):
    features, facts = cache.read("id", "net")
    assert torch.equal(features, FEATURES)
    assert (facts, facts.count) == (FACTS, 4)
    assert cache.read("id", "other net") is None
    assert cache.read("other id", "net") is None


def test_pictures_without_identity_are_not_kept(tmp_path):
    cache = FeatureCache(tmp_path / "features")
    cache.write("", "net", features=FEATURES, facts=FACTS)
    assert cache.read("", "net") is None
    assert not cache.folder.exists()


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "noise", "facts"])
def test_a_damaged_entry_is_ignored_and_rewritten(cache, damage):
    path, content = entry(cache), entry(cache).read_bytes()
    flipped = content[:-1] + bytes([content[-1] ^ 1])
    facts = content.replace(b'\\"2 x 2\\": 1', b'\\"2 x 2\\": 2')
    path.write_bytes({"cut": content[:-4], "flip": flipped, "empty": b"", "noise": b"x" * 99, "facts": facts}[damage])
    assert cache.read("id", "net") is None
    cache.write("id", "net", features=FEATURES, facts=FACTS)
    assert torch.equal(cache.read("id", "net")[0], FEATURES)


def test_the_least_recently_used_entry_goes_first(cache):
    oldest = entry(cache)
    size = oldest.stat().st_size
    os.utime(oldest, (1, 1))
    cache.write("b", "net", features=FEATURES, facts=FACTS)
    os.utime(next(path for path in cache.folder.iterdir() if path != oldest), (2, 2))
    assert cache.read("id", "net")  # touched: now "b" is the oldest
    cache.max_bytes = int(2.5 * size)
    cache.write("c", "net", features=FEATURES, facts=FACTS)
    assert [cache.read(name, "net") is not None for name in ("id", "b", "c")] == [True, False, True]


def test_an_unwritable_folder_costs_time_only(tmp_path):
    (tmp_path / "file").write_text("")
    cache = FeatureCache(tmp_path / "file")
    cache.write("id", "net", features=FEATURES, facts=FACTS)
    assert cache.read("id", "net") is None


def test_the_default_place_is_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("GANSTYLE_HOME", str(tmp_path))
    assert FeatureCache().folder == tmp_path / "cache" / "features"


def test_what_another_version_wrote_is_not_found_and_no_damage(cache, monkeypatch):
    monkeypatch.setattr("ganstyle.engine.feature_cache.VERSION", 99)
    assert cache.read("id", "net") is None and cache.damaged == 0


def test_damaged_entries_are_counted(cache):
    entry(cache).write_bytes(b"x")
    assert cache.read("id", "net") is None and cache.damaged == 1
