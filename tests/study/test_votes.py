"""Votes from outside are checked before they count; one rater counts once."""

from __future__ import annotations

import json

import pytest
from small_studies import ballot_of, design_of, rater_of

from ganstyle.errors import InputError
from ganstyle.study.votes import Ballot, dump_ballot, label, merged, parse_ballot, read_votes

DESIGN = design_of(methods=3, items=4, checks=2, damaged=2, repeats=1)


def valid():
    answers = [(0, 0, 1, "left"), (1, 2, 0, "equal"), (1, 1, 0, "right", "check"), (0, 1, 0, "right", "repeat")]
    return ballot_of(rater_of(answers, name="Ann"), design=DESIGN)


def changed(path, value):
    """The valid votes with one value replaced; a path like `raters.0.votes.1.item`."""
    data = json.loads(dump_ballot(valid()))
    place = data
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    for part in parents:
        place = place[part]
    place[last] = value
    return json.dumps(data).encode()


def test_votes_survive_the_file(tmp_path):
    (tmp_path / "votes.json").write_bytes(dump_ballot(valid()))
    assert read_votes(tmp_path / "votes.json").study == valid().study
    assert parse_ballot(dump_ballot(valid())).raters[0].name == "Ann"


def test_the_preferred_method_follows_from_the_side():
    votes = valid().raters[0].votes
    assert [vote.chosen for vote in votes] == [0, None, 0, 0]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("raters.0.votes.0.item", 4),
        ("raters.0.votes.0.item", -1),
        ("raters.0.votes.0.item", "0"),
        ("raters.0.votes.0.left", 3),
        ("raters.0.votes.0.left", 1),
        ("raters.0.votes.2.left", 2),
        ("raters.0.votes.2.item", 2),
        ("raters.0.votes.0.choice", "both"),
        ("raters.0.votes.0.trial", 1),
        ("raters.0.votes.0.ms", float("nan")),
        ("raters.0.votes.0.more", 1),
        ("raters.0.rater", "../x"),
        ("raters.0.name", "x" * 81),
        ("raters.0.revision", True),
        ("format", "other"),
        ("version", 2),
        ("study", "1"),
        ("design.items", []),
    ],
)
def test_impossible_votes_are_refused(path, value):
    with pytest.raises(ValueError):
        parse_ballot(changed(path, value))


def test_more_votes_than_trials_are_refused():
    rater = rater_of([(0, 0, 1, "left")] * (DESIGN.trials + 1))
    with pytest.raises(ValueError, match="doesn't ask for"):
        ballot_of(rater, design=DESIGN)


def test_a_tie_is_refused_where_none_may_be_answered():
    with pytest.raises(ValueError, match="doesn't ask for"):
        ballot_of(rater_of([(0, 0, 1, "equal")]), design=design_of(ties=False))


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"[" * 200_000, b"\xff\xfe", b"<html>", b"PK\x03\x04"])
def test_files_that_hold_no_votes_say_so(tmp_path, content):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(InputError, match=r"x\.json holds no votes"):
        read_votes(tmp_path / "x.json")


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(InputError, match="can't be read"):
            read_votes(path)


def test_one_rater_in_two_files_counts_once_with_the_newest_record():
    old = rater_of([(0, 0, 1, "left")], key="a" * 32)
    new = rater_of([(0, 0, 1, "right"), (1, 0, 1, "left")], key="a" * 32)
    for ballots in ([("1", old), ("2", new)], [("2", new), ("1", old)]):
        raters, notes = merged([(name, ballot_of(rater, design=DESIGN)) for name, rater in ballots])
        assert raters == [new] and "came 2 times" in notes[0] and "counted, once" in notes[0]


def test_two_raters_of_one_name_are_two_and_noted():
    ballots = [ballot_of(rater_of([(0, 0, 1, "left")], name=name), design=DESIGN) for name in ("Ann", " ann")]
    raters, notes = merged(list(zip("12", ballots, strict=True)))
    assert len(raters) == 2 and "2 raters call themselves 'ann'" in notes[0]


def test_labels_escape_what_people_type():
    rater = rater_of([], name="a\x1b[2J", key="abcdef" + "0" * 26)
    assert label(rater) == "a\\x1b[2J (abcdef)"


def test_an_unfinished_study_is_valid():
    assert isinstance(parse_ballot(dump_ballot(ballot_of(rater_of([]), design=DESIGN))), Ballot)
