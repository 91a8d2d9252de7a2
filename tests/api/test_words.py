"""Text to values, and what was meant."""

from __future__ import annotations

import pytest

from ganstyle.api import parse_value, suggest


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("64", 64),
        ("1_000", 1000),
        ("true", True),
        ("True", "True"),
        ("none", None),
        ("cats", "cats"),
        ("", ""),
        ("a = b", "a = b"),
        ("[0, 0.99]", [0, 0.99]),
        ("{a = 1}", {"a": 1}),
        ('"64"', "64"),
        ("1\nother = 2", "1\nother = 2"),
        ("[" * 100_000, "[" * 100_000),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_a_value_is_a_toml_literal_or_else_text(text, value):
    found = parse_value(text)
    assert found == value and type(found) is type(value)


def test_a_close_word_is_suggested_and_else_all_are_listed():
    assert suggest("dcgn", ["dcgan", "progan"]) == "did you mean 'dcgan'?"
    assert suggest("r", ["r1", "r2"]) == "did you mean 'r2' or 'r1'?"
    assert suggest("xyz", ["b", "a"]) == "known: a, b"
    assert suggest("xyz", []) == "there are none"
