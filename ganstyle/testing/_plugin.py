"""A whole plugin: its module, its table, and every component in it."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ganstyle.api import Architecture, Component
from ganstyle.errors import GanstyleError
from ganstyle.registry import PluginStatus, Registry, describe, examine, load_registry
from ganstyle.testing._architecture import SIZES, check_architecture
from ganstyle.testing._backbone import check_backbone
from ganstyle.testing._callback import check_callback
from ganstyle.testing._dataset import check_dataset
from ganstyle.testing._evaluator import check_evaluator
from ganstyle.testing._findings import ConformanceError, Findings, NotCheckable
from ganstyle.testing._loss import check_loss
from ganstyle.testing._regularizer import check_regularizer
from ganstyle.testing._task import check_task

HEAVY = ("torch", "torchvision", "numpy", "PIL", "tensorflow", "jax")
IMPORT_SECONDS = 60

_PROBE = """
import importlib, sys
module = importlib.import_module({module!r})
components = getattr(module, "ganstyle_components", None)
list(components()) if components else None
sys.stderr.write("HEAVY " + " ".join(name for name in {heavy!r} if name in sys.modules))
"""

_CHECKS: Mapping[str, Callable[..., None]] = {
    "loss": check_loss,
    "regularizer": check_regularizer,
    "metric": check_evaluator,
    "data": check_dataset,
    "callback": check_callback,
    "backbone": check_backbone,
}


@dataclass
class Report:
    """What was checked.

    Attributes:
        plugin: the module.
        checked: `kind.name` of each component that keeps the contract.
        skipped: `kind.name` to why it couldn't be checked here, e.g. missing weights.
    """

    plugin: str
    checked: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)


def check_plugin(
    module: str,
    *,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    sizes: Sequence[tuple[int, int]] = SIZES,
) -> Report:
    """Check a plugin and each of its components.

    Args:
        module: what its entry point names; it need not be installed, only importable.
        options: `kind.name` to options, e.g. `{"arch.tiny": {"base_channels": 4}}`; small values save time.
        sizes: (height, width) at which architectures are built.

    Returns:
        What was checked, and what couldn't be.

    Raises:
        ConformanceError: lists every breach of every component.
    """
    findings = Findings(f"plugin {module!r}")
    _check_import(module, findings)
    findings.raise_any()
    registry = _check_table(module, findings)
    report = Report(module)
    for component in registry.plugins[-1].components:
        name = f"{component.kind}.{component.name}"
        try:
            check_component(component, (options or {}).get(name), sizes=sizes, registry=registry)
            report.checked.append(name)
        except NotCheckable as error:
            report.skipped[name] = error.message
        except ConformanceError as error:
            findings.failures += [f"{error.where}: {failure}" for failure in error.failures]
    findings.raise_any()
    return report


def check_component(
    component: Component,
    options: Mapping[str, Any] | None = None,
    *,
    sizes: Sequence[tuple[int, int]] = SIZES,
    registry: Registry | None = None,
) -> None:
    """Run the check of the component's kind.

    Args:
        component: any record.
        options: of the component.
        sizes: for architectures.
        registry: for tasks, and for the recipes of architectures.

    Raises:
        ConformanceError: lists every breach.
        NotCheckable: weights, data or options are missing here.
    """
    if isinstance(component, Architecture):
        if registry is not None:
            _check_recipe(component, registry)
        check_architecture(component, options, sizes=sizes)
    elif component.kind == "task":
        check_task(component, options, registry=registry)
    else:
        _CHECKS[component.kind](component, options)


def _check_import(module: str, findings: Findings) -> None:
    """Import in a fresh process: listing must stay cheap, and stdout belongs to the answer."""
    code = _PROBE.format(module=module, heavy=HEAVY)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=IMPORT_SECONDS)  # noqa: S603
    last = (done.stderr.strip().splitlines() or ["nothing"])[-1]
    if not findings.require(done.returncode == 0 and last.startswith("HEAVY"), f"importing it fails: {last}", "fix it"):
        return
    heavy = last.split()[1:]
    remedy = 'name targets as text ("package.module:attribute"), so that listing imports nothing heavy'
    findings.require(not heavy, f"importing it imports {', '.join(heavy)}", remedy)
    findings.require(not done.stdout, f"importing it prints {done.stdout[:60]!r}", "print nothing: stdout may be JSON")


def _check_table(module: str, findings: Findings) -> Registry:
    """Check API number, hooks and records; return the built-ins with the plugin as the last."""
    plugin = importlib.import_module(module)
    try:
        (hooks, components), (_, again) = examine(plugin, module), examine(plugin, module)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        raise ConformanceError(findings.subject, [describe(error)]) from error
    findings.require(len(components) > 0, "it contributes nothing", "yield a component")
    findings.require(components == again, "ganstyle_components() differs when repeated", "return the same each time")
    return _registry_with(module, hooks, components)


def _registry_with(module: str, hooks: Any, components: Iterable[Component]) -> Registry:
    """Return a registry of the built-ins other than this plugin, then this plugin."""
    registry, mine = Registry(), tuple(components)
    for status in load_registry(plugins=False).plugins:
        if status.components != mine:
            registry.add(status)
    try:
        registry.add(PluginStatus(f"{module}:under-test", "under-test", module, "0", "", mine, hooks=hooks))
    except ValueError as error:
        raise ConformanceError(f"plugin {module!r}", [f"{error}; choose another name"]) from error
    return registry


def _check_recipe(component: Architecture, registry: Registry) -> None:
    from ganstyle.config import resolve, validate

    try:
        validate(resolve(registry, flags={"arch": component.name}), registry)
    except GanstyleError as error:
        text = f"its recipe is refused: {error.message}; use keys as in --set"
        raise ConformanceError(f"arch {component.name!r}", [text]) from error
