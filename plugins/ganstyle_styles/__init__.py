"""Built-in style transfer: the stylizer `adastyle`, its task, its data, and the backbones that judge."""

from __future__ import annotations

from collections.abc import Iterable

from ganstyle.api import Architecture, Backbone, Component, Dataset, Task, hookimpl

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
    yield Backbone(
        "efficientnet_lite0",
        "EfficientNet-Lite0 of ImageNet; installs with ganstyle.",
        "ganstyle_styles.backbones:build_lite0",
        "arXiv:1905.11946",
    )
    yield Backbone(
        "vgg16",
        "VGG-16 of ImageNet, a download; ten times slower, the field's usual judge.",
        "ganstyle_styles.backbones:build_vgg16",
        "arXiv:1409.1556",
    )
    yield Backbone(
        "vgg19",
        "VGG-19 of ImageNet, a download; the network of Gatys et al.",
        "ganstyle_styles.backbones:build_vgg19",
        "arXiv:1409.1556",
    )


@hookimpl
def ganstyle_checks() -> Iterable[tuple[str, bool, str]]:
    """Return a line for each file of weights that a backbone needs."""
    from ganstyle_styles.backbones import backbone_checks

    return backbone_checks()
