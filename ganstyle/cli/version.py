"""`ganstyle version`: what is installed, read from package metadata (imports no torch)."""

from __future__ import annotations

import platform
from importlib import metadata

import ganstyle
from ganstyle.cli.output import JsonFlag, Output, command

_SHOWN = ("torch", "torchvision", "pillow", "safetensors")


@command
def version(json: JsonFlag = False) -> None:
    """Show the versions of ganstyle, Python, torch and what reads pictures and models."""
    versions = {"ganstyle": ganstyle.__version__, "python": platform.python_version()}
    versions |= {name: _installed(name) for name in _SHOWN}
    Output(json).result({"versions": versions}, text="\n".join(f"{name} {value}" for name, value in versions.items()))


def _installed(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
