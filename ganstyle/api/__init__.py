"""The plugin contract: all that a plugin needs to describe its components. Imports no torch."""

from ganstyle.api._components import (
    KINDS,
    Architecture,
    Callback,
    Component,
    Dataset,
    Evaluator,
    Loss,
    Regularizer,
    Task,
)
from ganstyle.api._hooks import API_VERSION, PROJECT, HookSpecs, hookimpl
from ganstyle.api._options import Options, describe_options, make_options, parse_value, suggest
from ganstyle.api._protocols import (
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

__all__ = [
    "API_VERSION",
    "KINDS",
    "PROJECT",
    "Architecture",
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
