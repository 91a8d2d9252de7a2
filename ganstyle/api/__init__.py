"""The plugin contract: all that a plugin needs to describe its components. Imports no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ganstyle.api._components import (
    KINDS,
    Architecture,
    Backbone,
    Callback,
    Component,
    Dataset,
    Evaluator,
    Loss,
    Regularizer,
    Task,
)
from ganstyle.api._hooks import API_VERSION, PROJECT, HookSpecs, hookimpl
from ganstyle.api._protocols import (
    BackboneLike,
    Batch,
    CallbackLike,
    DatasetLike,
    EvaluatorLike,
    ImageSpec,
    LossLike,
    Phase,
    RegularizerLike,
    TaskLike,
)
from ganstyle.api._words import parse_value, suggest

if TYPE_CHECKING:
    from ganstyle.api._options import Options, describe_options, make_options

__all__ = [
    "API_VERSION",
    "KINDS",
    "PROJECT",
    "Architecture",
    "Backbone",
    "BackboneLike",
    "Batch",
    "Callback",
    "CallbackLike",
    "Component",
    "Dataset",
    "DatasetLike",
    "Evaluator",
    "EvaluatorLike",
    "HookSpecs",
    "ImageSpec",
    "Loss",
    "LossLike",
    "Options",
    "Phase",
    "Regularizer",
    "RegularizerLike",
    "Task",
    "TaskLike",
    "describe_options",
    "hookimpl",
    "make_options",
    "parse_value",
    "suggest",
]

_LAZY = ("Options", "describe_options", "make_options")  # these need pydantic, which no listing should pay for


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ganstyle.api import _options

    value = globals()[name] = getattr(_options, name)
    return value
