"""What a study asks and shows, as it lies in its page; the page is a file from outside, so nothing in it is trusted."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ganstyle.data.names import shown
from ganstyle.errors import InputError

MOST_PAGE_BYTES = 400_000_000
MOST_METHODS, MOST_ITEMS = 50, 5000
_DATA = re.compile(rb'<script id="study" type="application/json">(.*?)</script>', re.DOTALL)
_PICTURE = r"^data:image/webp;base64,[A-Za-z0-9+/]+=*$"

Name = Annotated[str, Field(min_length=1, max_length=300)]
Index = Annotated[int, Field(ge=0)]


class Record(BaseModel):
    """Data from outside: unknown keys, wrong types and non-finite numbers are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Design(Record):
    """What is asked of each rater; it goes along with the votes.

    Attributes:
        question: shown above each pair.
        methods: names of what is compared; a rater never sees them.
        items: names of the pictures that every method treated.
        pairs: pairs that each rater compares.
        repeats: of these, shown again with their sides swapped.
        checks: pairs of a picture and its damaged copy that each rater sees.
        damaged: how many such pairs there are.
        ties: whether "no difference" may be answered.
        seed: of the choice of items and of every rater's order.
    """

    question: Annotated[str, Field(min_length=1, max_length=500)]
    methods: Annotated[tuple[Name, ...], Field(min_length=2, max_length=MOST_METHODS)]
    items: Annotated[tuple[Name, ...], Field(min_length=1, max_length=MOST_ITEMS)]
    pairs: Annotated[int, Field(ge=1, le=10_000)]
    repeats: Index
    checks: Index
    damaged: Index
    ties: bool
    seed: Index

    @property
    def trials(self) -> int:
        """Pairs that each rater sees, repeats and checks included."""
        return self.pairs + self.repeats + self.checks

    @model_validator(mode="after")
    def _possible(self) -> Self:
        kinds = len(self.methods) * (len(self.methods) - 1) // 2
        if self.pairs > kinds * len(self.items) or self.repeats > (self.pairs + 1) // 2:
            raise ValueError("more pairs than there are")
        if bool(self.checks) != bool(self.damaged):
            raise ValueError("checks without damaged pictures, or the other way round")
        return self


class Shown(Record):
    """What a pair of one item shows, as indices into the pictures: candidates by method, and what they were made of."""

    candidates: tuple[Index, ...]
    content: Index | None = None
    style: Index | None = None


class Damaged(Record):
    """An attention check: one method's picture of an item, and the index of its damaged copy."""

    item: Index
    method: Index
    picture: Index


class Study(Record):
    """A study with its pictures.

    Attributes:
        id: hash of everything else; votes name it.
        design: what is asked.
        shown: for each item.
        damaged: the attention checks.
        pictures: as data URIs.
    """

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    design: Design
    shown: tuple[Shown, ...]
    damaged: tuple[Damaged, ...]
    pictures: tuple[Annotated[str, Field(pattern=_PICTURE)], ...]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        design, last = self.design, len(self.pictures) - 1
        used = [index for item in self.shown for index in (*item.candidates, item.content or 0, item.style or 0)]
        used += [check.picture for check in self.damaged]
        if len(self.shown) != len(design.items) or len(self.damaged) != design.damaged or max(used) > last:
            raise ValueError("pictures are missing")
        if any(len(item.candidates) != len(design.methods) for item in self.shown):
            raise ValueError("an item lacks a method's picture")
        if any(check.item >= len(design.items) or check.method >= len(design.methods) for check in self.damaged):
            raise ValueError("a check of nothing")
        return self


def make_study(design: Design, *, shown: list[Shown], damaged: list[Damaged], pictures: list[str]) -> Study:
    """Return a study with its id.

    Raises:
        ValueError: the parts don't fit one another.
    """
    parts = {"design": design, "shown": shown, "damaged": damaged, "pictures": pictures}
    plain = json.loads(json.dumps(parts, default=lambda part: part.model_dump(mode="json")))
    return Study.model_validate_json(json.dumps({"id": identity(plain), **plain}))


def identity(parts: dict[str, object]) -> str:
    """Return the id of a study: 16 hex digits of the SHA-256 of everything but the id, as canonical JSON."""
    rest = {key: value for key, value in parts.items() if key != "id"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_study(path: Path) -> Study:
    """Read the study out of its page.

    Raises:
        InputError: no such file, too large, no study in it, or a study that was changed after it was made.
    """
    name = shown(path)
    hint = "a page made by: ganstyle study new A B -o study.html"
    try:
        if path.stat().st_size > MOST_PAGE_BYTES:
            raise InputError(f"{name} is larger than any study", where=name, hint=hint)
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{name} can't be read: {error.strerror}", where=name, hint=hint) from None
    found = _DATA.search(content)
    if found is None:
        raise InputError(f"{name} is no study", where=name, hint=hint)
    try:
        study = Study.model_validate_json(found[1])
        changed = identity(json.loads(found[1])) != study.id
    except (ValidationError, ValueError, RecursionError):
        raise InputError(
            f"the study in {name} is damaged", where=name, hint="make it again, or copy it again"
        ) from None
    if changed:
        raise InputError(f"the study in {name} was changed after it was made", where=name, hint="use the original file")
    return study
