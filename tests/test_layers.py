"""Imports point down only (docs/design in `ganstyle`), and what lists needs no torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# A row may import the rows below it; packages of one row don't know each other.
LAYERS = (
    ("cli",),
    ("testing",),
    ("engine", "style", "study"),
    ("config",),
    ("registry",),
    ("data",),
    ("nn",),
    ("functional",),
    ("api",),
    ("errors",),
)
RANK = {name: rank for rank, row in enumerate(LAYERS) for name in row}
ENGINE_FOR_STYLE = {"cards", "checkpoint", "device", "model", "run"}
FOR_PLUGINS = {"errors", "api", "functional", "nn", "data", "registry"}  # the last to use others' components by name
FOR_REGISTRY = {"errors", "api", "registry"}
PLUGINS = sorted(path.name for path in (ROOT / "plugins").glob("ganstyle_*"))
TORCH_FREE = ("api", "errors", "registry", "config", "cli")
HEAVY = {"torch", "torchvision", "numpy", "PIL", "scipy", "skimage", "torch_fidelity"}


class Importing(ast.NodeVisitor):
    """Collects dotted names that a module imports, wherever in it, except for type checkers."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def visit_If(self, node: ast.If) -> None:
        if "TYPE_CHECKING" not in ast.dump(node.test):
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        self.names += [alias.name for alias in node.names]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level:  # from inside the same package, by construction
            return
        self.names += [f"{node.module}.{alias.name}" for alias in node.names]


def imports_of(path: Path) -> list[str]:
    visitor = Importing()
    visitor.visit(ast.parse(path.read_text(encoding="utf-8")))
    return visitor.names


def core_files() -> Iterator[tuple[str, Path]]:
    for path in sorted((ROOT / "ganstyle").rglob("*.py")):
        layer = path.relative_to(ROOT / "ganstyle").parts[0].removesuffix(".py")
        if layer not in ("__init__", "__main__"):  # the facade joins everything, inside functions
            yield layer, path


def layer_of(name: str) -> str | None:
    parts = name.split(".")
    return parts[1] if parts[0] == "ganstyle" and len(parts) > 1 and parts[1] in RANK else None


def test_every_package_has_a_layer():
    assert {layer for layer, _ in core_files()} == set(RANK)


def test_imports_point_down_only():
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for layer, path in core_files()
        for name in imports_of(path)
        if (other := layer_of(name)) and other != layer and RANK[other] <= RANK[layer]
        if not (layer == "style" and other == "engine" and name.split(".")[2] in ENGINE_FOR_STYLE)
    ]
    assert wrong == []


def test_registry_and_config_use_only_the_contract():
    wrong = [
        f"{path.name} imports {name}"
        for layer, path in core_files()
        if layer in ("registry", "config")
        for name in imports_of(path)
        if (layer_of(name) or "errors") not in FOR_REGISTRY | {layer}
    ]
    assert wrong == []


def test_core_never_imports_a_plugin():
    wrong = [
        (path.name, name) for _, path in core_files() for name in imports_of(path) if name.split(".")[0] in PLUGINS
    ]
    assert wrong == []


@pytest.mark.parametrize("plugin", PLUGINS)
def test_plugins_see_the_contract_the_maths_and_the_data(plugin):
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sorted((ROOT / "plugins" / plugin).rglob("*.py"))
        for name in imports_of(path)
        if (name.startswith("ganstyle.") and (layer_of(name) or "?") not in FOR_PLUGINS)
        or (name.split(".")[0] in PLUGINS and name.split(".")[0] != plugin)
    ]
    assert wrong == []


def torch_free_modules() -> list[str]:
    files = [path for layer, path in core_files() if layer in TORCH_FREE]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in files]
    return ["ganstyle", *names, *PLUGINS]


def test_what_lists_imports_no_torch():
    program = (
        "import importlib, sys\n"
        f"for name in {torch_free_modules()!r}:\n"
        "    importlib.import_module(name)\n"
        f"    heavy = {HEAVY!r} & set(sys.modules)\n"
        "    assert not heavy, f'{name} imports {heavy}'\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stderr.splitlines()[-1:] == []


def test_building_the_registry_imports_no_torch():
    program = (
        "import sys; from ganstyle.registry import load_registry\n"
        "registry = load_registry()\n"
        "assert registry.names('arch')\n"
        f"assert not {HEAVY!r} & set(sys.modules), {HEAVY!r} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stderr.splitlines()[-1:] == []
