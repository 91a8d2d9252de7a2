"""Names stay harmless in terminals and on every file system."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ganstyle.data.names import safe_name, shown


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("photo.jpg", "photo.jpg"),
        ("Größe 東海道.png", "Größe 東海道.png"),
        ("a\x1b[2J.png", "a\\x1b[2J.png"),
        ("a\nb", "a\\nb"),
        ("evil\u202egnp.exe", "evil\\u202egnp.exe"),
        (b"caf\xe9.jpg", "caf\\xe9.jpg"),
    ],
)
def test_shown_escapes_only_what_a_terminal_would_act_on(name, expected):
    assert shown(name) == expected


@given(st.text())
def test_shown_text_is_printable_and_can_be_encoded(text):
    result = shown(text)
    assert all(unicodedata.category(char) not in {"Cc", "Cf", "Cs"} for char in result)
    result.encode("utf-8")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("monet.png", "monet.png"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("..\\..\\x", "_.._x"),
        ("CON.png", "_CON.png"),
        ("lpt1", "_lpt1"),
        ("", "picture"),
        (" . ", "picture"),
        ("a:b*c?.jpg", "a_b_c_.jpg"),
        ("e\u0301.png", "\u00e9.png"),
    ],
)
def test_safe_name_by_example(name, expected):
    assert safe_name(name) == expected


@given(st.text(max_size=400))
@example("a" * 300 + ".jpeg")
@example("COM1 .png")
@example("/absolute")
def test_safe_name_is_one_short_component(text):
    name = safe_name(text)
    assert 0 < len(name.encode()) <= 200
    assert Path(name).name == name and not set(name) & set('<>:"|?*/\\\0')
    assert name == os.path.normpath(name) and name[-1] not in " ."
    assert safe_name(name) == name


def test_names_cut_to_length_keep_their_suffix_and_stay_apart():
    first, second = safe_name("x" * 300 + "1.png"), safe_name("x" * 300 + "2.png")
    assert first != second and first.endswith(".png") and second.endswith(".png")
