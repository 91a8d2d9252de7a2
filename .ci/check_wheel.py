"""Says what a built wheel lacks, and what must not be in it."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

NEEDED = (
    "ganstyle/cli/app.py",
    "ganstyle/study/page.html",
    "ganstyle/study/page.js",
    "ganstyle_data/embedded/PROVENANCE.json",
    "ganstyle_gans/__init__.py",
    "ganstyle_metrics/__init__.py",
    "ganstyle_styles/__init__.py",
    "ganstyle_translation/__init__.py",
)
UNWANTED = (".pyc", ".pt", ".pth", ".pkl", ".onnx")
EMBEDDED_BYTES = 3_000_000
WEIGHT_BYTES = 4_000_000


def problems(wheel: Path) -> list[str]:
    """Return what is wrong, one line each."""
    sizes = {entry.filename: entry.file_size for entry in zipfile.ZipFile(wheel).infolist()}
    found = [f"{name} is missing" for name in NEEDED if name not in sizes]
    found += [f"{name} doesn't belong there" for name in sizes if name.startswith("tests/") or name.endswith(UNWANTED)]
    embedded = sum(size for name, size in sizes.items() if name.startswith("ganstyle_data/embedded/"))
    if embedded > EMBEDDED_BYTES:
        found.append(f"embedded data takes {embedded} bytes, more than {EMBEDDED_BYTES}")
    weights = {name: size for name, size in sizes.items() if name.endswith(".safetensors")}
    found += [f"{name} takes {size} bytes" for name, size in weights.items() if size > WEIGHT_BYTES]
    return found if weights else [*found, "no model or style file: `ganstyle transfer` can't work"]


if __name__ == "__main__":
    wrong = problems(Path(sys.argv[1]))
    sys.exit("\n".join(["error: the wheel is not complete", *wrong]) if wrong else 0)
