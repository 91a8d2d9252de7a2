"""Everything that ganstyle pulls in is free to use, change and pass on."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

PERMISSIVE = re.compile(
    r"\b(MIT|BSD|BSD-[0-3]-Clause|0BSD|Apache|Apache-2\.0|ISC|PSF|Python Software Foundation|Zlib|HPND|MIT-CMU|CC0|"
    r"Unlicense|MPL-2\.0|Mozilla Public License)\b",
    re.IGNORECASE,
)
COPYLEFT = re.compile(r"\b(AGPL|GPL|LGPL|Affero)\b|GNU|non-?commercial|CC.BY.NC", re.IGNORECASE)
# NVIDIA's CUDA libraries come with torch's default build on Linux and are only linked; the CPU build has none of them.
PROPRIETARY_WITH_TORCH = ("nvidia-", "cuda-")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements(name: str) -> set[str]:
    found = (Requirement(text) for text in metadata.requires(name) or ())
    return {normal(r.name) for r in found if not r.marker or r.marker.evaluate({"extra": ""})}


def closure(name: str) -> set[str]:
    seen, waiting = set(), {normal(name)}
    while waiting:
        seen |= waiting
        waiting = {other for one in waiting for other in requirements(one) if installed(other)} - seen
    return seen


def installed(name: str) -> bool:
    return any(True for _ in metadata.distributions(name=name))


def licence(name: str) -> str:
    about = metadata.metadata(name)
    classifiers = [line for line in about.get_all("Classifier") or [] if line.startswith("License ::")]
    named = " ".join([about.get("License-Expression") or "", (about.get("License") or "")[:200], *classifiers])
    return named if PERMISSIVE.search(named) or COPYLEFT.search(named) else named + " " + licence_file(name)


def licence_file(name: str) -> str:
    """Return the beginning of the licence in the package, for metadata that is silent."""
    files = [file for file in metadata.files(name) or [] if "licen" in file.name.lower()]
    return " ".join(file.read_text()[:300] for file in files)


def test_every_dependency_has_a_permissive_licence():
    others = {name for name in closure("ganstyle") if not name.startswith(PROPRIETARY_WITH_TORCH)} - {"ganstyle"}
    assert "torch" in others
    doubtful = {name: licence(name) for name in others if not PERMISSIVE.search(licence(name))}
    assert doubtful == {}


def test_no_dependency_is_copyleft():
    # scipy and numpy name the GCC runtime that their wheels hold, which has an exception for exactly that.
    found = {name: licence(name) for name in closure("ganstyle") if name not in ("numpy", "scipy")}
    assert {name: text for name, text in found.items() if COPYLEFT.search(text)} == {}


def test_the_package_and_the_repository_agree():
    assert metadata.metadata("ganstyle")["License-Expression"] == "Apache-2.0"
    assert "Apache License" in (Path(__file__).parent.parent / "LICENSE").read_text(encoding="utf-8")
