"""A small server for one study: it gives out the page and takes votes, and does nothing else."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ganstyle.data.names import shown
from ganstyle.errors import EnvironmentProblem, GanstyleError
from ganstyle.study.design import read_study
from ganstyle.study.store import VoteStore
from ganstyle.study.votes import Ballot, parse_ballot

MOST_BODY_BYTES = 2 << 20  # a record of 40 votes takes 6 kB; a shared device sends all of its raters
MOST_AT_ONCE = 64
IDLE_SECONDS = 30.0
_LOCAL = {"localhost", "127.0.0.1", "::1"}


class StudyServer(ThreadingHTTPServer):
    """Serves one page and collects its votes.

    Args:
        page: made by `ganstyle study new`.
        votes: SQLite file; made if missing, continued if it is of this study.
        host: address to listen on; only a local one keeps other machines out.
        port: 0 takes a free one.
        told: called with (raters, votes) after each change.

    Raises:
        InputError: no study, or a file of another one.
        EnvironmentProblem: the port is taken.
    """

    daemon_threads = True

    def __init__(
        self,
        page: Path,
        votes: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        told: Callable[[int, int], None] = lambda raters, votes: None,
    ) -> None:
        study = read_study(page)
        self.study, self.design, self.content, self.told = study.id, study.design, page.read_bytes(), told
        self.store = VoteStore(votes, study=study.id, design=study.design)
        self.host = host
        self.busy = threading.BoundedSemaphore(MOST_AT_ONCE)
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            where = f"{host}:{port}"
            hint = "another program may use the port: --port 0 takes a free one"
            raise EnvironmentProblem(
                f"can't listen on {shown(where)}: {error.strerror}", where=where, hint=hint
            ) from None

    @property
    def local_only(self) -> bool:
        """Whether no other machine can reach it."""
        return self.host in _LOCAL

    @property
    def url(self) -> str:
        """Address of the page, with the secret part."""
        host = socket.gethostname() if self.host in ("0.0.0.0", "::", "") else self.host  # noqa: S104  only compared
        name = f"[{host}]" if ":" in host else host
        return f"http://{name}:{self.server_address[1]}/{self.store.token}/"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread, as long as there are not too many."""
        if not self.busy.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer one connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.busy.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent about connections that broke: a browser that left is no news."""

    def take(self, body: bytes) -> None:
        """Keep the votes of one message.

        Raises:
            ValueError: malformed, or of another study.
            GanstyleError: they can't be stored.
        """
        ballot: Ballot = parse_ballot(body)
        if ballot.study != self.study:
            raise ValueError(f"votes of another study ({ballot.study}; this is {self.study})")
        if ballot.design != self.design:  # votes are checked against the design that they bring
            raise ValueError("the votes disagree with the page about what was asked")
        changed = [self.store.add(rater) for rater in ballot.raters]
        if any(changed):
            self.told(*self.store.counts())


class _Handler(BaseHTTPRequestHandler):
    """GET the page and `collector`; POST `votes`. Everything else is not found."""

    server: StudyServer
    timeout = IDLE_SECONDS
    server_version, sys_version = "ganstyle", ""

    def do_GET(self) -> None:
        """Give the page, or say whose votes are taken here."""
        if not self._is_known():
            return
        name = self._name()
        if name == "":
            self._answer(HTTPStatus.OK, self.server.content, "text/html; charset=utf-8")
        elif name == "collector":
            self._answer(HTTPStatus.OK, json.dumps({"study": self.server.study}).encode(), "application/json")
        else:
            self._say(HTTPStatus.NOT_FOUND, "there is nothing here; is the address complete?")

    do_HEAD = do_GET

    def do_POST(self) -> None:
        """Take votes."""
        if not self._is_known():
            return
        if self._name() != "votes":
            self._say(HTTPStatus.NOT_FOUND, "there is nothing here; is the address complete?")
        elif self.headers.get_content_type() != "application/json":
            self._say(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "votes are JSON")
        elif (size := self._size()) is not None:
            self._take(self.rfile.read(size))

    def _take(self, body: bytes) -> None:
        try:
            self.server.take(body)
        except (ValueError, RecursionError) as error:
            self._say(HTTPStatus.BAD_REQUEST, f"not counted: {error}")
        except GanstyleError as error:
            self._say(HTTPStatus.INSUFFICIENT_STORAGE, error.message)
        else:
            self._say(HTTPStatus.OK, "kept")

    def _is_known(self) -> bool:
        """Refuse requests that another web site makes its visitors' browsers send."""
        host = self.headers.get("Host", "")
        origin = self.headers.get("Origin")
        name = host.rsplit(":", 1)[0].strip("[]")
        if (self.server.local_only and name not in _LOCAL) or (origin is not None and origin != f"http://{host}"):
            self._say(HTTPStatus.FORBIDDEN, "asked for by another site")
            return False
        return True

    def _name(self) -> str | None:
        """Return what is asked for below the secret folder; None outside it."""
        _, token, *rest = self.path.partition("?")[0].split("/")
        return rest[0] if token == self.server.store.token and len(rest) == 1 else None

    def _size(self) -> int | None:
        text = self.headers.get("Content-Length", "")
        if not (text.isascii() and text.isdigit()):
            self._say(HTTPStatus.LENGTH_REQUIRED, "a message must say its length")
        elif len(text) > 10 or int(text) > MOST_BODY_BYTES:
            self._say(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {MOST_BODY_BYTES} bytes")
        else:
            return int(text)
        return None

    def _say(self, status: HTTPStatus, text: str) -> None:
        self._answer(status, text.encode("utf-8", "backslashreplace"), "text/plain; charset=utf-8")

    def _answer(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        with contextlib.suppress(ConnectionError):
            self.send_response(status)
            headers = {
                "Content-Type": kind,
                "Content-Length": str(len(body)),
                "Cache-Control": "no-store",
                "X-Content-Type-Options": "nosniff",
                "Referrer-Policy": "no-referrer",
                "X-Frame-Options": "DENY",
                "Connection": "close",
            }
            for key, value in headers.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Write no log: it would hold the raters' addresses."""
