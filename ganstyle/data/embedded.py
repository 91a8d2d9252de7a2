"""Where the pictures that come with the package are. Imports no torch."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ganstyle.errors import EnvironmentProblem


def embedded_root() -> Path:
    """Return the folder with `paintings/<style>/*.jpg`, `photos/*.jpg` and `PROVENANCE.json`.

    Raises:
        EnvironmentProblem: the installation lacks it.
    """
    spec = find_spec("ganstyle_data")  # finds, and does not import, the plugin
    for place in (spec.submodule_search_locations or ()) if spec else ():
        root = Path(place) / "embedded"
        if (root / "PROVENANCE.json").is_file():
            return root
    raise EnvironmentProblem(
        "the embedded pictures are not installed", where="ganstyle_data/embedded", hint="pip install --force ganstyle"
    )


def embedded_pictures(part: str = "paintings", style: str | None = None) -> list[Path]:
    """Return the embedded files, sorted.

    Args:
        part: `"paintings"` or `"photos"`.
        style: only this folder of the paintings.
    """
    root = embedded_root() / part
    return sorted((root / style if style else root).rglob("*.jpg"))


def embedded_styles() -> list[str]:
    """Return the names of the style folders."""
    return sorted(entry.name for entry in (embedded_root() / "paintings").iterdir() if entry.is_dir())


def provenance() -> list[dict[str, Any]]:
    """Return title, artist, year, licence, source and changes of every embedded file."""
    return json.loads((embedded_root() / "PROVENANCE.json").read_text(encoding="utf-8"))["files"]
