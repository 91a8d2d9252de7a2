"""`ganstyle doctor`: one line for each thing that ganstyle needs, with the remedy where one is missing."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from ganstyle.cli.output import JsonFlag, Output, command
from ganstyle.errors import EXIT_OK, EnvironmentProblem

OLDEST_PYTHON = (3, 11)
LOW_DISK_GB = 2
_LIBRARIES = ("numpy", "pillow", "pydantic", "safetensors", "torch", "torchvision")
_MARKS = {"ok": "ok", "missing": "--", "broken": "!!"}


@dataclass(frozen=True)
class Finding:
    """One line.

    Attributes:
        name: what was looked at.
        state: `ok`; `missing` (something optional); `broken` (exit code 6).
        text: what was found.
        remedy: a command or an action; empty if all is well.
    """

    name: str
    state: str
    text: str
    remedy: str = ""


@command
def doctor(json: JsonFlag = False) -> int:
    """Say what is wrong with this installation, and what helps; the exit code is 6 if anything is broken."""
    out = Output(json)
    findings = examine()
    broken = [finding for finding in findings if finding.state == "broken"]
    verdict = f"{len(broken)} problem(s): {', '.join(finding.name for finding in broken)}" if broken else "all is well"
    out.result(
        {"healthy": not broken, "findings": [asdict(finding) for finding in findings]},
        text="\n".join([*map(_line, findings), verdict]),
    )
    return EnvironmentProblem.code if broken else EXIT_OK


def _line(finding: Finding) -> str:
    remedy = f"\n     {finding.remedy}" if finding.remedy else ""
    return f"{_MARKS[finding.state]:3} {finding.name}: {finding.text}{remedy}"


def examine() -> list[Finding]:
    """Look at everything; a look that itself fails is a finding."""
    findings: list[Finding] = []
    for look in (_python, _libraries, _devices, _threads, _folders, _plugins, _plugin_checks):
        findings += _guarded(look)
    return findings


def _guarded(look: Callable[[], Iterator[Finding]]) -> list[Finding]:
    try:
        return list(look())
    except Exception as error:  # doctor is for broken installations: it must never end in a traceback
        text = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        return [Finding(look.__name__.strip("_"), "broken", text, "ganstyle doctor --debug")]


def _python() -> Iterator[Finding]:
    import ganstyle

    version = platform.python_version()
    new_enough = sys.version_info >= OLDEST_PYTHON
    wanted = ".".join(map(str, OLDEST_PYTHON))
    yield Finding("ganstyle", "ok", f"{ganstyle.__version__}, {platform.system()} {platform.machine()}")
    yield Finding(
        "python", "ok" if new_enough else "broken", version, "" if new_enough else f"install Python {wanted}+"
    )


def _libraries() -> Iterator[Finding]:
    from ganstyle.nn.installation import installed_version, torch_problem, torchvision_problem

    problems = {"torch": torch_problem, "torchvision": torchvision_problem}
    for name in _LIBRARIES:
        version = installed_version(name)
        problem = problems[name]() if name in problems else "" if version else f"{name} is not installed"
        text, _, remedy = problem.partition("; run: ")
        yield Finding(
            name, "broken" if problem else "ok", text or version, remedy or ("pip install ganstyle" if text else "")
        )


def _devices() -> Iterator[Finding]:
    from ganstyle.nn.installation import torch_problem

    yield Finding("device cpu", "ok", f"{os.cpu_count()} cores, {platform.processor() or platform.machine()}")
    if torch_problem():
        return
    import torch

    for index in range(torch.cuda.device_count()):
        facts = torch.cuda.get_device_properties(index)
        yield Finding(f"device cuda:{index}", "ok", f"{facts.name}, {facts.total_memory / 2**30:.1f} GiB")
    if not torch.cuda.device_count():
        yield Finding("device cuda", "missing", _why_no_cuda(torch.version.cuda))
    if torch.backends.mps.is_available():
        yield Finding("device mps", "ok", "Apple GPU")


def _why_no_cuda(built_for: str | None) -> str:
    if built_for is None:
        return "this torch is built without CUDA; --device cpu works"
    return f"torch is built for CUDA {built_for}, but no NVIDIA GPU with a working driver is here; --device cpu works"


def _threads() -> Iterator[Finding]:
    from ganstyle.nn.installation import torch_problem

    if torch_problem():
        return
    import torch

    limit = os.environ.get("OMP_NUM_THREADS", "")
    yield Finding("threads", "ok", f"{torch.get_num_threads()}" + (f" (OMP_NUM_THREADS={limit})" if limit else ""))


def _folders() -> Iterator[Finding]:
    yield _writable("user data folder", home_folder())
    yield _writable("working folder", Path.cwd())
    free_gb = shutil.disk_usage(Path.cwd()).free / 1e9
    low = free_gb < LOW_DISK_GB
    yield Finding("disk", "missing" if low else "ok", f"{free_gb:.1f} GB free here", "free some space" if low else "")


def home_folder() -> Path:
    """Return the folder of the user's styles and caches, not created: `$GANSTYLE_HOME`, else the system's."""
    import platformdirs

    home = os.environ.get("GANSTYLE_HOME")
    return Path(home) if home else platformdirs.user_data_path("ganstyle", appauthor=False)


def _writable(name: str, folder: Path) -> Finding:
    """Try to write into the folder, or into the nearest that exists above it; leaves nothing behind."""
    place = next(parent for parent in (folder, *folder.parents) if os.path.lexists(parent))
    try:
        with tempfile.TemporaryFile(dir=place) as probe:
            probe.write(b"ganstyle")
    except OSError as error:
        remedy = (
            "set GANSTYLE_HOME to a folder you may write" if name.startswith("user") else "change to another folder"
        )
        return Finding(name, "broken", f"{folder} can't be written: {error.strerror}", remedy)
    return Finding(name, "ok", str(folder))


def _plugins() -> Iterator[Finding]:
    from ganstyle.registry import default_registry

    plugins = default_registry().plugins
    if not any(status.built_in for status in plugins):
        yield Finding(
            "plugins", "broken", "the built-in plugins are not registered", "pip install --force-reinstall ganstyle"
        )
    for status in plugins:
        name = f"plugin {status.key}"
        if status.error:
            uninstall = f"pip uninstall {status.distribution}, or GANSTYLE_DISABLE_PLUGINS={status.key}"
            remedy = "pip install --force-reinstall ganstyle" if status.built_in else uninstall
            yield Finding(name, "broken", f"{status.version}: {status.error}", remedy)
        elif status.disabled:
            yield Finding(name, "missing", "disabled by GANSTYLE_DISABLE_PLUGINS")
        else:
            yield Finding(name, "ok", f"{status.version}, {len(status.components)} components")


def _plugin_checks() -> Iterator[Finding]:
    from ganstyle.registry import default_registry

    for status, what, ok, remedy in default_registry().checks():
        name = f"{what} ({status.key})"
        yield Finding(name, "ok" if ok else "missing", "present" if ok else "not usable", "" if ok else remedy)
