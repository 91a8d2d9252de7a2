"""Files of votes, from wherever raters sent them: those of one study are counted, the others named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ganstyle.data.names import shown
from ganstyle.errors import GanstyleError, NoInputError, UsageError
from ganstyle.study.design import Design, Study
from ganstyle.study.votes import Ballot, Rater, merged, read_votes


@dataclass
class Gathered:
    """Votes of one study.

    Attributes:
        study: its id.
        design: what was asked.
        raters: each once.
        refused: (file, reason).
        notes: about raters that came twice.
    """

    study: str
    design: Design
    raters: list[Rater]
    refused: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def gather(files: Sequence[Path], study: Study | None = None) -> Gathered:
    """Read files of votes.

    Args:
        files: JSON or SQLite; of a folder all files `*.json` and `*.sqlite` in it.
        study: the only one whose votes count; without it the files must be of one study.

    Raises:
        UsageError: files of several studies, and none was named.
        NoInputError: no file could be used.
    """
    ballots, refused = _read(_expanded(files))
    found = {ballot.study: ballot.design for _, ballot in ballots}
    if study is not None:
        refused += [(name, _foreign(ballot, study.id)) for name, ballot in ballots if ballot.study != study.id]
        ballots = [(name, ballot) for name, ballot in ballots if ballot.study == study.id]
        found = {study.id: study.design}
    if len(found) > 1:
        questions = "; ".join(f"{key}: {shown(design.question)}" for key, design in found.items())
        hint = "say which one: --study study.html"
        raise UsageError(f"these are votes of {len(found)} studies ({questions})", where="VOTES", hint=hint)
    if not ballots:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in refused[:3]) or "no files"
        raise NoInputError(
            f"no votes can be counted: {reasons}", where="VOTES", hint="ganstyle study result votes.json"
        )
    designs = {ballot.design for _, ballot in ballots} | set(found.values())
    if len(designs) > 1:
        raise NoInputError("votes of one study disagree about what was asked: a file was changed", where="VOTES")
    raters, notes = merged(ballots)
    ((key, design),) = found.items()
    return Gathered(key, design, raters, refused, notes)


def _expanded(files: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for file in files:
        inside = sorted([*file.glob("*.json"), *file.glob("*.sqlite")]) if file.is_dir() else []
        found += inside if file.is_dir() else [file]
    return found


def _read(files: Sequence[Path]) -> tuple[list[tuple[str, Ballot]], list[tuple[str, str]]]:
    ballots, refused = [], []
    for file in files:
        try:
            ballots.append((shown(file), read_votes(file)))
        except GanstyleError as error:
            refused.append((shown(file), error.message))
    return ballots, refused


def _foreign(ballot: Ballot, wanted: str) -> str:
    return f"votes of another study ({ballot.study}, {shown(ballot.design.question)!r}; wanted {wanted})"
