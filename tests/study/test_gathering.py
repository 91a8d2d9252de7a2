"""Files of votes of one study are counted; the others are named."""

from __future__ import annotations

import pytest
from small_studies import ballot_of, design_of, rater_of

from ganstyle.errors import NoInputError, UsageError
from ganstyle.study.gathering import gather
from ganstyle.study.store import VoteStore
from ganstyle.study.votes import dump_ballot


def put(path, *raters, study="0" * 16, design=None):
    raters = raters or (rater_of([(0, 0, 1, "left")]),)
    path.write_bytes(dump_ballot(ballot_of(*raters, design=design or design_of(), study=study)))
    return path


def test_files_and_databases_are_joined(tmp_path):
    rater = rater_of([(0, 0, 1, "left")])
    VoteStore(tmp_path / "v.sqlite", study="0" * 16, design=design_of()).add(rater)
    found = gather([put(tmp_path / "a.json"), tmp_path / "v.sqlite"])
    assert len(found.raters) == 2 and found.refused == []


def test_a_rater_in_a_file_and_in_the_database_counts_once(tmp_path):
    rater = rater_of([(0, 0, 1, "left")])
    VoteStore(tmp_path / "v.sqlite", study="0" * 16, design=design_of()).add(rater)
    found = gather([put(tmp_path / "a.json", rater), tmp_path / "v.sqlite"])
    assert found.raters == [rater] and "a.json" in found.notes[0] and "v.sqlite" in found.notes[0]


def test_a_folder_means_the_files_in_it(tmp_path):
    put(tmp_path / "a.json")
    put(tmp_path / "b.json")
    (tmp_path / "notes.txt").write_text("x")
    assert len(gather([tmp_path]).raters) == 2


def test_a_file_that_cant_be_used_is_named_and_the_others_count(tmp_path):
    (tmp_path / "bad.json").write_text("{}")
    found = gather([put(tmp_path / "a.json"), tmp_path / "bad.json", tmp_path / "none.json"])
    assert len(found.raters) == 1 and len(found.refused) == 2 and "holds no votes" in found.refused[0][1]


def test_votes_of_two_studies_are_not_mixed(tmp_path):
    files = [put(tmp_path / "a.json"), put(tmp_path / "b.json", study="1" * 16)]
    with pytest.raises(UsageError, match="votes of 2 studies") as caught:
        gather(files)
    assert "--study" in caught.value.hint


def test_with_the_page_votes_of_other_studies_are_named(tmp_path, study):
    files = [put(tmp_path / "a.json", study=study.id, design=study.design), put(tmp_path / "b.json")]
    found = gather(files, study)
    assert len(found.raters) == 1 and "votes of another study" in found.refused[0][1]


def test_only_votes_of_other_studies_are_an_error(tmp_path, study):
    with pytest.raises(NoInputError, match="another study"):
        gather([put(tmp_path / "a.json")], study)


def test_files_that_disagree_about_the_question_are_refused(tmp_path):
    files = [put(tmp_path / "a.json"), put(tmp_path / "b.json", design=design_of(question="Which is worse?"))]
    with pytest.raises(NoInputError, match="disagree about what was asked"):
        gather(files)


def test_nothing_usable_is_an_error_with_the_reason(tmp_path):
    with pytest.raises(NoInputError, match="can't be read"):
        gather([tmp_path / "none.json"])
    with pytest.raises(NoInputError, match="no files"):
        gather([tmp_path])
