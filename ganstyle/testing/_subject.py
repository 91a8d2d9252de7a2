"""A component under test: resolved, with validated options; its options are checked here, too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ganstyle.api import KINDS, Component, Options, make_options
from ganstyle.errors import GanstyleError
from ganstyle.registry import SINGLE_KINDS, PluginStatus, Registry, option_prefix
from ganstyle.testing._findings import ConformanceError, Findings

Tested = Component | Callable[..., Any]
"""A record, or a component's target alone."""


@dataclass(frozen=True)
class Subject:
    """What a check works on.

    Attributes:
        component: the record.
        target: its callable.
        options: validated.
    """

    component: Component
    target: Callable[..., Any]
    options: Options

    @property
    def label(self) -> str:
        """How messages call it."""
        return f"{self.component.kind} {self.component.name!r}"

    def build(self, *args: Any, **kwargs: Any) -> Any:
        """Call the target with the options; errors pass as they are."""
        return self.target(self.options, *args, **kwargs)

    def findings(self) -> Findings:
        """Return an empty collection in the component's name."""
        return Findings(self.label)


def subject_of(tested: Tested, kind: str, options: Mapping[str, Any] | None = None) -> Subject:
    """Resolve a component and check its options.

    Args:
        tested: a record of the kind, or the target alone.
        kind: e.g. `loss`.
        options: for the component; missing ones take their defaults.

    Raises:
        ConformanceError: wrong kind, no target, or options that aren't declared as the contract says.
    """
    component = tested if isinstance(tested, Component) else KINDS[kind]("under_test", "Under test.", tested)
    label = f"{component.kind} {component.name!r}"
    if component.kind != kind:
        raise ConformanceError(label, [f"a {kind} was expected; use check_{type(component).__name__.lower()}"])
    registry = Registry()
    registry.add(PluginStatus("under:test", "test", "under", "0", components=(component,)))
    findings = Findings(label)
    try:
        target, model = registry.resolve(component), registry.options_model(component)
        _check_options(model, component, findings)
        findings.raise_any()
        return Subject(
            component, target, make_options(model, options or {}, prefix=option_prefix(kind, component.name))
        )
    except ConformanceError:
        raise
    except GanstyleError as error:
        raise ConformanceError(label, [f"{error.message} {error.where}"]) from error


def _check_options(model: type[Options], component: Component, findings: Findings) -> None:
    for name, field in model.model_fields.items():
        findings.require(not field.is_required(), f"option {name!r} has no default", "give every option a default")
        findings.require(bool(field.description), f"option {name!r} has no description", "Field(description=...)")
    if component.kind in SINGLE_KINDS:
        findings.require("name" not in model.model_fields, "an option is called 'name'", "rename it: recipes use it")
    strict = {key: model.model_config.get(key) for key in ("frozen", "extra", "strict", "allow_inf_nan")}
    kept = strict == {"frozen": True, "extra": "forbid", "strict": True, "allow_inf_nan": False}
    findings.require(kept, f"{model.__name__} changes model_config: {strict}", "leave the configuration of Options")
    if not findings.failures:
        with findings.watching("reading the default options back from JSON"):
            defaults = model()
            again = make_options(model, defaults.model_dump(mode="json"), prefix=component.kind)
            findings.require(again == defaults, f"options differ after JSON: {again!r}", "use plain types")
