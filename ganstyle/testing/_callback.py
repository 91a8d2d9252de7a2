"""Callbacks: methods that the engine will find."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganstyle.api import suggest
from ganstyle.errors import EnvironmentProblem
from ganstyle.testing._findings import NotCheckable
from ganstyle.testing._subject import Subject, Tested, subject_of

METHODS = ("on_start", "on_step", "on_end")


def check_callback(tested: Tested, options: Mapping[str, Any] | None = None) -> None:
    """Check the names of a callback's methods.

    Args:
        tested: the record or its target.
        options: of the callback; missing ones take their defaults.

    Raises:
        ConformanceError: lists every breach.
        NotCheckable: it needs a package that isn't installed.
    """
    subject = subject_of(tested, "callback", options)
    findings = subject.findings()
    with findings.watching("building it"):
        callback = _build(subject)
        found = [name for name in dir(callback) if name.startswith("on_") and callable(getattr(callback, name))]
        known = [name for name in found if name in METHODS]
        findings.require(bool(known), "it has no method that is ever called", f"define one of {', '.join(METHODS)}")
        for name in sorted(set(found) - set(METHODS)):
            findings.require(False, f"nothing calls {name}()", suggest(name, METHODS))
    findings.raise_any()


def _build(subject: Subject) -> Any:
    try:
        return subject.build()
    except EnvironmentProblem as error:
        raise NotCheckable(f"{subject.label}: {error.message}", hint=error.hint) from error
