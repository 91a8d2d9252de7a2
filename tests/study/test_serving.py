"""The server gives out one page and takes that study's votes, from whoever has the address and from nobody else."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from small_studies import ballot_of, design_of, rater_of

from ganstyle.errors import EnvironmentProblem
from ganstyle.study import serving
from ganstyle.study.serving import StudyServer
from ganstyle.study.store import read_store
from ganstyle.study.votes import dump_ballot


@pytest.fixture
def server(page, tmp_path):
    """A running server; `told` collects what it says."""
    told = []
    made = StudyServer(page, tmp_path / "votes.sqlite", told=lambda *counts: told.append(counts))
    made.heard = told
    threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def ask(server, name="", *, method="GET", body=None, prefix=None, **headers):
    """Return (status, body) of a request below the secret folder."""
    place = urlsplit(server.url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=10)
    path = (place.path if prefix is None else prefix) + name
    names = {key.replace("_", "-"): value for key, value in headers.items()}
    connection.request(method, path, body, names)
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


def post(server, body, **headers):
    return ask(server, "votes", method="POST", body=body, **({"Content_Type": "application/json"} | headers))


def votes_of(study, *raters):
    return dump_ballot(ballot_of(*(raters or (rater_of([(0, 0, 1, "left")]),)), design=study.design, study=study.id))


def test_it_gives_the_very_page_and_says_whose_votes_it_takes(server, page, study):
    assert ask(server) == (200, page.read_bytes())
    status, body = ask(server, "collector")
    assert status == 200 and json.loads(body) == {"study": study.id}


def test_votes_are_kept_and_told(server, study):
    rater = rater_of([(0, 0, 1, "left"), (1, 1, 0, "equal")], name="Ann")
    assert post(server, votes_of(study, rater))[0] == 200
    assert read_store(server.store.path).raters == (rater,) and server.heard == [(1, 2)]


def test_a_message_sent_twice_counts_once(server, study):
    body = votes_of(study)
    assert post(server, body)[0] == post(server, body)[0] == 200
    assert server.heard == [(1, 1)]


def test_votes_of_another_study_are_refused(server, study):
    other = ballot_of(rater_of([(0, 0, 1, "left")]), design=study.design, study="f" * 16)
    status, text = post(server, dump_ballot(other))
    assert status == 400 and b"another study" in text and server.store.counts() == (0, 0)


def test_votes_that_change_the_design_are_refused(server, study):
    larger = ballot_of(rater_of([(90, 0, 1, "left")]), design=design_of(items=100), study=study.id)
    assert post(server, dump_ballot(larger))[0] == 400
    assert server.store.counts() == (0, 0)


@pytest.mark.parametrize("body", [b"", b"{}", b"[" * 100_000, b"\x00\xff", b"votes=1"])
def test_malformed_messages_are_refused(server, body):
    assert post(server, body)[0] == 400


def test_oversized_messages_are_refused_before_they_are_read(server):
    headers = {"Content_Length": str(serving.MOST_BODY_BYTES + 1)}
    assert post(server, None, **headers)[0] == 413
    assert post(server, None, Content_Length="9" * 30)[0] == 413


def test_a_message_without_a_length_is_refused(server):
    assert post(server, None, Content_Length="-1")[0] == 411


def test_other_kinds_of_content_are_refused(server, study):
    assert post(server, votes_of(study), Content_Type="text/plain")[0] == 415


def test_without_the_secret_folder_there_is_nothing(server, study):
    for prefix in ("/", "/wrong/", "//", "/../", f"/{server.store.token}/x/"):
        assert ask(server, prefix=prefix)[0] == 404
        headers = {"Content_Type": "application/json"}
        assert ask(server, "votes", method="POST", body=votes_of(study), prefix=prefix, **headers)[0] == 404
    for name in ("votes.sqlite", "../votes.sqlite", "%2e%2e/votes.sqlite", "study.html"):
        assert ask(server, name)[0] == 404


def test_other_sites_cant_use_the_raters_browser(server, study):
    assert ask(server, Host="evil.example")[0] == 403
    assert post(server, votes_of(study), Origin="http://evil.example")[0] == 403
    own = f"http://127.0.0.1:{server.server_address[1]}"
    assert post(server, votes_of(study), Origin=own)[0] == 200


def test_other_methods_are_refused(server):
    assert {ask(server, method=method)[0] for method in ("PUT", "DELETE", "OPTIONS")} == {501}
    assert ask(server, method="HEAD") == (200, b"")


def test_many_raters_at_once_lose_nothing(server, study):
    raters = [rater_of([(item, 0, 1, "right") for item in range(6)]) for _ in range(24)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda rater: post(server, votes_of(study, rater))[0], raters))
    assert answers == [200] * 24 and server.store.counts() == (24, 144)


def test_a_visitor_who_says_nothing_doesnt_keep_others_out(server, study):
    place = urlsplit(server.url)
    with socket.create_connection((place.hostname, place.port)):
        assert post(server, votes_of(study))[0] == 200


def test_a_restart_goes_on_at_the_same_address(server, page, study):
    post(server, votes_of(study))
    again = StudyServer(page, server.store.path)
    assert urlsplit(again.url).path == urlsplit(server.url).path and again.store.counts() == (1, 1)
    again.server_close()


def test_a_taken_port_is_said(server, page, tmp_path):
    with pytest.raises(EnvironmentProblem, match="can't listen") as caught:
        StudyServer(page, tmp_path / "other.sqlite", port=server.server_address[1])
    assert "--port 0" in caught.value.hint


def test_a_full_disk_is_told_to_the_page(server, study, monkeypatch):
    def full(rater):
        raise EnvironmentProblem("no space left on the disk")

    monkeypatch.setattr(server.store, "add", full)
    assert post(server, votes_of(study)) == (507, b"no space left on the disk")
