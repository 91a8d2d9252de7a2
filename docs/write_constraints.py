"""Write constraints.txt from the packages of the environment that runs this; called by `make lock`."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

HEADER = """\
# The versions that `make` and the tests use; `make lock` writes them anew from the environment.
# torch and torchvision are a pair: a torchvision of another torch fails at import (operator torchvision::nms).
# What torch itself pins to one version (the CUDA libraries) is left out.
"""
_LEFT_OUT = ("pip", "ganstyle", "nvidia-", "cuda-toolkit")


def pins() -> list[str]:
    """Return `name==version` lines, sorted; local versions such as `2.14.1+cpu` lose their tail."""
    found = {
        d.metadata["Name"].lower().replace("_", "-"): d.version.partition("+")[0] for d in metadata.distributions()
    }
    return [f"{name}=={version}" for name, version in sorted(found.items()) if not name.startswith(_LEFT_OUT)]


if __name__ == "__main__":
    Path("constraints.txt").write_text(HEADER + "\n".join(pins()) + "\n")
