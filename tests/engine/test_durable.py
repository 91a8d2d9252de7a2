from __future__ import annotations

import errno
import os

import pytest

from ganstyle.engine import durable
from ganstyle.engine.durable import disk_errors, dump_json, read_json, replace_synced, write_synced
from ganstyle.errors import EnvironmentProblem, ModelError


def test_replacing_leaves_the_new_content_and_no_leftover(tmp_path):
    replace_synced(tmp_path / "a", b"old")
    replace_synced(tmp_path / "a", b"new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"new"}


@pytest.mark.parametrize("name", ["fsync", "replace"])
def test_a_failing_disk_leaves_the_old_content_and_no_leftover(tmp_path, monkeypatch, name):
    replace_synced(tmp_path / "a", b"old")
    monkeypatch.setattr(os, name, lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    with pytest.raises(OSError):
        replace_synced(tmp_path / "a", b"new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old"}


def test_the_temporary_file_lies_beside_the_target_whatever_tmpdir_says(tmp_path, monkeypatch):
    moves = []
    monkeypatch.setenv("TMPDIR", "/nonexistent")
    monkeypatch.setattr(os, "replace", lambda source, target: moves.append((source.parent, target.parent)))
    replace_synced(tmp_path / "a", b"new")
    assert moves == [(tmp_path, tmp_path)]


def test_data_reaches_the_disk_before_the_name(tmp_path, monkeypatch):
    order = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: (order.append("fsync"), fsync(descriptor)))
    monkeypatch.setattr(os, "replace", lambda *paths: (order.append("replace"), replace(*paths)))
    replace_synced(tmp_path / "a", b"new")
    assert order == ["fsync", "replace", "fsync"]


def test_json_round_trips_canonically(tmp_path):
    value = {"b": [1, 2.5, None, "é"], "a": {"nested": True}}
    write_synced(tmp_path / "x.json", dump_json(value))
    assert read_json(tmp_path / "x.json") == value
    assert dump_json({"b": 1, "a": 2}) == dump_json({"a": 2, "b": 1})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_json_lacks_are_refused(value):
    with pytest.raises(ValueError):
        dump_json({"loss": value})


@pytest.mark.parametrize("content", [b"", b"[]", b"3", b"[" * 100_000, b'{"a": ', b"\xff\xfe", b'{"a": 1} x'])
def test_what_is_no_json_object_is_refused(tmp_path, content):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(ModelError, match=r"x\.json"):
        read_json(tmp_path / "x.json")


def test_an_oversized_file_is_refused_by_its_size(tmp_path, monkeypatch):
    monkeypatch.setattr(durable, "MAX_JSON_BYTES", 10)
    (tmp_path / "x.json").write_bytes(b'{"a": 12345}')
    with pytest.raises(ModelError, match="has 12 bytes, at most 10"):
        read_json(tmp_path / "x.json")


def test_a_missing_file_is_refused_with_the_systems_reason(tmp_path):
    with pytest.raises(ModelError, match="No such file"):
        read_json(tmp_path / "x.json")


def test_disk_errors_become_environment_problems_with_place_and_remedy():
    with pytest.raises(EnvironmentProblem) as caught, disk_errors("can't save", where="there", hint="free some"):
        raise OSError(errno.EDQUOT, "Disk quota exceeded")
    problem = caught.value
    expected = (6, "can't save: Disk quota exceeded", "there", "free some")
    assert (problem.code, problem.message, problem.where, problem.hint) == expected
