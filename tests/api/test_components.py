"""Records refuse what no listing could show or no loader could import."""

from __future__ import annotations

import pytest

from ganstyle.api import KINDS, Architecture, Loss


@pytest.mark.parametrize("name", ["", "Dcgan", "1st", "a-b", "a b", "a" * 41, "a\n", None, 3])
def test_a_bad_name_is_refused(name):
    with pytest.raises(ValueError, match="component name"):
        Loss(name, "A loss.", print)


@pytest.mark.parametrize("summary", ["", "  ", "two\nlines", None])
def test_a_summary_is_one_line(summary):
    with pytest.raises(ValueError, match="needs a one-line summary"):
        Loss("a", summary, print)


@pytest.mark.parametrize("target", ["module", "module:", ":name", "a b:c", "a:b.c", "a:b()", None, 3])
def test_a_target_is_a_callable_or_module_and_attribute(target):
    with pytest.raises(ValueError, match="neither callable nor"):
        Loss("a", "A loss.", target)


def test_the_key_of_a_kind_is_what_users_type():
    assert list(KINDS) == ["arch", "loss", "regularizer", "metric", "data", "task", "callback", "backbone"]
    assert all(record.kind == kind for kind, record in KINDS.items())


def test_records_are_values():
    assert Architecture("a", "x", "m:f", recipe={"loss": "b"}) == Architecture("a", "x", "m:f", recipe={"loss": "b"})
    with pytest.raises(AttributeError):
        Loss("a", "x", "m:f").name = "b"
