"""What a style file says of itself: a small card of plain text and numbers. Imports no torch."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ganstyle.errors import ModelError, UsageError

CARD_KEY = "ganstyle_style"
SCHEMA = 1
SUFFIX = ".style.safetensors"
MAX_CARD_BYTES = 64 << 10
MAX_TEXT = 2000
MAX_WORKS = 300  # fingerprints kept in a card

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_HEX = re.compile(r"[0-9a-f]{64}")


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

    def to_json(self) -> str:
        """Return the card as it stands in a file; equal cards give equal text."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, sort_keys=True, ensure_ascii=False)


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
    kinds = {"works": int, "fit_steps": int, "fingerprints": list}
    known = {}
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
    if type(value) is not kind:
        raise _invalid(path, f"{key} is a {type(value).__name__}, expected {kind.__name__}")
    if isinstance(value, int) and not 0 <= value < 1 << 31:
        raise _invalid(path, f"{key} is out of range")
    if isinstance(value, str | list) and len(value) > MAX_TEXT:
        raise _invalid(path, f"{key} is too long")
    return value


def _invalid(path: Path, reason: str) -> ModelError:
    return ModelError(
        f"{path.name} has a style card that can't be used: {reason}", where=str(path), hint="make or download it again"
    )
