"""The SQLite file of votes: newest record of each rater, whole, whatever happens."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import pytest
from small_studies import ballot_of, design_of, rater_of

from ganstyle.errors import EnvironmentProblem, InputError
from ganstyle.study import store as store_module
from ganstyle.study.store import VoteStore, read_store
from ganstyle.study.votes import read_votes

DESIGN = design_of()
STUDY = "0123456789abcdef"


def opened(path):
    return VoteStore(path, study=STUDY, design=DESIGN)


def answers(count):
    return [(item, 0, 1, "left") for item in range(count)]


def test_what_is_kept_is_read_back(tmp_path):
    raters = (rater_of(answers(3), name="Ann"), rater_of(answers(1)))
    for rater in raters:
        assert opened(tmp_path / "v.sqlite").add(rater)
    assert read_store(tmp_path / "v.sqlite") == ballot_of(*raters, design=DESIGN, study=STUDY)
    assert read_votes(tmp_path / "v.sqlite").raters == raters
    assert opened(tmp_path / "v.sqlite").counts() == (2, 4)


def test_an_older_or_equal_record_changes_nothing(tmp_path):
    store, key = opened(tmp_path / "v.sqlite"), "a" * 32
    new, old = rater_of(answers(3), key=key), rater_of(answers(2), key=key)
    assert store.add(new) and not store.add(old) and not store.add(new)
    assert read_store(store.path).raters == (new,)


def test_an_undo_removes_the_vote(tmp_path):
    store, key = opened(tmp_path / "v.sqlite"), "a" * 32
    store.add(rater_of(answers(3), key=key))
    store.add(rater_of(answers(2), key=key, revision=4))
    assert store.counts() == (1, 2)


def test_a_file_of_another_study_is_refused(tmp_path):
    opened(tmp_path / "v.sqlite")
    with pytest.raises(InputError, match="holds votes of another study"):
        VoteStore(tmp_path / "v.sqlite", study="f" * 16, design=DESIGN)


def test_the_token_survives_a_restart(tmp_path):
    assert opened(tmp_path / "v.sqlite").token == opened(tmp_path / "v.sqlite").token
    assert opened(tmp_path / "v.sqlite").token != opened(tmp_path / "w.sqlite").token


def test_files_of_other_programs_are_left_alone(tmp_path):
    (tmp_path / "text.sqlite").write_text("hello " * 1000)
    with pytest.raises(InputError, match="no usable SQLite file"):
        opened(tmp_path / "text.sqlite")
    with sqlite3.connect(tmp_path / "other.sqlite") as connection:
        connection.execute("CREATE TABLE x (y)")
    before = (tmp_path / "other.sqlite").read_bytes()
    for action in (opened, read_store):
        with pytest.raises(InputError, match="another program"):
            action(tmp_path / "other.sqlite")
    assert (tmp_path / "other.sqlite").read_bytes()[100:] == before[100:]


def test_views_and_triggers_of_a_hostile_file_are_never_run(tmp_path):
    opened(tmp_path / "v.sqlite").add(rater_of(answers(1)))
    with sqlite3.connect(tmp_path / "v.sqlite") as connection:
        connection.execute("CREATE TRIGGER t AFTER INSERT ON votes BEGIN DELETE FROM raters; END")
    with pytest.raises(InputError, match="another program"):
        read_store(tmp_path / "v.sqlite")


@pytest.mark.parametrize("change", ["item = 99", "choice = 'both'", "trial = 5", "left = 'x'", "ms = -1"])
def test_impossible_votes_in_a_file_are_refused(tmp_path, change):
    opened(tmp_path / "v.sqlite").add(rater_of(answers(1)))
    with sqlite3.connect(tmp_path / "v.sqlite") as connection:
        connection.execute(f"UPDATE votes SET {change}")
    with pytest.raises(InputError, match="impossible votes"):
        read_store(tmp_path / "v.sqlite")


def test_a_cut_file_is_refused(tmp_path):
    opened(tmp_path / "v.sqlite").add(rater_of(answers(6)))
    with sqlite3.connect(tmp_path / "v.sqlite") as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    content = (tmp_path / "v.sqlite").read_bytes()
    (tmp_path / "v.sqlite").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError):
        read_store(tmp_path / "v.sqlite")


def test_a_missing_folder_is_an_environment_problem(tmp_path):
    with pytest.raises(EnvironmentProblem, match="can't be used"):
        opened(tmp_path / "none" / "v.sqlite")


def test_a_flood_of_raters_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "MOST_RATERS", 2)
    store, first = opened(tmp_path / "v.sqlite"), rater_of(answers(1))
    store.add(first)
    store.add(rater_of(answers(1)))
    with pytest.raises(EnvironmentProblem, match="2 raters are enough"):
        store.add(rater_of(answers(1)))
    assert store.add(rater_of(answers(2), key=first.rater))


def test_raters_at_the_same_time_lose_nothing(tmp_path):
    store = opened(tmp_path / "v.sqlite")
    raters = [rater_of(answers(6)) for _ in range(16)]
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(store.add, raters))
    assert store.counts() == (16, 96)
    assert {rater.rater for rater in read_store(store.path).raters} == {rater.rater for rater in raters}


def test_a_killed_process_leaves_whole_records(tmp_path):
    program = f"""
        import sys; sys.path.insert(0, {str(tmp_path)!r}); sys.path[1:1] = {sys.path!r}
        from pathlib import Path
        from small_studies import design_of, rater_of
        from ganstyle.study.store import VoteStore
        store = VoteStore(Path({str(tmp_path / "v.sqlite")!r}), study={STUDY!r}, design=design_of())
        for number in range(100_000):
            store.add(rater_of([(item, 0, 1, "left") for item in range(6)]))
            print(number, flush=True)
    """
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True)
    for _ in range(5):
        last = int(child.stdout.readline())
    child.send_signal(signal.SIGKILL)
    rest = child.communicate()[0].split()
    last = int(rest[-1]) if rest else last
    raters = read_store(tmp_path / "v.sqlite").raters
    assert len(raters) >= last + 1 and all(len(rater.votes) == 6 for rater in raters)
    assert opened(tmp_path / "v.sqlite").add(rater_of(answers(1)))
