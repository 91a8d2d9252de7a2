"""Names and cards."""

from __future__ import annotations

import json

import pytest

from ganstyle.errors import ModelError, UsageError
from ganstyle.style.card import StyleCard, check_name, is_public, name_from, parse_card


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
    assert json.loads(StyleCard("a", "m", "00" * 32).to_json())["schema"] == 2


def test_a_card_of_the_first_schema_still_loads(tmp_path) -> None:
    values = json.loads(StyleCard("a", "m", "0f" * 32, fit_steps=3).to_json())
    old = {key: value for key, value in values.items() if "score" not in key and key not in ("fit_seconds", "fit_loss")}
    card = parse_card(json.dumps(old | {"schema": 1}), tmp_path)
    assert (card.fit_steps, card.refined_score, card.fit_loss) == (3, 0.0, "")


@pytest.mark.parametrize("lie", ["NaN", "-1.0", "1e400", '"0.3"', "9" * 400, "[1]"])
def test_a_score_that_is_none_is_refused(lie: str, tmp_path) -> None:
    text = StyleCard("a", "m", "0f" * 32).to_json().replace('"refined_score": 0.0', f'"refined_score": {lie}')
    with pytest.raises(ModelError, match="refined_score"):
        parse_card(text, tmp_path)


def test_whole_numbers_are_numbers_too(tmp_path) -> None:
    text = StyleCard("a", "m", "0f" * 32).to_json().replace('"fit_seconds": 0.0', '"fit_seconds": 12')
    assert parse_card(text, tmp_path).fit_seconds == 12.0


@pytest.mark.parametrize(
    ("licence", "public"),
    [("CC0", True), ("CC BY-SA 4.0", True), ("Creative Commons", True), ("PUBLIC DOMAIN", True), ("mine", False)],
)
def test_licences_that_let_others_have_the_pictures(licence: str, public: bool) -> None:
    assert is_public(licence) is public
