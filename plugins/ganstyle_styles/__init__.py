"""Built-in style transfer: the stylizer `adastyle`, its task and its data."""

from __future__ import annotations

from collections.abc import Iterable

from ganstyle.api import Architecture, Component, Dataset, Task, hookimpl

ganstyle_api = 1


@hookimpl
def ganstyle_components() -> Iterable[Component]:
    """Yield the components."""
    yield Architecture(
        "adastyle",
        "Repaints a photo in any stored style at any size; a style is 1512 numbers.",
        "ganstyle_styles.adastyle:build_adastyle",
        "arXiv:1703.06868",
        recipe={
            "task": "adastyle",
            "data": "content_style",
            "loss": "hinge",
            "optimizer.lr": 1e-3,
            "optimizer.betas": [0.5, 0.99],
            "optimizer.schedule": "cosine",
            "train.batch": 2,
            "train.resolution": 192,
            "train.memory_format": "channels_last",
            "preprocess.crop": "none",
            "preprocess.flip": False,
        },
        weights="ganstyle_styles:weights/adastyle.safetensors",
        styles="ganstyle_styles:styles",
        default_style="van_gogh",  # strong strokes, known to everyone; `aivazovsky`, the first by name, is soft
        graph="ganstyle_styles.graph:build_graph",
    )
    yield Task(
        "adastyle",
        "Style by Gram matrices and a style-conditional rival, layout by deeper features.",
        "ganstyle_styles.tasks:AdaStyleTask",
        "arXiv:1703.06868",
    )
    yield Dataset(
        "content_style",
        "A photo and two crops of one painting; default: the embedded pictures.",
        "ganstyle_styles.content_style:build_content_style",
    )
