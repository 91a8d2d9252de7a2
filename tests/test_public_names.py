"""What plugins and programs build on changes only on purpose: `python tests/test_public_names.py` rewrites the list."""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path

import ganstyle
import ganstyle.api

LIST = Path(__file__).parent / "public_names.txt"


def described(name: str, value: object) -> list[str]:
    """Return the lines that pin a name: its signature, and for a class its public methods."""
    if inspect.isclass(value):
        members = [(key, m) for key, m in vars(value).items() if not key.startswith("_") and inspect.isfunction(m)]
        signature = str(inspect.signature(value)) if dataclasses.is_dataclass(value) else ""
        return [f"class {name}{signature}", *(f"  {key}{inspect.signature(member)}" for key, member in members)]
    if inspect.isfunction(value):
        return [f"{name}{inspect.signature(value)}"]
    return [name]


def public_names() -> str:
    lines = []
    for module in (ganstyle, ganstyle.api):
        lines.append(f"[{module.__name__}]")
        for name in sorted(module.__all__):
            lines += described(name, getattr(module, name))
    return "\n".join(lines) + "\n"


def test_public_signatures_are_as_listed():
    assert public_names() == LIST.read_text(encoding="utf-8")


def test_the_package_offers_few_names_and_all_of_them_exist():
    assert len(ganstyle.__all__) <= 20
    assert all(hasattr(ganstyle, name) for name in ganstyle.__all__)


def test_public_functions_are_typed():
    functions = [getattr(ganstyle, name) for name in ganstyle.__all__ if callable(getattr(ganstyle, name))]
    for function in functions:
        parameters = inspect.signature(function).parameters.values()
        assert all(parameter.annotation is not inspect.Parameter.empty for parameter in parameters)


if __name__ == "__main__":
    LIST.write_text(public_names(), encoding="utf-8")
