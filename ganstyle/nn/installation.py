"""Whether torch and torchvision work here, and together; importing this imports neither."""

from __future__ import annotations

import importlib
import importlib.metadata
import re

from ganstyle.errors import EnvironmentProblem


def installed_version(distribution: str) -> str:
    """Return the version of an installed distribution, without importing it; empty if there is none."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


def torch_problem() -> str:
    """Return why torch can't be used, in one line with the remedy; empty if it can."""
    return _import_problem("torch", remedy="pip install --force-reinstall torch")


def torchvision_problem() -> str:
    """Return why torchvision can't be used with this torch, in one line with the remedy; empty if it can.

    Its compiled operators fit one release of torch only; with another, the import ends with
    "operator torchvision::nms does not exist".
    """
    return torch_problem() or _import_problem("torchvision", remedy=_pair_remedy(), pair="torch")


def require_torchvision() -> None:
    """Import torchvision.

    Raises:
        EnvironmentProblem: it is missing or doesn't match torch; with the remedy.
    """
    problem = torchvision_problem()
    if problem:
        message, _, remedy = problem.partition("; run: ")
        raise EnvironmentProblem(message, where="torchvision", hint=remedy)


def _import_problem(module: str, *, remedy: str, pair: str = "") -> str:
    if not installed_version(module):
        return f"{module} is not installed; run: {remedy}"
    try:
        importlib.import_module(module)
    except Exception as error:  # a mismatch shows as RuntimeError, ImportError, OSError or AttributeError
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        beside = f" doesn't work with {pair} {installed_version(pair)}" if pair else " can't be imported"
        return f"{module} {installed_version(module)}{beside} ({reason}); run: {remedy}"
    return ""


def _pair_remedy() -> str:
    """Return the command that installs the torch which this torchvision was compiled for."""
    version = installed_version("torchvision").partition("+")[0]
    pinned = re.search(r"^torch==([\w.]+)", "\n".join(_requirements()), flags=re.MULTILINE)
    if not version or not pinned:
        return "pip install --upgrade --force-reinstall torch torchvision"
    return f'pip install --force-reinstall "torch=={pinned[1]}" "torchvision=={version}"'


def _requirements() -> list[str]:
    try:
        return [re.sub(r"[\s()]", "", line) for line in importlib.metadata.requires("torchvision") or []]
    except importlib.metadata.PackageNotFoundError:
        return []
