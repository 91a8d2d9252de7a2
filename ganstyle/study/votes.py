"""Votes as the page exports and sends them; they come from strangers, so nothing in them is trusted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from ganstyle.data.names import shown
from ganstyle.errors import InputError
from ganstyle.study.design import Design, Index, Record

FORMAT, VERSION = "ganstyle-votes", 1
MOST_FILE_BYTES = 64 << 20
Side = Literal["left", "right", "equal"]


class Vote(Record):
    """One answer.

    Attributes:
        trial: place in the rater's order, from 0.
        kind: `repeat` is a pair seen before, sides swapped; `check` a picture against its damaged copy.
        item: index of the item; of a check, of the damaged picture.
        left: index of the method on the left; of a check, 0 is the intact picture and 1 the damaged one.
        right: the same on the right.
        choice: what was preferred.
        ms: from the showing of the pair to the answer.
        time: by the rater's clock, ISO 8601.
    """

    trial: Index
    kind: Literal["pair", "repeat", "check"]
    item: Index
    left: Index
    right: Index
    choice: Side
    ms: Annotated[int, Field(ge=0, le=10**12)]
    time: Annotated[str, Field(max_length=40)]

    @property
    def chosen(self) -> int | None:
        """Index of the preferred method; None for no difference."""
        return {"left": self.left, "right": self.right, "equal": None}[self.choice]


class Rater(Record):
    """One person's votes.

    Attributes:
        rater: random id, made by the page.
        name: as typed; may be empty, and two people may share one.
        started: by the rater's clock, ISO 8601.
        planned: trials of the whole study.
        revision: rises with every vote and every undo; the highest is the newest.
        votes: in the order of the trials, without gaps.
    """

    rater: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    name: Annotated[str, Field(max_length=80)] = ""
    started: Annotated[str, Field(max_length=40)]
    planned: Index
    revision: Annotated[int, Field(ge=0, le=10**9)]
    votes: Annotated[tuple[Vote, ...], Field(max_length=30_000)]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if [vote.trial for vote in self.votes] != list(range(len(self.votes))):
            raise ValueError("votes are not in the order of the trials")
        return self


class Ballot(Record):
    """A file of votes, or one message of a page to its server."""

    format: Literal["ganstyle-votes"]
    version: Literal[1]
    study: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    design: Design
    raters: tuple[Rater, ...]

    @model_validator(mode="after")
    def _of_the_design(self) -> Self:
        for rater in self.raters:
            if len(rater.votes) > self.design.trials or not all(_fits(vote, self.design) for vote in rater.votes):
                raise ValueError("votes that the study doesn't ask for")
        return self


def _fits(vote: Vote, design: Design) -> bool:
    check = vote.kind == "check"
    items, sides = (design.damaged, 2) if check else (len(design.items), len(design.methods))
    in_range = vote.item < items and vote.left < sides and vote.right < sides and vote.left != vote.right
    return in_range and (design.ties or vote.choice != "equal")


def parse_ballot(content: bytes) -> Ballot:
    """Return the votes of a file or message.

    Raises:
        ValueError: not JSON, not ours, or not possible; the text says which, without the content.
    """
    try:
        return Ballot.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{place}: {first['msg']}" if place else first["msg"]) from None


def read_votes(path: Path) -> Ballot:
    """Read votes from a JSON file of the page or an SQLite file of `ganstyle study serve`.

    Raises:
        InputError: unreadable, too large, or no votes.
    """
    name = shown(path)
    try:
        if path.stat().st_size > MOST_FILE_BYTES:
            raise InputError(f"{name} is larger than {MOST_FILE_BYTES >> 20} MB of votes", where=name)
        with path.open("rb") as stream:
            content = stream.read(MOST_FILE_BYTES + 1)
    except OSError as error:
        raise InputError(f"{name} can't be read: {error.strerror}", where=name) from None
    if content.startswith(b"SQLite format 3\0"):
        from ganstyle.study.store import read_store

        return read_store(path)
    try:
        return parse_ballot(content)
    except ValueError as error:
        hint = "votes are the JSON file that a study's page offers, or the SQLite file of: ganstyle study serve"
        raise InputError(f"{name} holds no votes: {error}", where=name, hint=hint) from None


def dump_ballot(ballot: Ballot) -> bytes:
    """Return votes as the page writes them."""
    return (json.dumps(ballot.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n").encode()


def merged(ballots: Sequence[tuple[str, Ballot]]) -> tuple[list[Rater], list[str]]:
    """Return every rater once, with the newest of his records.

    Args:
        ballots: (file name, votes), all of one study.

    Returns:
        Raters in order of appearance, and notes about those that came more than once.
    """
    newest: dict[str, Rater] = {}
    places: dict[str, list[str]] = {}
    for name, ballot in ballots:
        for rater in ballot.raters:
            places.setdefault(rater.rater, []).append(name)
            held = newest.get(rater.rater)
            if held is None or rater.revision > held.revision:
                newest[rater.rater] = rater
    notes = [_twice(newest[rater], files) for rater, files in places.items() if len(files) > 1]
    return list(newest.values()), [*notes, *_namesakes(list(newest.values()))]


def label(rater: Rater) -> str:
    """Return how a rater is called in results: the name, and the beginning of the id."""
    return f"{shown(rater.name)} ({rater.rater[:6]})" if rater.name else rater.rater[:6]


def _twice(rater: Rater, files: list[str]) -> str:
    where = ", ".join(dict.fromkeys(files))
    return f"rater {label(rater)} came {len(files)} times ({where}): the newest record is counted, once"


def _namesakes(raters: list[Rater]) -> list[str]:
    names = [rater.name.strip().casefold() for rater in raters if rater.name.strip()]
    double = sorted({name for name in names if names.count(name) > 1})
    return [
        f"{names.count(name)} raters call themselves {shown(name)!r}: counted as different people; is it one who voted "
        "twice?"
        for name in double
    ]
