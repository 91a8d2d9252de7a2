"""Tensor files: what is written comes back; what is hostile is refused before it costs anything."""

from __future__ import annotations

import json
import pickle
import struct
import time
import tracemalloc

import pytest
import torch

from ganstyle.data.tensors import read_header, read_tensors, write_tensors
from ganstyle.errors import EnvironmentProblem, ModelError


def raw(path, header, data=b"", length=None):
    """Write a file with any header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def entry(shape, start, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def test_tensors_and_metadata_come_back_bit_for_bit(tmp_path):
    tensors = {
        "a/weight": torch.randn(3, 4).t(),  # not contiguous
        "half": torch.randn(5).half(),
        "bfloat": torch.randn(2).bfloat16(),
        "steps": torch.tensor(7),
        "flags": torch.tensor([True, False]),
        "bytes": torch.arange(256, dtype=torch.uint8),
        "empty": torch.zeros(0, 3),
    }
    path = write_tensors(tmp_path / "m.safetensors", tensors, {"card": '{"x": 1}'})
    found = read_tensors(path)
    assert set(found) == set(tensors)
    assert all(torch.equal(found[name], tensors[name]) and found[name].dtype == tensors[name].dtype for name in found)
    assert read_header(path).metadata == {"card": '{"x": 1}'}


def test_the_header_is_read_without_the_tensors(tmp_path):
    path = write_tensors(tmp_path / "m.safetensors", {"w": torch.zeros(2, 3), "n": torch.zeros(4, dtype=torch.int64)})
    assert read_header(path).tensors == {"w": ("F32", (2, 3)), "n": ("I64", (4,))}


def test_tensors_that_share_memory_are_stored_under_both_names(tmp_path):
    weight = torch.randn(4)
    found = read_tensors(write_tensors(tmp_path / "m.safetensors", {"a": weight, "b": weight, "c": weight[:2]}))
    assert torch.equal(found["a"], found["b"]) and torch.equal(found["c"], weight[:2])


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        ({"a": (3,), "b": (2,)}, "lacks tensor b"),
        ({}, "unknown tensor a"),
        ({"a": (4,)}, r"a is \(3,\), expected \(4,\)"),
    ],
)
def test_other_tensors_than_expected_are_refused(tmp_path, expected, message):
    path = write_tensors(tmp_path / "m.safetensors", {"a": torch.zeros(3)})
    with pytest.raises(ModelError, match=message):
        read_tensors(path, expected=expected)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_neither_written_nor_read(tmp_path, value):
    with pytest.raises(ModelError, match="tensor w holds values that are not finite"):
        write_tensors(tmp_path / "m.safetensors", {"w": torch.tensor([value])})
    assert not list(tmp_path.iterdir())
    path = raw(tmp_path / "n.safetensors", {"w": entry([1], 0, 4)}, struct.pack("<f", value))
    with pytest.raises(ModelError, match="not finite"):
        read_tensors(path)


class Evil:
    """Writes a file when unpickled."""

    def __reduce__(self):
        return (open, ("executed", "w"))


@pytest.mark.parametrize("save", [lambda p: p.write_bytes(pickle.dumps(Evil())), lambda p: torch.save(Evil(), p)])
def test_pickles_are_recognised_and_never_run(tmp_path, monkeypatch, save):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "m.safetensors"
    save(path)
    for read in (read_header, read_tensors):
        with pytest.raises(ModelError, match="it can hold programs") as caught:
            read(path)
        assert caught.value.code == 5
    assert not (tmp_path / "executed").exists()


HOSTILE = {
    "empty": (b"", 0, b"", "no header"),
    "terabyte": ({}, 1 << 40, b"", "its header claims 1099511627776"),
    "a picture": (b"", int.from_bytes(b"\xff\xd8\xff\xe0\0\x10JF", "little"), b"IF", "no safetensors file"),
    "longer than file": ({}, 1000, b"", "cut off"),
    "no json": (b"hello world!", None, b"", "no safetensors header"),
    "list": (b"[1, 2]", None, b"", "no safetensors header"),
    "deep": (b"[" * 100_000, None, b"", "no safetensors header"),
    "twice": (b'{"a": 1, "a": 2}', None, b"", "no safetensors header"),
    "metadata": ({"__metadata__": {"a": 1}}, None, b"", "metadata is not text"),
    "overlap": ({"a": entry([2], 0, 8), "b": entry([2], 4, 12)}, None, b"\0" * 12, "overlap"),
    "hole": ({"a": entry([1], 0, 4), "b": entry([1], 8, 12)}, None, b"\0" * 12, "overlap or leave a hole"),
    "tail": ({"a": entry([1], 0, 4)}, None, b"\0" * 9, "longer than it says"),
    "cut": ({"a": entry([4], 0, 16)}, None, b"\0" * 9, "cut off"),
    "shape": ({"a": entry([1 << 40, 1 << 40], 0, 4)}, None, b"\0" * 4, "does not fill its place"),
    "negative": ({"a": entry([-1, -1], 0, 4)}, None, b"\0" * 4, "malformed"),
    "boolean": ({"a": entry([True], 0, 4)}, None, b"\0" * 4, "malformed"),
    "type": ({"a": entry([1], 0, 4, "F31")}, None, b"\0" * 4, "malformed"),
    "control": ({"\x1b[2J": entry([2], 0, 4)}, None, b"\0" * 4, r"\\x1b"),
    "many": ({f"{n}": entry([0], 0, 0) for n in range(20_001)}, None, b"", "20001 tensors"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_headers_are_refused_with_a_reason(tmp_path, case):
    header, length, data, message = HOSTILE[case]
    path = raw(tmp_path / "m.safetensors", header, data, length)
    with pytest.raises(ModelError, match=message):
        read_tensors(path)


def test_hostile_headers_cost_neither_time_nor_memory(tmp_path):
    path = raw(tmp_path / "m.safetensors", b"{" + b" " * 8_000_000 + b"}")
    tracemalloc.start()
    start = time.perf_counter()
    with pytest.raises(ModelError, match="at most 4194304"):
        read_tensors(path)
    assert time.perf_counter() - start < 1 and tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(ModelError, match="does not exist"):
        read_tensors(tmp_path / "none.safetensors")
    with pytest.raises(EnvironmentProblem, match="can't be read"):
        read_tensors(tmp_path)


def test_a_cut_at_any_place_is_noticed(tmp_path):
    whole = write_tensors(tmp_path / "m.safetensors", {"a": torch.randn(8), "b": torch.randn(3)}).read_bytes()
    path = tmp_path / "cut.safetensors"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelError):
            read_tensors(path)


@pytest.mark.parametrize("length", [640, 896, 1152, 1408])
def test_a_header_whose_length_looks_like_a_pickle_is_read(tmp_path, length):
    path = tmp_path / "unlucky.safetensors"
    for padding in range(length):
        write_tensors(path, {"x": torch.ones(2)}, {"note": "a" * padding})
        if int.from_bytes(path.read_bytes()[:8], "little") == length:
            break
    assert path.read_bytes()[0] == 0x80 and torch.equal(read_tensors(path)["x"], torch.ones(2))
