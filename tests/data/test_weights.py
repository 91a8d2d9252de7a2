"""Weights are found, verified, and fetched only when asked."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import torch

from ganstyle.data import weights
from ganstyle.data.weights import WeightsFile, file_sha256, find_weights, load_state_dict
from ganstyle.errors import EnvironmentProblem, ModelError

CONTENT = b"weights " * 10_000


@pytest.fixture(autouse=True)
def own_places(tmp_path, monkeypatch):
    """Every test has its own home, weights folder and torch.hub folder."""
    monkeypatch.setenv("GANSTYLE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("GANSTYLE_WEIGHTS_DIR", str(tmp_path / "mine"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def known(url="http://127.0.0.1:9/net.pth"):
    digest = hashlib.sha256(CONTENT).hexdigest()
    return WeightsFile("Net", ("net.pth", "pt_net.pth"), url, digest, len(CONTENT))


def put(path, content=CONTENT):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_places_are_tried_in_order(tmp_path):
    hub = put(tmp_path / "torch/hub/checkpoints/pt_net.pth")
    assert find_weights(known()) == hub
    mine = put(tmp_path / "mine/net.pth")
    assert find_weights(known()) == mine
    explicit = put(tmp_path / "elsewhere.bin")
    assert find_weights(known(), path=explicit) == explicit


def test_a_given_file_is_the_only_place_while_it_is_given(tmp_path):
    file = dataclasses.replace(known(), key="net")
    mine, other = put(tmp_path / "mine/net.pth"), put(tmp_path / "other.bin")
    with weights.given_weights({"net": other}):
        assert find_weights(file) == other
        put(other, b"damaged")
        with pytest.raises(EnvironmentProblem, match=r"other.bin has sha256"):
            find_weights(file)
    assert find_weights(file) == mine


def test_a_users_own_file_is_never_written_over(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "download_weights", lambda file, target: pytest.fail(f"writes {target}"))
    file, own = dataclasses.replace(known(), key="net"), put(tmp_path / "own.pth", b"another network")
    with pytest.raises(EnvironmentProblem, match=r"own.pth has sha256"):
        find_weights(file, path=own, download=True)
    with weights.given_weights({"net": own}), pytest.raises(EnvironmentProblem, match=r"own.pth has sha256"):
        find_weights(file, download=True)
    assert own.read_bytes() == b"another network"


def test_a_missing_file_names_itself_its_source_hash_and_place(tmp_path):
    with pytest.raises(EnvironmentProblem) as caught:
        find_weights(known())
    said = f"{caught.value.message} {caught.value.where} {caught.value.hint}"
    for fact in ("net.pth", known().url, known().sha256, str(tmp_path / "mine/net.pth"), "80,000 bytes", "--download"):
        assert fact in said
    assert caught.value.code == 6


def test_a_truncated_file_is_named_and_passed_over_for_a_good_one(tmp_path):
    put(tmp_path / "mine/net.pth", CONTENT[:-1])
    with pytest.raises(EnvironmentProblem, match="79,999 bytes: damaged or another file"):
        find_weights(known())
    good = put(tmp_path / "torch/hub/checkpoints/net.pth")
    assert find_weights(known()) == good


def test_the_stamp_spares_hashing_until_the_file_changes(tmp_path, monkeypatch):
    path = put(tmp_path / "net.pth")
    digest = file_sha256(path)
    monkeypatch.setattr(hashlib, "file_digest", lambda *_: pytest.fail("hashed again"))
    assert file_sha256(path) == digest
    monkeypatch.undo()
    monkeypatch.setenv("GANSTYLE_HOME", str(tmp_path / "home"))
    put(path, b"x" + CONTENT[1:])
    os.utime(path, ns=(1, 1))
    assert file_sha256(path) == hashlib.sha256(b"x" + CONTENT[1:]).hexdigest()


@pytest.mark.parametrize("stamp", [b"", b"[]", b'{"size": 80000}', b"\xff"])
def test_a_damaged_stamp_is_ignored(tmp_path, stamp):
    path = put(tmp_path / "net.pth")
    expected = file_sha256(path)
    for file in (tmp_path / "home/cache/stamps").iterdir():
        file.write_bytes(stamp)
    assert file_sha256(path) == expected


def test_an_unwritable_home_costs_only_the_stamp(tmp_path, monkeypatch):
    put(tmp_path / "file")
    monkeypatch.setenv("GANSTYLE_HOME", str(tmp_path / "file"))
    assert find_weights(known(), path=put(tmp_path / "net.pth")) == tmp_path / "net.pth"


@pytest.fixture
def server():
    """A local server; `.replies` are (bytes sent, length announced), the last one repeats; `.asked` counts."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body, length = httpd.replies[min(httpd.asked, len(httpd.replies) - 1)]
            httpd.asked += 1
            self.send_response(200)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    httpd = HTTPServer(("127.0.0.1", 0), Handler)
    httpd.replies, httpd.asked = [(CONTENT, len(CONTENT))], 0
    httpd.file = known(f"http://127.0.0.1:{httpd.server_port}/net.pth")
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    yield httpd
    httpd.shutdown()
    httpd.server_close()
    thread.join()


def test_a_download_arrives_under_its_name_and_is_found_next_time(tmp_path, server):
    path = find_weights(server.file, download=True)
    assert path == tmp_path / "mine/net.pth"
    assert path.read_bytes() == CONTENT
    assert find_weights(server.file, download=True) == path
    assert server.asked == 1
    assert [p.name for p in path.parent.iterdir()] == ["net.pth"]


@pytest.mark.parametrize("bad", [(CONTENT[:500], len(CONTENT)), (b"<html>", 6)])
def test_a_cut_or_wrong_download_is_tried_again(tmp_path, server, bad):
    server.replies = [bad, (CONTENT, len(CONTENT))]
    assert find_weights(server.file, download=True).read_bytes() == CONTENT
    assert server.asked == 2


def test_a_download_that_stays_wrong_leaves_nothing(tmp_path, server):
    server.replies = [(CONTENT[:500], len(CONTENT))]
    with pytest.raises(EnvironmentProblem, match=r"download failed: .* sha256 [0-9a-f]{12}"):
        find_weights(server.file, download=True)
    assert server.asked == 3
    assert list((tmp_path / "mine").iterdir()) == []


def test_no_network_is_one_environment_problem(monkeypatch):
    monkeypatch.setattr(weights, "TIMEOUT_SECONDS", 1)
    with pytest.raises(EnvironmentProblem, match="download failed: URLError"):
        find_weights(known(), download=True)


def test_state_dicts_load_without_executing_anything(tmp_path):
    torch.save({"a": torch.arange(3)}, tmp_path / "good.pth")
    assert load_state_dict(tmp_path / "good.pth")["a"].tolist() == [0, 1, 2]

    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "executed"),)

    torch.save({"a": Evil()}, tmp_path / "evil.pth")
    for path in (tmp_path / "evil.pth", put(tmp_path / "noise.pth")):
        with pytest.raises(ModelError, match="not a plain dictionary"):
            load_state_dict(path)
    assert not (tmp_path / "executed").exists()
