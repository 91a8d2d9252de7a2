"""Several numbers in one word, and what is refused with an example of what works."""

from __future__ import annotations

import pytest

from ganstyle.cli.ranges import parse_numbers, parse_strengths, parse_table
from ganstyle.errors import UsageError


@pytest.mark.parametrize(
    ("text", "numbers"), [("5", [5]), ("0-2", [0, 1, 2]), ("3, 0-1,3", [3, 0, 1, 3]), ("7-7", [7])]
)
def test_numbers_keep_their_order_and_ranges_hold_both_ends(text, numbers):
    assert parse_numbers(text, option="--seeds") == numbers


@pytest.mark.parametrize("text", ["", "a", "3-1", "1,,2", "-1", "0-99999999", "1.5"])
def test_what_is_no_list_of_numbers_is_refused_with_an_example(text):
    with pytest.raises(UsageError) as caught:
        parse_numbers(text, option="--seeds")
    assert caught.value.where == "--seeds" and caught.value.hint == "--seeds 0-7,12"


@pytest.mark.parametrize(("text", "table"), [("4x6", (4, 6)), ("1 X 32", (1, 32)), ("2×3", (2, 3))])
def test_tables_are_rows_by_columns(text, table):
    assert parse_table(text, option="--mix") == table


@pytest.mark.parametrize("text", ["", "4", "0x3", "33x2", "2x", "axb"])
def test_what_is_no_table_is_refused(text):
    with pytest.raises(UsageError, match="rows and columns"):
        parse_table(text, option="--mix")


def test_two_ends_are_filled_with_seven_even_steps_and_lists_stay_as_they_are():
    assert parse_strengths("-1.5..1.5") == [-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5]
    assert parse_strengths("2") == [2.0] and parse_strengths("-2,0,1e1") == [-2.0, 0.0, 10.0]


@pytest.mark.parametrize("text", ["", "a..b", "1..", "nan", "1,inf", "0..1000"])
def test_what_are_no_strengths_is_refused(text):
    with pytest.raises(UsageError):
        parse_strengths(text)
