"""Style files that survive a round trip, and hostile ones that don't get in."""

from __future__ import annotations

import json
import os
import pickle
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_painter import Painter, noise

from ganstyle.data.tensors import write_tensors
from ganstyle.errors import ModelError, UsageError
from ganstyle.style.bank import Style, StyleBank, check_base, read_card, read_style, user_folder, write_style
from ganstyle.style.card import CARD_KEY, StyleCard
from ganstyle.style.learning import make_style

HASH = "ab" * 32


def style_of(name: str = "blue", **facts: object) -> Style:
    card = StyleCard(name, "moments", HASH, title="Größe 日本", works=2, fingerprints=(HASH, "cd" * 32), **facts)
    return Style(card, np.arange(6, dtype=np.float32), np.ones((2, 6), np.float16), b"\xff\xd8 not really a jpeg")


def test_a_round_trip_keeps_everything(tmp_path: Path) -> None:
    style = style_of(author="N. N.", fit_steps=7)
    loaded = read_style(write_style(style, tmp_path / "a.style.safetensors"))
    assert loaded.card == style.card
    assert np.array_equal(loaded.code, style.code) and loaded.code.dtype == np.float32
    assert np.array_equal(loaded.codes, style.codes) and loaded.codes.dtype == np.float16
    assert loaded.thumbnail == style.thumbnail


def test_writing_what_was_read_gives_the_same_bytes(tmp_path: Path) -> None:
    first = write_style(style_of(), tmp_path / "a.style.safetensors")
    second = write_style(read_style(first), tmp_path / "b.style.safetensors")
    assert first.read_bytes() == second.read_bytes()


def test_a_real_style_takes_tens_of_kilobytes(painter: Painter, tmp_path: Path) -> None:
    works = [noise((90, 40 + 9 * index, 60), size=(200, 280), seed=index) for index in range(9)]
    style = make_style(works, name="many", base=painter.base)
    code = np.zeros(1512, np.float32)
    real = replace(style, code=code, codes=np.zeros((8, 1512), np.float16))
    assert write_style(real, tmp_path / "a.style.safetensors").stat().st_size < 64_000


def test_an_existing_file_is_not_replaced_unasked(tmp_path: Path) -> None:
    path = write_style(style_of(), tmp_path / "a.style.safetensors")
    before = path.read_bytes()
    with pytest.raises(UsageError, match="exists"):
        write_style(style_of("red"), path)
    assert path.read_bytes() == before
    assert read_style(write_style(style_of("red"), path, overwrite=True)).name == "red"


class Evil:
    def __reduce__(self) -> tuple:
        return os.mkdir, ("executed",)


def test_a_pickle_is_refused_and_never_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "evil.style.safetensors"
    for data in (pickle.dumps(Evil()), pickle.dumps(Evil(), protocol=0)):
        path.write_bytes(data)
        with pytest.raises(ModelError):
            read_style(path)
    torch.save(Evil(), path)
    with pytest.raises(ModelError, match="zip"):
        read_style(path)
    assert not (tmp_path / "executed").exists()


