"""What the page holds: nothing from outside, nothing that runs but its own script, nobody's name in sight."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from ganstyle.study.design import read_study
from ganstyle.study.making import Wishes, build_study
from ganstyle.study.matching import match
from ganstyle.study.page import in_script, study_page

HOSTILE = 'Which <b>one</b>? </script><script>alert(1)</script><!-- {{script}} & "quotes" \'\u2028'


class Parsed(HTMLParser):
    """Elements, their attributes, and the text of scripts, styles and everything else."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements, self.texts, self._open = [], {}, []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self._open.append(tag)

    def handle_endtag(self, tag):
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data):
        self.texts.setdefault(self._open[-1] if self._open else "", []).append(data)

    def policy(self):
        (found,) = [a["content"] for tag, a in self.elements if a.get("http-equiv") == "Content-Security-Policy"]
        return dict(part.strip().split(" ", 1) for part in found.split(";"))


def hostile_page(folders):
    return study_page(build_study(match(folders), Wishes(question=HOSTILE, checks=0))).decode()


def test_the_policy_allows_one_script_and_one_style_by_their_hashes(page):
    parsed = Parsed(page.read_text())
    policy = parsed.policy()
    assert policy["default-src"] == "'none'" and policy["img-src"] == "data:" and policy["connect-src"] == "'self'"
    for kind, text in (("script-src", parsed.texts["script"][-1]), ("style-src", parsed.texts["style"][0])):
        expected = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert policy[kind] == f"'sha256-{expected}'"


def test_nothing_is_loaded_from_outside_and_no_attribute_runs_code(page):
    elements = Parsed(page.read_text()).elements
    places = [value for _, attributes in elements for key, value in attributes.items() if key in ("src", "href")]
    assert all(value.startswith("data:") for value in places)
    assert [key for _, attributes in elements for key in attributes if key.startswith("on") or key == "style"] == []


def test_a_hostile_question_stays_text(folders):
    text = hostile_page(folders)
    parsed = Parsed(text)
    assert [tag for tag, _ in parsed.elements].count("script") == 2 and "b" not in {tag for tag, _ in parsed.elements}
    assert json.loads(parsed.texts["script"][0])["design"]["question"] == HOSTILE.strip()
    assert parsed.texts["title"] == [HOSTILE.strip()]


def test_a_hostile_page_can_be_read_back(folders, tmp_path):
    (tmp_path / "page.html").write_text(hostile_page(folders), encoding="utf-8")
    assert read_study(tmp_path / "page.html").design.question == HOSTILE.strip()


def test_names_of_methods_and_pictures_are_not_in_the_visible_text(page):
    parsed = Parsed(page.read_text())
    visible = "".join(text for tag, texts in parsed.texts.items() if tag not in ("script", "style") for text in texts)
    assert "ours" not in visible.replace("yours", "") and "p0" not in visible


def test_all_buttons_fields_and_pictures_have_names(page):
    text = page.read_text()
    parsed = Parsed(text)
    labels = {attributes.get("for") for tag, attributes in parsed.elements if tag == "label"}
    for tag, attributes in parsed.elements:
        if tag == "img":
            assert attributes.get("alt")
        if tag in ("input", "textarea", "progress"):
            assert attributes.get("aria-label") or attributes["id"] in labels
    assert re.findall(r"<button[^>]*></button>", text) == []


@pytest.mark.parametrize("value", ["</script>", "<!--", "\u2028", "a\\u003cb"])
def test_json_in_a_script_means_the_same_and_cant_end_it(value):
    text = in_script(json.dumps({"x": value}, ensure_ascii=False))
    assert "<" not in text and "\u2028" not in text and json.loads(text) == {"x": value}
