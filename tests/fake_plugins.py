"""Real distributions in a temporary folder: metadata, entry point and module, as pip would leave them."""

from __future__ import annotations

import importlib
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from ganstyle.registry import default_registry

GOOD = """
from ganstyle.api import Loss, hookimpl
ganstyle_api = 1
@hookimpl
def ganstyle_components():
    yield Loss("{loss}", "A loss.", "{module}_parts:build")
"""

PARTS = """
from __future__ import annotations
from typing import Annotated
from pydantic import Field
from ganstyle.api import Options
class PartOptions(Options):
    gain: Annotated[float, Field(gt=0, description="Factor.")] = 1.0
def build(options: PartOptions, *rest: NotDefined):
    return options.gain, rest
"""


class Site:
    """A folder on sys.path into which distributions are put."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.modules = folder, []

    def write(self, module: str, source: str) -> None:
        self.modules.append(module)
        (self.folder / f"{module}.py").write_text(textwrap.dedent(source))
        importlib.invalidate_caches()

    def register(self, distribution: str, entry_points: str, folder: Path | None = None) -> None:
        info = (folder or self.folder) / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[ganstyle]\n{textwrap.dedent(entry_points)}\n")

    def add(self, module: str, source: str) -> str:
        """Install module as distribution `<module>` with one entry point `main`; return the plugin's key."""
        self.write(module, source)
        self.register(module.replace("_", "-"), f"main = {module}")
        return f"{module.replace('_', '-')}:main"

    def add_good(self, module: str, loss: str) -> str:
        self.write(f"{module}_parts", PARTS)
        return self.add(module, GOOD.format(loss=loss, module=module))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    site = Site(folder)
    default_registry.cache_clear()
    yield site
    default_registry.cache_clear()
    for module in site.modules:
        sys.modules.pop(module, None)