def hostile(header: dict, data: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


CARD = json.dumps({"schema": 1, "name": "x", "base_name": "m", "base_sha256": HASH})
META = {"__metadata__": {CARD_KEY: CARD}}


def with_adapter(dtype: str, shape: list[int], data: bytes) -> bytes:
    """Return a file whose code is as it should be, followed by an adapter."""
    code = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    adapter = {"dtype": dtype, "shape": shape, "data_offsets": [4, 4 + len(data)]}
    return hostile(META | {"code": code, "adapter": adapter}, b"\0" * 4 + data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 7,
        struct.pack("<Q", 1 << 40) + b"{}",
        hostile(META | {"code": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}}),
        hostile(META | {"code": {"dtype": "F32", "shape": [6], "data_offsets": [0, 24]}}, b"\0" * 20),
        hostile(META | {"code": {"dtype": "F32", "shape": [6], "data_offsets": [0, 24]}}, b"\xff" * 24),
        hostile(META | {"code": {"dtype": "F16", "shape": [6], "data_offsets": [0, 12]}}, b"\0" * 12),
        hostile(META | {"code": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}, b"\0" * 24),
        hostile(META | {"other": {"dtype": "F32", "shape": [6], "data_offsets": [0, 24]}}, b"\0" * 24),
        hostile(META | {"code": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, struct.pack("<f", 1e30)),
        hostile({"code": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, b"\0" * 4),
        with_adapter("F32", [1], struct.pack("<f", 1.0)),
        with_adapter("F16", [1, 2], b"\0" * 4),
        with_adapter("F16", [0], b""),
        with_adapter("F16", [1 << 21], b"\0" * (1 << 22)),
        with_adapter("F16", [2], struct.pack("<2e", 0.0, float("nan"))),
        with_adapter("F16", [2], struct.pack("<2e", float("-inf"), 0.0)),
        with_adapter("F16", [2], struct.pack("<2e", 0.0, 200.0)),
        b"<html>not found</html>" * 10,
    ],
)
def test_lying_and_foreign_files_are_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.style.safetensors"
    path.write_bytes(data)
    with pytest.raises(ModelError) as caught:
        read_style(path)
    assert caught.value.code == 5


@pytest.mark.parametrize(
    "values",
    [
        {"schema": 99}, {"schema": None}, {"name": "../../x"}, {"name": 7}, {"base_sha256": "zz"}, {"base_name": None},
        {"works": -1}, {"works": True}, {"title": "x" * 5000}, {"fingerprints": [1]}, {"fingerprints": ["a"] * 3000},
    ],
)  # fmt: skip
def test_cards_that_do_not_validate_are_refused(tmp_path: Path, values: dict) -> None:
    path = tmp_path / "a.style.safetensors"
    card = json.dumps(json.loads(CARD) | values)
    write_tensors(path, {"code": torch.zeros(6)}, {CARD_KEY: card})
    with pytest.raises(ModelError):
        read_card(path)


def test_unknown_keys_of_a_later_minor_version_are_ignored(tmp_path: Path) -> None:
    path = tmp_path / "a.style.safetensors"
    write_tensors(path, {"code": torch.zeros(6)}, {CARD_KEY: json.dumps(json.loads(CARD) | {"mood": "calm"})})
    assert read_card(path).name == "x"


def test_a_style_of_another_base_model_says_how_to_make_it_again(painter: Painter) -> None:
    with pytest.raises(ModelError, match="was made for base model moments abababab") as caught:
        check_base(style_of(), painter.base)
    assert "ganstyle style add blue" in caught.value.hint


def test_a_code_of_another_length_is_refused_even_with_the_right_checksum(painter: Painter) -> None:
    liar = Style(StyleCard("liar", "moments", painter.base.sha256), torch.zeros(9))
    with pytest.raises(ModelError):
        check_base(liar, painter.base)


def test_an_adapter_comes_back_as_it_was_and_follows_the_code(tmp_path: Path) -> None:
    style = replace(style_of(), adapter=np.array([0.5, -2.0, 0.1], np.float16))
    loaded = read_style(write_style(style, tmp_path / "a.style.safetensors"))
    assert np.array_equal(loaded.adapter, style.adapter) and loaded.adapter.dtype == np.float16
    assert loaded.numbers.dtype == np.float32
    assert loaded.numbers.tolist() == [0, 1, 2, 3, 4, 5, 0.5, -2.0, float(np.float16(0.1))]
    assert style_of().numbers is not None and style_of().numbers.shape == (6,)


def test_numbers_are_parted_again_and_an_adapter_of_zeros_is_none() -> None:
    style = style_of()
    changed = style.with_numbers(np.arange(8, dtype=np.float32))
    assert (changed.code.tolist(), changed.adapter.tolist()) == ([0, 1, 2, 3, 4, 5], [6, 7])
    assert changed.with_numbers(np.zeros(8, np.float32)).adapter is None
    assert changed.with_numbers(np.ones(6, np.float32)).adapter is None


def test_an_adapter_of_a_small_size_takes_some_kilobytes(tmp_path: Path) -> None:
    plain, adapted = style_of(), replace(style_of(), adapter=np.ones(6 * 96 * 49, np.float16))
    sizes = [
        write_style(style, tmp_path / f"{index}.style.safetensors").stat().st_size
        for index, style in enumerate((plain, adapted))
    ]
    assert 56_000 < sizes[1] - sizes[0] < 57_000


def test_an_adapter_that_the_base_model_does_not_take_is_refused(painter: Painter) -> None:
    liar = Style(
        StyleCard("liar", "moments", painter.base.sha256), np.zeros(6, np.float32), adapter=np.ones(3, np.float16)
    )
    with pytest.raises(ModelError, match="has an adapter of 3 numbers, base model moments takes 0") as caught:
        check_base(liar, painter.base)
    assert "ganstyle learn liar" in caught.value.hint


def test_the_bank_lists_shipped_styles_and_the_users(painter: Painter) -> None:
    bank = StyleBank()
    bank.add(style_of())
    assert [(entry.name, entry.shipped) for entry in bank.entries()] == [
        ("blue", False),
        ("night", True),
        ("sunset", True),
    ]
    assert bank.folder == user_folder() == Path(os.environ["GANSTYLE_HOME"]) / "styles"


def test_an_unknown_style_is_met_with_a_suggestion(painter: Painter) -> None:
    with pytest.raises(UsageError, match="did you mean 'sunset'"):
        StyleBank().load("sunst")


def test_styles_are_not_overwritten_unasked(painter: Painter) -> None:
    bank = StyleBank()
    for name in ("blue", "sunset"):
        if name == "blue":
            bank.add(style_of(name))
        with pytest.raises(UsageError, match="exists already"):
            bank.add(style_of(name))


def test_a_users_style_hides_a_shipped_one_until_it_is_removed(painter: Painter) -> None:
    bank = StyleBank()
    shipped = bank.load("sunset")
    bank.add(style_of("sunset"), overwrite=True)
    assert bank.load("sunset").card.title == "Größe 日本"
    bank.remove("sunset")
    assert bank.load("sunset").card == shipped.card


def test_shipped_styles_stay(painter: Painter) -> None:
    with pytest.raises(UsageError, match="shipped"):
        StyleBank().remove("sunset")
    assert "sunset" in StyleBank().names()


def test_a_broken_file_is_an_entry_with_an_error(painter: Painter) -> None:
    bank = StyleBank()
    bank.folder.mkdir(parents=True)
    (bank.folder / "broken.style.safetensors").write_bytes(b"junk")
    entry = bank.entry("broken")
    assert entry.card is None
    assert "no header" in entry.error
    assert bank.names() == ["broken", "night", "sunset"]


def test_a_renamed_file_is_known_by_its_new_name(painter: Painter) -> None:
    bank = StyleBank()
    bank.add(style_of("blue")).rename(bank.folder / "azure.style.safetensors")
    assert bank.load("azure").name == "azure"
