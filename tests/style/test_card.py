"""Names and cards."""

from __future__ import annotations

import json

import pytest

from ganstyle.errors import UsageError
from ganstyle.style.card import StyleCard, check_name, name_from, parse_card


@pytest.mark.parametrize("name", ["", "Monet", "../x", "a b", "monet:1", "a,b", "x" * 41, "-x", "é"])
def test_names_that_would_not_survive_a_command_line_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="not a style name"):
        check_name(name)


@pytest.mark.parametrize(
    ("text", "name"),
    [("Monet", "monet"), ("../..", "style"), ("日本", "style"), ("a" * 99, "a" * 40), ("1889-x", "1889-x")],
)
def test_any_text_becomes_a_valid_name(text: str, name: str) -> None:
    assert check_name(name_from(text)) == name


def test_a_card_comes_back_from_its_text(tmp_path) -> None:
    card = StyleCard("a", "m", "0f" * 32, title='quotes " and \n lines', works=3, fingerprints=("1e" * 32,))
    assert parse_card(card.to_json(), tmp_path) == card


def test_equal_cards_have_equal_text() -> None:
    assert StyleCard("a", "m", "00" * 32).to_json() == StyleCard("a", "m", "00" * 32).to_json()
    assert json.loads(StyleCard("a", "m", "00" * 32).to_json())["schema"] == 1
