"""What a result depends on besides configuration and data: versions, code, machine. No user, host or home path."""

from __future__ import annotations

import hashlib
import platform
import sys
from functools import cache
from importlib import metadata, util
from pathlib import Path
from typing import Any

import ganstyle


def describe_environment(*, device: str = "cpu") -> dict[str, Any]:
    """Return versions, plugin versions, code hashes, device and thread count as plain JSON."""
    import torch  # here, so that finding the newest run needs none

    return {
        "schema": 1,
        "ganstyle": metadata_version("ganstyle"),
        "code": _code_hash(Path(ganstyle.__file__).parent),
        "commit": git_commit(Path(ganstyle.__file__).parent.parent),
        "torch": torch.__version__,
        "plugins": _plugins(),
        "python": platform.python_version(),
        "platform": f"{sys.platform}-{platform.machine()}",
        "device": _device_name(device),
        "threads": torch.get_num_threads(),
    }


def metadata_version(distribution: str) -> str:
    """Return an installed version, or `unknown`."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "unknown"


def git_commit(folder: Path) -> str | None:
    """Return the commit that is checked out in a folder, read without running git; None when there is none."""
    try:
        head = (folder / ".git" / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head[:40]
        return (folder / ".git" / head.removeprefix("ref: ")).read_text().strip()[:40]
    except OSError:
        return None


def _plugins() -> dict[str, str]:
    return {point.name: _plugin_identity(point.value.partition(":")[0]) for point in _entry_points()}


def _entry_points() -> list[metadata.EntryPoint]:
    return sorted(metadata.entry_points(group="ganstyle"), key=lambda point: (point.name, point.value))


def _plugin_identity(module: str) -> str:
    # find_spec of a top-level name imports nothing: a broken plugin can't stop a run here.
    spec = util.find_spec(module.partition(".")[0])
    places = list(spec.submodule_search_locations or []) if spec else []
    return f"{module} {_code_hash(Path(places[0]))}" if places else f"{module} ?"


@cache
def _code_hash(package: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _device_name(device: str) -> str:
    import torch

    if device.startswith("cuda") and torch.cuda.is_available():
        return f"cuda {torch.cuda.get_device_name(device)}"
    return device if device != "cpu" else f"cpu {torch.backends.cpu.get_cpu_capability()}"
