"""The plugin's table of components; a listing reads this alone, so it imports no torch."""

from __future__ import annotations

from collections.abc import Iterable

from ganstyle.api import Architecture, Component, Evaluator, Loss, hookimpl

ganstyle_api = 1


@hookimpl
def ganstyle_components() -> Iterable[Component]:
    """Return what the plugin adds; a target is imported when it is used for the first time."""
    yield Architecture(
        "example",
        "Small residual networks for pictures of any size.",
        "ganstyle_example.networks:build_networks",
        recipe={"optimizer.lr": 2e-4, "optimizer.betas": [0.0, 0.99]},
    )
    yield Loss("example", "Hinge with a margin.", "ganstyle_example.losses:Hinge", "arXiv:1705.02894")
    yield Evaluator("example", "Distance of the colour histograms.", "ganstyle_example.metrics:ColourDistance")
