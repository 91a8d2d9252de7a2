"""Protocols of other tools: which metrics, with which options, give the numbers that a tool would print."""

from __future__ import annotations

from typing import cast

from ganstyle.api import Evaluator, suggest
from ganstyle.config import Selection
from ganstyle.errors import UsageError
from ganstyle.registry import Registry


def protocol_names(registry: Registry) -> list[str]:
    """Return the tools whose protocol some metric can follow, sorted."""
    return sorted({name for record in _metrics(registry) for name in record.compat})


def protocol_metrics(name: str, *, registry: Registry) -> tuple[Selection, ...]:
    """Return the metrics of a tool's protocol, with their options, in order of name.

    Args:
        name: as in `Evaluator.compat`, e.g. `torch-fidelity`.
        registry: its metrics are asked; any plugin's metric may join a protocol or found one.

    Raises:
        UsageError: no metric follows that protocol; says which there are.
    """
    following = [record for record in _metrics(registry) if name in record.compat]
    if not following:
        known = protocol_names(registry)
        raise UsageError(f"unknown protocol {name!r}; {suggest(name, known)}", where="--compat")
    return tuple(Selection(record.name, dict(record.compat[name])) for record in following)


def _metrics(registry: Registry) -> list[Evaluator]:
    return cast("list[Evaluator]", registry.components("metric"))
