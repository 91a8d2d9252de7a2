"""Answers come back only if nothing that they depend on has changed."""

from __future__ import annotations

import json
import os

import pytest

from ganstyle.engine import remembered
from ganstyle.engine.remembered import Answer, answer_key, place_identity, recall, remember
from ganstyle.engine.scores import Score

SCORE = Score("fd", "fd_net", 1.5, interval=(1.0, 2.0), warnings=("few",))
ANSWER = Answer({"generated": "out", "refused": [["a", "b"]]}, [SCORE], "2026-01-01")


@pytest.fixture
def run(tmp_path):
    """A run with a model and a folder of its own pictures."""
    for name, text in (("run/model.safetensors", "m"), ("data/a.png", "a"), ("data/b.png", "b")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    config = {"data": {"name": "folder", "path": str(tmp_path / "data")}}
    (tmp_path / "run/config.json").write_text(json.dumps(config))
    return tmp_path / "run"


def test_an_answer_comes_back_as_it_was():
    remember("key", ANSWER)
    assert recall("key") == ANSWER
    assert recall("other") is None and recall("") is None


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", None])
def test_a_damaged_answer_is_none(damage):
    remember("key", ANSWER)
    path = remembered._folder() / "key.json"
    path.write_bytes(path.read_bytes().replace(b"1.5", b"1.4") if damage is None else damage)
    assert recall("key") is None


def test_the_oldest_answers_go(monkeypatch):
    monkeypatch.setattr(remembered, "KEPT", 2)
    for number in range(3):
        remember(str(number), ANSWER)
        os.utime(remembered._folder() / f"{number}.json", (number, number))
    remember("3", ANSWER)
    assert [recall(str(number)) is not None for number in range(4)] == [False, False, True, True]


@pytest.mark.parametrize("changed", ["run/model.safetensors", "data/b.png", "run/config.json", "data/c.png"])
def test_a_run_is_known_by_its_model_its_configuration_and_its_pictures(run, changed):
    before = place_identity(run, None)
    assert before and before == place_identity(run / "model.safetensors", None)
    file = run.parent / changed
    file.write_text(file.read_text() + " " if file.exists() else "new")
    assert place_identity(run, None) != before


def test_what_cannot_be_followed_has_no_key(run):
    assert answer_key({}, [(str(run), None)])
    (run / "config.json").write_text('{"data": {"name": "somewhere"}}')
    assert answer_key({}, [(str(run), None)]) == "" == answer_key({}, [("missing", None)])


def test_options_code_and_weights_are_part_of_the_key(run, monkeypatch, tmp_path):
    def key(**options):
        return answer_key(options, [(str(run), 5)])

    assert key(seed=1) == key(seed=1) != key(seed=2)
    before = key()
    monkeypatch.setenv("GANSTYLE_WEIGHTS_DIR", str(tmp_path / "data"))
    assert key() != before
    before = key()
    monkeypatch.setattr(remembered, "_code", lambda: "other code")
    assert key() != before
