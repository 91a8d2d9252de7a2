"""Built-in data sets: the embedded pictures, folders, zips, prepared caches, torchvision's sets."""

from __future__ import annotations

from collections.abc import Iterable

from ganstyle.api import Component, Dataset, hookimpl

ganstyle_api = 1


@hookimpl
def ganstyle_components() -> Iterable[Component]:
    """Return the data sets."""
    yield Dataset("embedded", "Public-domain paintings and free photographs, installed with ganstyle.", _at("builtin"))
    yield Dataset("folder", "Pictures in a folder; sub-folders are labels (styles).", _at("folder"))
    yield Dataset("zip", "Pictures in a zip, read in place; its folders are labels (styles).", _at("zipped"))
    yield Dataset("cache", "A cache written by `ganstyle data prepare`; trains without decoding.", _at("cached"))
    yield Dataset("mnist", "Handwritten digits (idx files), by torchvision.", _at("torchvision_sets", "mnist"))
    yield Dataset("cifar10", "Tiny photographs of ten classes, by torchvision.", _at("torchvision_sets", "cifar10"))
    yield Dataset(
        "image_folder",
        "ImageNet-style folders, one per class, by torchvision.",
        _at("torchvision_sets", "image_folder"),
    )


def _at(module: str, name: str = "") -> str:
    return f"ganstyle_data.{module}:build{'_' + name if name else ''}"
