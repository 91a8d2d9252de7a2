"""From matched pictures to a study: which items, how many pairs, repeats and checks, and what the page shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from PIL import Image
from pydantic import ValidationError

from ganstyle.errors import InputError, NoInputError, UsageError
from ganstyle.study.design import MOST_METHODS, Damaged, Design, Shown, Study, make_study
from ganstyle.study.matching import Item, Matched
from ganstyle.study.pictures import damaged, data_uri, read_alike, read_small

QUESTION = "Which picture do you like better?"
QUESTION_OF_STYLE = "Which one shows the picture better in this style?"
MOST_DAMAGED = 8
REFERENCE_SHARE = 0.6  # of the candidates' size: references are shown smaller


@dataclass(frozen=True)
class Wishes:
    """What a study is asked to be.

    Attributes:
        question: None takes the usual one.
        pairs: that each rater compares; more than there are means all.
        repeats: pairs shown again; None is one in six.
        checks: attention checks; None is one in eight pairs, at least three.
        ties: whether "no difference" may be answered.
        items: at most so many, drawn at random; None is all.
        seed: of everything random.
        max_size: longest side of a picture, in pixels.
        quality: of the WebP pictures, 1 to 100; 100 is lossless.
    """

    question: str | None = None
    pairs: int = 30
    repeats: int | None = None
    checks: int | None = None
    ties: bool = True
    items: int | None = None
    seed: int = 0
    max_size: int = 640
    quality: int = 90


@dataclass
class _Album:
    """Pictures of the page, each once."""

    quality: int
    places: dict[str, int] = field(default_factory=dict)

    def add(self, picture: Image.Image) -> int:
        return self.places.setdefault(data_uri(picture, self.quality), len(self.places))


def build_study(matched: Matched, wishes: Wishes, *, progress: Callable[[], object] = lambda: None) -> Study:
    """Read the pictures and return the study.

    Args:
        matched: items; one that can't be read is moved to `left_out`.
        wishes: what it should be.
        progress: called after each item.

    Raises:
        UsageError: more methods than a study holds, or a question that is too long.
        NoInputError: no item can be read.
    """
    if len(matched.methods) > MOST_METHODS:
        raise UsageError(f"{len(matched.methods)} folders, a study holds at most {MOST_METHODS}", where="FOLDERS")
    generator = np.random.default_rng(wishes.seed)
    album, items, shown = _Album(wishes.quality), [], []
    for item in _drawn(matched.items, wishes.items, generator):
        try:
            shown.append(_shown(item, album, wishes.max_size))
            items.append(item)
        except InputError as error:
            matched.left_out.append((item.name, error.message))
        progress()
    if not items:
        name, reason = matched.left_out[-1]
        raise NoInputError(f"no item can be shown; the last was {name}: {reason}", hint="ganstyle data check FOLDER")
    design = _design(matched.methods, items, wishes)
    checks = _damaged(items, design, wishes, album=album, generator=generator)
    return make_study(design, shown=shown, damaged=checks, pictures=list(album.places))


def _drawn(items: list[Item], count: int | None, generator: np.random.Generator) -> list[Item]:
    if count is None or count >= len(items):
        return items
    return [items[index] for index in sorted(generator.choice(len(items), count, replace=False))]


def _shown(item: Item, album: _Album, max_size: int) -> Shown:
    small = max(64, round(max_size * REFERENCE_SHARE))
    # All files are read before one is kept: an item is in the page whole or not at all.
    candidates = read_alike(item.candidates, max_size)
    content, style = (read_small(file, small) if file else None for file in (item.content, item.style))
    return Shown(
        candidates=tuple(album.add(picture) for picture in candidates),
        content=album.add(content) if content else None,
        style=album.add(style) if style else None,
    )


def _design(methods: tuple[str, ...], items: list[Item], wishes: Wishes) -> Design:
    pairs = min(wishes.pairs, len(items) * len(methods) * (len(methods) - 1) // 2)
    repeats = round(pairs / 6) if wishes.repeats is None else wishes.repeats
    checks = max(3, round(pairs / 8)) if wishes.checks is None else wishes.checks
    usual = QUESTION_OF_STYLE if items[0].style else QUESTION
    try:
        return Design(
            question=(wishes.question or usual).strip(),
            methods=methods,
            items=tuple(item.name for item in items),
            pairs=pairs,
            repeats=min(repeats, (pairs + 1) // 2),
            checks=checks,
            damaged=min(checks, MOST_DAMAGED),
            ties=wishes.ties,
            seed=wishes.seed,
        )
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{key}: {first['msg']}", where="ganstyle study new") from None


def _damaged(
    items: list[Item], design: Design, wishes: Wishes, *, album: _Album, generator: np.random.Generator
) -> list[Damaged]:
    """Damage pictures of items and methods drawn at random, no item twice while there are others."""
    order = [int(index) for index in generator.permutation(len(items))]
    found = []
    for turn in range(design.damaged):
        item, method = order[turn % len(order)], int(generator.integers(len(design.methods)))
        picture = _candidate(items[item], method, wishes.max_size)
        found.append(Damaged(item=item, method=method, picture=album.add(damaged(picture, generator))))
    return found


def _candidate(item: Item, method: int, max_size: int) -> Image.Image:
    return read_alike(item.candidates, max_size)[method]


def equal_candidates(study: Study) -> list[str]:
    """Return the items in which two methods show the very same picture: nobody can prefer one."""
    rows = zip(study.design.items, study.shown, strict=True)
    return [name for name, item in rows if len(set(item.candidates)) < len(item.candidates)]
