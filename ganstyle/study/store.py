"""Votes of several people in one SQLite file: each record whole or not at all, whatever happens to the process."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from ganstyle.data.names import shown
from ganstyle.errors import EnvironmentProblem, InputError
from ganstyle.study.design import Design
from ganstyle.study.votes import Ballot, Rater, Vote

APPLICATION_ID = 0x67616E73  # "gans": tells our file from any other SQLite file
MOST_RATERS = 10_000
WAIT_SECONDS = 20.0
_TABLES = {"study", "raters", "votes"}
_SCHEMA = """
CREATE TABLE study (id TEXT PRIMARY KEY, design TEXT NOT NULL, token TEXT NOT NULL);
CREATE TABLE raters (
  rater TEXT PRIMARY KEY, name TEXT NOT NULL, started TEXT NOT NULL, planned INTEGER NOT NULL,
  revision INTEGER NOT NULL
);
CREATE TABLE votes (
  rater TEXT NOT NULL REFERENCES raters, trial INTEGER NOT NULL, kind TEXT NOT NULL, item INTEGER NOT NULL,
  left INTEGER NOT NULL, right INTEGER NOT NULL, choice TEXT NOT NULL, ms INTEGER NOT NULL, time TEXT NOT NULL,
  PRIMARY KEY (rater, trial)
);
"""
_KEEP_RATER = """
INSERT INTO raters VALUES (?, ?, ?, ?, ?) ON CONFLICT (rater) DO UPDATE SET
  name = excluded.name, planned = excluded.planned, revision = excluded.revision
"""


class VoteStore:
    """An SQLite file of one study's votes; safe for several threads and processes.

    Args:
        path: made if missing.
        study: id of the study.
        design: kept beside the votes, so that the file can be read without the page.

    Attributes:
        token: secret part of the server's addresses; it stays the same, so that open pages survive a restart.

    Raises:
        InputError: the file is another program's, or another study's.
        EnvironmentProblem: it can't be written.
    """

    def __init__(self, path: Path, *, study: str, design: Design) -> None:
        self.path = path
        with _opened(path) as connection:
            # A write-ahead log lets readers and one writer work at the same time and survives kill -9.
            connection.execute("PRAGMA journal_mode = WAL")
            with _writing(connection):
                if not _is_ours(connection, path):
                    _begin(connection, study, design)
                held, self.token = connection.execute("SELECT id, token FROM study").fetchone()
        if held != study:
            raise InputError(
                f"{shown(path)} holds votes of another study ({held}; the page is {study})",
                where=shown(path),
                hint="give each study its own file: -o other.sqlite",
            )

    def add(self, rater: Rater) -> bool:
        """Keep a rater's record if it is newer than the one held.

        Returns:
            Whether it was newer.

        Raises:
            EnvironmentProblem: full disk, a damaged file, too many raters.
        """
        with _opened(self.path) as connection, _writing(connection):
            held = connection.execute("SELECT revision FROM raters WHERE rater = ?", (rater.rater,)).fetchone()
            if held is not None and held[0] >= rater.revision:
                return False
            if held is None and connection.execute("SELECT count(*) FROM raters").fetchone()[0] >= MOST_RATERS:
                raise EnvironmentProblem(f"{MOST_RATERS} raters are enough", where=shown(self.path))
            connection.execute(_KEEP_RATER, (rater.rater, rater.name, rater.started, rater.planned, rater.revision))
            connection.execute("DELETE FROM votes WHERE rater = ?", (rater.rater,))
            rows = [(rater.rater, *(getattr(vote, key) for key in Vote.model_fields)) for vote in rater.votes]
            connection.executemany("INSERT INTO votes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        return True

    def counts(self) -> tuple[int, int]:
        """Return how many raters and votes are kept."""
        with _opened(self.path) as connection:
            query = "SELECT (SELECT count(*) FROM raters), (SELECT count(*) FROM votes)"
            raters, votes = connection.execute(query).fetchone()
        return int(raters), int(votes)


def read_store(path: Path) -> Ballot:
    """Return all votes of an SQLite file, which may be anybody's.

    Raises:
        InputError: damaged, another program's, or votes that the study doesn't ask for.
    """
    with _opened(path, read_only=True) as connection:
        if not _is_ours(connection, path):
            raise InputError(f"{shown(path)} holds no study", where=shown(path))
        study, design = connection.execute("SELECT id, design FROM study").fetchone()
        facts = connection.execute("SELECT * FROM raters ORDER BY rowid").fetchall()
        votes: dict[str, list[Vote]] = {}
        try:
            for rater, *values in connection.execute("SELECT * FROM votes ORDER BY rater, trial"):
                votes.setdefault(rater, []).append(Vote(**dict(zip(Vote.model_fields, values, strict=True))))
            raters = tuple(
                Rater(**dict(zip(Rater.model_fields, row)), votes=tuple(votes.get(row[0], ()))) for row in facts
            )
            return Ballot(
                format="ganstyle-votes",
                version=1,
                study=study,
                design=Design.model_validate_json(design),
                raters=raters,
            )
        except ValidationError as error:
            message = f"{shown(path)} holds impossible votes: {error.errors()[0]['msg']}"
            raise InputError(message, where=shown(path)) from None


@contextmanager
def _opened(path: Path, *, read_only: bool = False) -> Iterator[sqlite3.Connection]:
    """Yield a connection in autocommit mode; SQLite's errors leave in our words."""
    connection = None
    try:
        address = f"{path.resolve().as_uri()}?mode={'ro' if read_only else 'rwc'}"
        connection = sqlite3.connect(address, uri=True, timeout=WAIT_SECONDS, isolation_level=None)
        connection.execute("PRAGMA trusted_schema = OFF")
        yield connection
    except sqlite3.OperationalError as error:  # full disk, no permission, locked
        raise EnvironmentProblem(f"{shown(path)} can't be used: {error}", where=shown(path)) from None
    except sqlite3.DatabaseError as error:
        raise InputError(f"{shown(path)} is no usable SQLite file: {error}", where=shown(path)) from None
    finally:
        if connection is not None:
            connection.close()


@contextmanager
def _writing(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit the block, or none of it."""
    connection.execute("BEGIN IMMEDIATE")  # at once: a reader that turns writer could meet another one
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _is_ours(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether the file holds our tables; an empty one doesn't yet."""
    rows = connection.execute("SELECT type, name FROM sqlite_master WHERE type != 'index'").fetchall()
    if not rows:
        return False
    mark = connection.execute("PRAGMA application_id").fetchone()[0]
    # Views and triggers would run somebody else's queries.
    if mark != APPLICATION_ID or {tuple(row) for row in rows} != {("table", name) for name in _TABLES}:
        raise InputError(f"{shown(path)} is an SQLite file of another program", where=shown(path))
    return True


def _begin(connection: sqlite3.Connection, study: str, design: Design) -> None:
    for statement in _SCHEMA.split(";"):
        connection.execute(statement)
    row = (study, design.model_dump_json(), secrets.token_urlsafe(9))
    connection.execute("INSERT INTO study VALUES (?, ?, ?)", row)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
