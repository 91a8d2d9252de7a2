"""Budgets and sizes by one word; weaker than a recipe and every flag, stronger than an architecture's recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganstyle.api import suggest
from ganstyle.errors import UsageError

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
