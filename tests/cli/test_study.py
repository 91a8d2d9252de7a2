"""`ganstyle study` as a person uses it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from small_studies import ballot_of, folders, page, rater_of, rater_of_taste, study  # noqa: F401  fixtures

from ganstyle.study.design import read_study
from ganstyle.study.votes import dump_ballot


@pytest.fixture
def votes(study, tmp_path):  # noqa: F811
    """Votes of two raters who differ about the last picture."""
    raters = [
        rater_of([(0, 0, 1, "left"), (1, 0, 1, "left"), (2, 0, 1, side)], name=name)
        for name, side in (("Ann", "left"), ("Bob", "right"))
    ]
    path = tmp_path / "votes.json"
    path.write_bytes(dump_ballot(ballot_of(*raters, design=study.design, study=study.id)))
    return path


def test_new_writes_a_page_and_says_what_raters_will_see(folders, tmp_path, run_cli):  # noqa: F811
    out = tmp_path / "s.html"
    done = run_cli("study", "new", *folders, "--question", "Which is sharper?", "-o", out)
    assert done.code == 0 and read_study(out).design.question == "Which is sharper?"
    assert "2 methods on 6 pictures" in done.out and "10 pairs: 6 compared, 1 of them again, 3" in done.out


def test_new_never_overwrites(folders, tmp_path, run_cli):  # noqa: F811
    (tmp_path / "s.html").write_text("mine")
    done = run_cli("study", "new", *folders, "-o", tmp_path / "s.html", "--json")
    assert Path(json.loads(done.out)["page"]).name == "s-2.html" and (tmp_path / "s.html").read_text() == "mine"


def test_new_with_a_bad_picture_goes_on_and_ends_with_3(folders, tmp_path, run_cli):  # noqa: F811
    Path(folders[0], "p1.png").write_text("no picture")
    done = run_cli("study", "new", *folders, "-o", tmp_path / "s.html")
    assert done.code == 3 and "left out: p1" in done.err and len(read_study(tmp_path / "s.html").design.items) == 5


def test_new_warns_of_equal_pictures(folders, tmp_path, run_cli):  # noqa: F811
    Path(folders[0], "p1.png").write_bytes(Path(folders[1], "p1.png").read_bytes())
    done = run_cli("study", "new", *folders, "-o", tmp_path / "s.html")
    assert done.code == 0 and "show the same picture in 1 items (p1)" in done.err


def test_new_of_one_folder_is_a_usage_error(folders, run_cli):  # noqa: F811
    done = run_cli("study", "new", folders[0])
    assert done.code == 2 and "at least two folders" in done.err and "hint" in done.err


def test_result_says_who_won_and_how_sure(votes, run_cli):
    done = run_cli("study", "result", votes)
    assert done.code == 0 and "2 of 2 raters counted, 6 answers" in done.out
    assert "no difference can be told between ours and theirs: 83 %" in done.out
    assert "note: 2 raters: intervals are wide" in done.out


def test_result_for_machines(votes, run_cli):
    answer = json.loads(run_cli("study", "result", votes, "--json").out)
    assert answer["methods"][0]["name"] == "ours" and answer["methods"][0]["win_share"] == pytest.approx(5 / 6)
    assert answer["wins"] == [[0, 5], [1, 0]] and answer["votes"] == 6 and len(answer["raters"]) == 2
    assert answer["divided"][0]["item"] == "p2"


def test_result_writes_a_report_and_never_over_another(votes, page, tmp_path, run_cli):  # noqa: F811
    (tmp_path / "r.html").write_text("mine")
    done = run_cli("study", "result", votes, "--study", page, "--html", tmp_path / "r.html", "--json")
    report = Path(json.loads(done.out)["report"])
    assert report.name == "r-2.html" and "data:image/webp" in report.read_text()


def test_result_names_what_it_cant_count_and_ends_with_3(votes, page, study, tmp_path, run_cli):  # noqa: F811
    other = tmp_path / "other.json"
    other.write_bytes(dump_ballot(ballot_of(rater_of([]), design=study.design, study="f" * 16)))
    done = run_cli("study", "result", votes, other, "--study", page)
    assert done.code == 3 and f"not counted: {other}: votes of another study" in done.out


def test_result_of_two_studies_asks_which(votes, study, tmp_path, run_cli):  # noqa: F811
    other = tmp_path / "other.json"
    other.write_bytes(dump_ballot(ballot_of(rater_of([]), design=study.design, study="f" * 16)))
    done = run_cli("study", "result", votes, other)
    assert done.code == 2 and "votes of 2 studies" in done.err and "--study" in done.err


def test_no_votes_are_exit_4_with_one_json_object(study, tmp_path, run_cli):  # noqa: F811
    empty = tmp_path / "empty.json"
    empty.write_bytes(dump_ballot(ballot_of(rater_of([]), design=study.design, study=study.id)))
    done = run_cli("study", "result", empty, "--json")
    assert done.code == 4 and "no votes to count" in json.loads(done.out)["error"]["message"]


def test_only_failed_raters_are_named_and_can_be_kept(study, tmp_path, run_cli):  # noqa: F811
    bad = rater_of([(0, 0, 1, "left"), (0, 0, 1, "right", "check")], name="Bob")
    path = tmp_path / "votes.json"
    path.write_bytes(dump_ballot(ballot_of(bad, design=study.design, study=study.id)))
    done = run_cli("study", "result", path)
    assert done.code == 4 and "Bob" in done.err and "--keep-failed" in done.err
    assert run_cli("study", "result", path, "--keep-failed").code == 0


@pytest.fixture
def serving(page, tmp_path):  # noqa: F811
    """A served study: the process and its first answer."""
    words = [sys.executable, "-m", "ganstyle", "study", "serve", page, "-o", tmp_path / "v.sqlite", "--port", "0"]
    process = subprocess.Popen(
        [*map(str, words), "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    yield process, json.loads(process.stdout.readline())
    process.kill()
    process.communicate()


def post_votes(facts, study):  # noqa: F811
    """Send one rater who always prefers the first method; return the status."""
    place = urlsplit(facts["url"])
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=20)
    body = dump_ballot(ballot_of(rater_of_taste(study.design, 1, _Never()), design=study.design, study=study.id))
    connection.request("POST", f"{place.path}votes", body, {"Content-Type": "application/json"})
    return connection.getresponse().status


def test_serve_collects_votes_until_it_is_stopped(serving, study, tmp_path, run_cli):  # noqa: F811
    process, facts = serving
    assert post_votes(facts, study) == 200
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    answer = json.loads(run_cli("study", "result", tmp_path / "v.sqlite", "--json").out)
    assert answer["votes"] == 6 and answer["methods"][0]["name"] == "ours"


def test_votes_that_were_received_survive_kill_9(serving, study, page, tmp_path, run_cli):  # noqa: F811
    process, facts = serving
    assert [post_votes(facts, study) for _ in range(3)] == [200] * 3
    process.kill()
    process.wait(20)
    done = run_cli("study", "result", tmp_path / "v.sqlite", "--study", page, "--json")
    assert done.code == 0 and len(json.loads(done.out)["raters"]) == 3


def test_serve_refuses_a_file_of_another_study(page, folders, tmp_path, run_cli):  # noqa: F811
    from ganstyle.study.store import VoteStore

    VoteStore(tmp_path / "v.sqlite", study="f" * 16, design=read_study(page).design)
    done = run_cli("study", "serve", page, "-o", tmp_path / "v.sqlite", "--port", "0")
    assert done.code == 4 and "votes of another study" in done.err


def test_serve_of_no_study_says_so(tmp_path, run_cli):
    (tmp_path / "x.html").write_text("<html>")
    done = run_cli("study", "serve", tmp_path / "x.html")
    assert done.code == 4 and "is no study" in done.err


class _Never:
    """A source of chance that always prefers the first."""

    def random(self):
        return 0.0
