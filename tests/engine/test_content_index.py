"""Hashes of files are right, and remembered as long as files don't change."""

from __future__ import annotations

import hashlib
import os

import pytest

from ganstyle.engine import content_index
from ganstyle.engine.content_index import ContentIndex, files_identity


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Three old files; every file that is read is listed in the attribute `read`."""
    monkeypatch.setenv("GANSTYLE_HOME", str(tmp_path / "home"))
    root = tmp_path / "set"
    root.mkdir()
    for name in "abc":
        (root / name).write_text(name)
        os.utime(root / name, (1000, 1000))
    read, sha256 = [], content_index._sha256
    monkeypatch.setattr(content_index, "_sha256", lambda file: (read.append(file.name), sha256(file))[1])
    return root, read


def test_hashes_are_those_of_the_contents_and_files_are_read_once(files):
    root, read = files
    expected = [hashlib.sha256(name.encode()).hexdigest() for name in "abc"]
    for _ in range(2):
        assert ContentIndex(root).hashes(sorted(root.iterdir())) == expected
    assert read == ["a", "b", "c"]


def test_a_changed_file_is_read_again(files):
    root, read = files
    before = files_identity(root.iterdir(), root)
    (root / "b").write_text("B")
    assert files_identity(root.iterdir(), root) != before
    assert read == ["a", "b", "c", "b"]


def test_a_file_written_just_now_is_not_trusted_next_time(files):
    root, read = files
    (root / "b").write_text("B")
    for _ in range(2):
        ContentIndex(root).hashes([root / "b"])
    assert read == ["b", "b"]


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"a": 3, "b": [1, 2], "c": ["x", 1, 2]}'])
def test_a_damaged_index_costs_time_only(files, content):
    root, read = files
    before = files_identity(root.iterdir(), root)
    [index] = (root.parent / "home/cache/contents").iterdir()
    index.write_bytes(content)
    assert files_identity(root.iterdir(), root) == before
    assert len(read) == 6


def test_the_identity_knows_names_below_the_root_or_bare_ones(files):
    root, _ = files
    before, bare = files_identity(root.iterdir(), root), files_identity(root.iterdir())
    assert before == bare == files_identity(sorted(root.iterdir(), reverse=True), root)
    (root / "a").rename(root / "z")
    assert files_identity(root.iterdir(), root) != before


def test_files_that_cannot_be_read_have_no_identity(files):
    root, _ = files
    assert files_identity([root / "a", root / "missing"], root) == ""
