"""What an investigation of a failed or collapsed training needs: contact sheets, and the numbers beside them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from ganstyle.data.sheets import contact_sheet
from ganstyle.data.writing import save_image
from ganstyle.engine.durable import dump_json
from ganstyle.engine.logging import read_scalars
from ganstyle.errors import GanstyleError

LAST_LINES = 20


def write_sheet(path: Path, pictures: Tensor, *, labels: Sequence[str] | None = None) -> Path | None:
    """Write pictures on one page, roughly square; None if that fails, which must not hide why it was wanted.

    Args:
        path: a PNG; its folder is made.
        pictures: uint8 (N, 3, H, W).
        labels: one per picture, below it.
    """
    columns = max(1, math.ceil(len(pictures) ** 0.5))
    zoom = max(1, 64 // max(pictures.shape[2:]))
    try:
        sheet = contact_sheet(list(pictures.cpu()), columns=columns, labels=labels, zoom=zoom)
        return save_image(sheet, path, overwrite=True)
    except (GanstyleError, OSError):
        return None


def write_bundle(
    run_folder: Path, facts: Mapping[str, Any], *, pictures: Tensor | None = None, names: Sequence[str] = ()
) -> Path | None:
    """Write `diverged/step-<n>.json` and, beside it, the pictures of that step; None if the disk refuses.

    Args:
        run_folder: of the run.
        facts: `step` and whatever is known; values that are not finite are written as words.
        pictures: uint8 (N, 3, H, W), the batch.
        names: of the pictures.
    """
    path = run_folder / "diverged" / f"step-{facts['step']:09d}.json"
    content = {**facts, "pictures": list(names), "last_scalars": read_scalars(run_folder)[-LAST_LINES:]}
    try:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(dump_json(in_words(content)))
    except OSError:
        return None
    if pictures is not None:
        write_sheet(path.with_suffix(".png"), pictures, labels=names or None)
    return path


def in_words(value: Any) -> Any:
    """Return JSON in which `nan`, `inf` and `-inf` are words."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {key: in_words(inner) for key, inner in value.items()}
    return [in_words(inner) for inner in value] if isinstance(value, list | tuple) else value
