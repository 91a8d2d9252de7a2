"""What a style file says of itself: a small card of plain text and numbers. Imports no torch."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ganstyle.errors import ModelError, UsageError

CARD_KEY = "ganstyle_style"
SCHEMA = 2  # 1: no scores, no pictures of works
SUFFIX = ".style.safetensors"
MAX_CARD_BYTES = 64 << 10
MAX_TEXT = 2000
MAX_WORKS = 300  # fingerprints kept in a card

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_HEX = re.compile(r"[0-9a-f]{64}")
_NUMBERS = ("fit_seconds", "instant_score", "refined_score")
_PUBLIC = re.compile(r"public[ -]domain|\bcc0\b|\bcc[ -]by\b|creative commons", re.IGNORECASE)


@dataclass(frozen=True)
class StyleCard:
    """Everything about a style but its numbers.

    Attributes:
        name: what users type.
        base_name: architecture of the base model.
        base_sha256: of the base model's weights; the style fits no other.
        title: for people.
        author: of the works.
        licence: of the works.
        source: where the works come from.
        works: how many pictures it was made from.
        fingerprints: sha256 of each work's pixels or file, the first 300.
        fit_steps: steps of refinement after the style encoder; 0 is the encoder's answer.
        fit_seconds: how long they took.
        fit_loss: adversarial loss of the refinement; empty without a rival.
        instant_score: held-out score of the encoder's answer, lower is better; 0 where nothing was measured.
        refined_score: of the refined code, by the same measure.
    """

    name: str
    base_name: str
    base_sha256: str
    title: str = ""
    author: str = ""
    licence: str = ""
    source: str = ""
    works: int = 1
    fingerprints: tuple[str, ...] = field(default=(), repr=False)
    fit_steps: int = 0
    fit_seconds: float = 0.0
    fit_loss: str = ""
    instant_score: float = 0.0
    refined_score: float = 0.0

    def to_json(self) -> str:
        """Return the card as it stands in a file; equal cards give equal text."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, sort_keys=True, ensure_ascii=False)


def is_public(licence: str) -> bool:
    """Return whether a licence lets others have the pictures: public domain, CC0 or another Creative Commons one.

    >>> is_public("Public domain"), is_public("all rights reserved"), is_public("")
    (True, False, False)
    """
    return bool(_PUBLIC.search(licence))


def check_name(name: str) -> str:
    """Return a style name that can stand in commands, weights and file names.

    Raises:
        UsageError: it can't.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is not a style name",
            where="style name",
            hint="lower case letters, digits, _ and -, at most 40, e.g. van_gogh",
        )
    return name


def name_from(text: str) -> str:
    """Return the nearest valid style name, e.g. of a picture's file name.

    >>> name_from("Starry Night (1889)")
    'starry_night_1889'
    """
    cleaned = re.sub(r"[^a-z0-9-]+", "_", text.lower()).strip("_-")
    return cleaned[:40].rstrip("_-") or "style"


def parse_card(text: str | None, path: Path) -> StyleCard:
    """Read a card from a file's metadata.

    Raises:
        ModelError: no card, or one that doesn't validate; the file is untrusted.
    """
    if text is None:
        raise ModelError(
            f"{path.name} is no style file: it has no style card",
            where=str(path),
            hint="style files are written by `ganstyle style add NAME PICTURES`",
        )
    if len(text) > MAX_CARD_BYTES:
        raise _invalid(path, f"it has {len(text)} characters")
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        raise _invalid(path, "it is not JSON") from None
    if not isinstance(values, dict):
        raise _invalid(path, "it is not an object")
    if not isinstance(values.get("schema"), int) or values["schema"] > SCHEMA:
        raise ModelError(
            f"{path.name} was written by a newer ganstyle", where=str(path), hint="pip install --upgrade ganstyle"
        )
    return _checked(values, path)


def _checked(values: dict[str, Any], path: Path) -> StyleCard:
    kinds = {"works": int, "fit_steps": int, "fingerprints": list} | dict.fromkeys(_NUMBERS, float)
    known: dict[str, Any] = {}
    for entry in fields(StyleCard):
        if entry.name in values:
            known[entry.name] = _typed(entry.name, values[entry.name], kinds.get(entry.name, str), path)
    missing = {"name", "base_name", "base_sha256"} - set(known)
    if missing:
        raise _invalid(path, f"it lacks {', '.join(sorted(missing))}")
    if not _NAME.fullmatch(known["name"]):
        raise _invalid(path, "its name is not a style name")
    hashes = (known["base_sha256"], *known.get("fingerprints", ()))
    if not all(isinstance(text, str) and _HEX.fullmatch(text) for text in hashes):
        raise _invalid(path, "a checksum is malformed")
    return StyleCard(**known | {"fingerprints": tuple(known.get("fingerprints", ()))})


def _typed(key: str, value: Any, kind: type, path: Path) -> Any:
    if kind is float and type(value) is int and abs(value) < 1 << 31:  # JSON writes 2.0 as 2 in other hands
        value = float(value)
    if type(value) is not kind:
        raise _invalid(path, f"{key} is a {type(value).__name__}, expected {kind.__name__}")
    if isinstance(value, int | float) and not 0 <= value < 1 << 31:  # nan is not in any range
        raise _invalid(path, f"{key} is out of range")
    if isinstance(value, str | list) and len(value) > MAX_TEXT:
        raise _invalid(path, f"{key} is too long")
    return value


def _invalid(path: Path, reason: str) -> ModelError:
    return ModelError(
        f"{path.name} has a style card that can't be used: {reason}", where=str(path), hint="make or download it again"
    )
