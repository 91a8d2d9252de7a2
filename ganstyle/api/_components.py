"""Records: a component is a name, a sentence and a callable."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_RESOURCE = re.compile(r"[A-Za-z_][\w.]*:[\w-][\w.-]*(/[\w-][\w.-]*)*")


@dataclass(frozen=True)
class Component:
    """One contribution of a plugin.

    Attributes:
        name: what users type; lower case letters, digits and underscores, at most 40.
        summary: one sentence for listings.
        target: a callable, or `"package.module:attribute"`, imported on first use only.
        reference: paper, e.g. `"arXiv:1511.06434"`.

    Raises:
        ValueError: a field has the wrong form (the loader reports it in `ganstyle doctor`).
    """

    kind: ClassVar[str] = ""

    name: str
    summary: str
    target: str | Callable[..., Any]
    reference: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise ValueError(f"component name {self.name!r} must match {_NAME.pattern}")
        if not isinstance(self.summary, str) or not self.summary.strip() or "\n" in self.summary:
            raise ValueError(f"component {self.name!r} needs a one-line summary")
        if not callable(self.target) and not (isinstance(self.target, str) and _TARGET.fullmatch(self.target)):
            raise ValueError(f"component {self.name!r}: target {self.target!r} is neither callable nor 'module:attr'")


@dataclass(frozen=True)
class Architecture(Component):
    """Networks: `build(options, image) -> {role: Module}`.

    Attributes:
        recipe: dotted configuration keys that suit this architecture, e.g. `{"optimizer.lr": 1e-3}`;
            weaker than a recipe file and `--set`.
        weights: a trained model file in the plugin's package, `"package:folder/file.safetensors"`;
            of an architecture with a `stylizer` it is a base model for `ganstyle transfer`.
        styles: the folder of style files made for those weights, `"package:folder"`.
        default_style: the name of one of them, for users who name none; empty is the first.
        graph: how a stylizer paints without torch, a callable or `"package.module:attribute"`:
            `build(options, weights, open_session)` gets the options of the model as a plain dictionary, its
            weights as NumPy arrays by their names in the stylizer's state, and a function that makes the bytes of an
            ONNX model callable (inputs by name to the list of outputs). It returns an object with `code_length`,
            `paint_tile`, `measure` and `release`, see `ganstyle.style.painters.TilePainter`, and perhaps
            `encode(picture)`: uint8 (H, W, 3) of any size to its style code, float32 (D,); without it the network
            encodes. Empty: torch paints. A stylizer whose styles may change its layers has an attribute
            `adapter_length`, as has what the graph builds: a code may then be followed by so many numbers, which
            `stylize`, `measure` and `paint_tile` take as one vector with it, zeros meaning no change; its
            `fitting` takes the keyword `adapter`, whether to fit them. Without the attribute styles are codes only.

    Raises:
        ValueError: as for every component, or a resource of the wrong form.
    """

    kind: ClassVar[str] = "arch"
    recipe: Mapping[str, Any] = field(default_factory=dict)
    weights: str = ""
    styles: str = ""
    default_style: str = ""
    graph: str | Callable[..., Any] = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        for resource in (self.weights, self.styles):
            if not isinstance(resource, str) or (resource and not _RESOURCE.fullmatch(resource)):
                raise ValueError(f"component {self.name!r}: resource {resource!r} is not 'package:path/in/package'")
        if self.graph and not callable(self.graph) and not _TARGET.fullmatch(str(self.graph)):
            raise ValueError(f"component {self.name!r}: graph {self.graph!r} is neither callable nor 'module:attr'")


@dataclass(frozen=True)
class Loss(Component):
    """Adversarial loss: `build(options) -> LossLike`."""

    kind: ClassVar[str] = "loss"


@dataclass(frozen=True)
class Regularizer(Component):
    """Penalty on a network: `build(options) -> RegularizerLike`."""

    kind: ClassVar[str] = "regularizer"


@dataclass(frozen=True)
class Evaluator(Component):
    """Metric: `build(options, device) -> EvaluatorLike`.

    Attributes:
        compat: name of another tool to the options that make this metric follow its protocol, e.g.
            `{"pytorch-fid": {"resize": "pytorch"}}`; `ganstyle eval --compat NAME` scores all metrics that name it.
    """

    kind: ClassVar[str] = "metric"
    compat: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Dataset(Component):
    """Data set: `build(options, split) -> DatasetLike`.

    Attributes:
        folder: the option that takes the folder or file of `--data` where an architecture's recipe names this data
            set; empty: `--data FOLDER` is then another data set, `folder` or `zip`.
    """

    kind: ClassVar[str] = "data"
    folder: str = ""


@dataclass(frozen=True)
class Task(Component):
    """What is minimised: `build(options, networks, *, loss, penalties) -> TaskLike`."""

    kind: ClassVar[str] = "task"


@dataclass(frozen=True)
class Callback(Component):
    """Observer of a run: `build(options) -> CallbackLike`."""

    kind: ClassVar[str] = "callback"


@dataclass(frozen=True)
class Backbone(Component):
    """Frozen network that losses look at pictures with: `build(options) -> BackboneLike`."""

    kind: ClassVar[str] = "backbone"


KINDS: Mapping[str, type[Component]] = {
    record.kind: record for record in (Architecture, Loss, Regularizer, Evaluator, Dataset, Task, Callback, Backbone)
}
