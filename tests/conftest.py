"""For the whole suite: no network, one thread, a private home, a clean environment; shared fixtures."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from fake_plugins import site  # noqa: F401  a fixture

# One thread: sums come out in one order, and small tensors are faster so. Read when torch is first imported.
os.environ["OMP_NUM_THREADS"] = "1"
# Child processes don't inherit the patched sockets below; an address that refuses stops their downloads at once.
for _name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
    os.environ[_name] = "http://127.0.0.1:9"
for _name in [name for name in os.environ if name.startswith("GANSTYLE_")]:
    del os.environ[_name]

_LOCAL = ("127.0.0.1", "::1", "localhost", "")


class NetworkBlocked(RuntimeError):
    """A test tried to leave this machine."""


class Finished(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let sockets reach this machine only, except in tests marked `download`."""
    if request.node.get_closest_marker("download"):
        return
    connect, find = socket.socket.connect, socket.getaddrinfo

    def local_connect(self: socket.socket, address: object) -> None:
        if isinstance(address, tuple) and address[0] not in _LOCAL:
            raise NetworkBlocked(f"connection to {address}")
        connect(self, address)

    def local_find(host: object, *args: object, **kwargs: object) -> object:
        if host not in (*_LOCAL, None):
            raise NetworkBlocked(f"look-up of {host}")
        return find(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", local_connect)
    monkeypatch.setattr(socket, "getaddrinfo", local_find)


@pytest.fixture(autouse=True)
def private_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give each test its own GANSTYLE_HOME; what a test (or `--debug`) sets is gone after it."""
    before = dict(os.environ)
    os.environ["GANSTYLE_HOME"] = str(tmp_path_factory.mktemp("home"))
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return Path(__file__).parent.parent


@pytest.fixture
def run_cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., Finished]:
    """Run a command in this process: `run_cli("arch", "list")`."""
    from ganstyle.cli.app import main

    def run(*words: object) -> Finished:
        capsys.readouterr()
        code = main([str(word) for word in words])
        out, err = capsys.readouterr()
        return Finished(code, out, err)

    return run
