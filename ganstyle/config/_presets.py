"""Budgets in words: presets, counts such as 5M and times such as 1h30m.

A preset is weaker than a recipe and every flag, and stronger than an architecture's recipe.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ganstyle.api import suggest
from ganstyle.errors import UsageError

_UNITS = {"": 1, "k": 1_000, "m": 1_000_000}
_TIME = re.compile(r"(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?")

# On two CPU cores a DCGAN takes minutes for `quick` and a night for `good`; `best` is for a GPU.
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "quick": {
        "train.images": 30_000,
        "train.resolution": 32,
        "train.preview_every_images": 3_000,
        "train.save_every_images": 10_000,
    },
    "good": {
        "train.images": 1_000_000,
        "train.resolution": 64,
        "train.preview_every_images": 20_000,
        "train.save_every_images": 50_000,
    },
    "best": {
        "train.images": 10_000_000,
        "train.resolution": 128,
        "train.preview_every_images": 100_000,
        "train.save_every_images": 200_000,
    },
}


def preset_keys(name: str | None) -> Mapping[str, Any]:
    """Return the dotted keys of a preset; none for None.

    Raises:
        UsageError: there is no such preset.
    """
    if name is None:
        return {}
    if name not in PRESETS:
        hint = "--preset " + ", ".join(PRESETS)
        raise UsageError(f"there is no preset {name!r}; {suggest(name, PRESETS)}", where="option --preset", hint=hint)
    return PRESETS[name]


def parse_count(text: str | None) -> int | None:
    """Read `200k` or `5M`; None stays None.

    Raises:
        UsageError: not a positive count.
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([kKmM]?)", text)
    count = round(float(match[1]) * _UNITS[match[2].lower()]) if match else 0
    if count < 1:
        raise UsageError(f"{text!r} is not a count of images", where="option --images", hint="--images 200k or 5M")
    return count


def parse_duration(text: str | None) -> float | None:
    """Read `2h`, `90m`, `1h30m` or `45s` as seconds; None stays None.

    Raises:
        UsageError: not a positive time.
    """
    if text is None:
        return None
    match = _TIME.fullmatch(text.strip().lower()) if text.strip() else None
    parts = [float(part or 0) for part in match.groups()] if match else [0.0]
    seconds = sum(part * unit for part, unit in zip(parts, (86400, 3600, 60, 1)))
    if seconds <= 0:
        raise UsageError(f"{text!r} is not a time", where="option --time", hint="--time 2h, 90m, 1h30m or 45s")
    return seconds
