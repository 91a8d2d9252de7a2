"""Built-in unpaired translation: from a folder of photographs to a folder of pictures that nobody matched to them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ganstyle.api import Architecture, Component, Dataset, Task, hookimpl

ganstyle_api = 1

_CUT, _CYCLE, _MANY = "arXiv:2007.15651", "arXiv:1703.10593", "arXiv:1912.01865"

_COMMON: dict[str, Any] = {
    "task": "cut",
    "data": "unpaired",
    "loss": "lsgan",
    "optimizer.lr": 2e-4,
    "optimizer.betas": [0.5, 0.999],
    "optimizer.schedule": "cosine",
    "train.batch": 4,
    "train.memory_format": "channels_last",
    "preprocess.scale": [0.5, 1.0],
}

# What painted within minutes: docs/results/translation.md. The papers' settings left the photographs as they were.
_PAINTING: dict[str, Any] = {
    "arch.coarse": 4,
    "arch.ups": "linear",
    "loss": "hinge",
    "optimizer.lr": 4e-4,
    "task.identity": False,
    "task.nce": 0.2,
    "task.d_lr_factor": 6.0,
    "preprocess.scale": [0.25, 0.45],
}


@hookimpl
def ganstyle_components() -> Iterable[Component]:
    """Yield the components."""
    yield Architecture(
        "cut",
        "Two folders, one direction: pieces of the result match pieces of the photograph.",
        "ganstyle_translation.architectures:build_cut",
        _CUT,
        recipe=_COMMON | _PAINTING,
    )
    yield Architecture(
        "fastcut",
        "As cut with a contrast 25 times as strong: keeps the layout, changes little.",
        "ganstyle_translation.architectures:build_cut",
        _CUT,
        recipe=_COMMON | {"task.identity": False, "task.nce": 5.0, "task.flip": True},
    )
    yield Architecture(
        "sincut",
        "One picture on each side: crops at all scales, compared across the batch.",
        "ganstyle_translation.architectures:build_cut",
        _CUT,
        recipe=_COMMON
        | {
            "arch.norm": "none",
            "loss": "bce",
            "regularizer": {"r1": {"gamma": 1.0, "every": 4}},
            "task.identity": False,
            "task.nce": 4.0,
            "task.rebuild": 1.0,
            "task.across": True,
            "train.batch": 16,
            "preprocess.scale": [0.15, 1.0],
        },
    )
    yield Architecture(
        "cyclegan",
        "Two folders, both directions: there and back again ends where it began.",
        "ganstyle_translation.architectures:build_cyclegan",
        _CYCLE,
        recipe=_COMMON | {"task": "cyclegan"},
    )
    yield Architecture(
        "multistyle",
        "A sub-folder for each kind of picture: each to each, by a drawn style or that of a picture.",
        "ganstyle_translation.architectures:build_multistyle",
        _MANY,
        recipe=_COMMON
        | {
            "task": "multistyle",
            "data": "domains",
            "loss": "bce",
            "regularizer": {"r1": {"gamma": 1.0, "every": 4}},
            "train.conditional": True,
            "train.batch": 8,
        },
    )
    yield from _tasks()
    yield from _data()


def _tasks() -> Iterable[Component]:
    yield Task("cut", "PatchNCE against one discriminator.", "ganstyle_translation.cut_task:CutTask", _CUT)
    yield Task(
        "cyclegan",
        "Cycles between two discriminators.",
        "ganstyle_translation.cycle_task:CycleTask",
        _CYCLE,
    )
    yield Task("multistyle", "Codes between many domains.", "ganstyle_translation.many_task:ManyTask", _MANY)


def _data() -> Iterable[Component]:
    yield Dataset(
        "unpaired",
        "Photographs, and pictures to imitate; default: the embedded photographs and Monets.",
        "ganstyle_translation.data:build_unpaired",
        folder="path",
    )
    yield Dataset(
        "domains",
        "A sub-folder for each kind of picture; default: the embedded paintings.",
        "ganstyle_translation.data:build_domains",
        folder="path",
    )
