"""ganstyle: learn, store and apply image styles with GANs. Importing it imports no torch.

>>> import ganstyle
>>> result = ganstyle.train(arch="dcgan", loss="bce", images=2000)     # doctest: +SKIP
>>> pictures = ganstyle.generate(result.folder, count=16, seed=0)      # doctest: +SKIP
>>> painting = ganstyle.transfer("photo.jpg", style="monet")           # doctest: +SKIP
>>> scores = ganstyle.evaluate(pictures, "photos/", metrics=["fid"])   # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import torch
    from PIL.Image import Image
    from torch import Tensor

    from ganstyle.api import Component
    from ganstyle.engine.evaluation import Score
    from ganstyle.engine.training import FitResult

__version__ = "0.1.0"
__all__ = ["__version__", "components", "evaluate", "generate", "styles", "train", "transfer"]

AnyPath = str | PathLike[str]
AnyImage = "AnyPath | Image | np.ndarray | Tensor"


def train(
    *,
    arch: str | None = None,
    loss: str | None = None,
    data: AnyPath | None = None,
    images: int | None = None,
    recipe: AnyPath | Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    runs: AnyPath = "runs",
    reporter: Any = None,
) -> FitResult:
    """Train networks in a new run.

    Args:
        arch: architecture, default dcgan; `components("arch")` lists them.
        loss: adversarial loss, default bce.
        data: folder, zip file or name of a data set; default the embedded paintings.
        images: budget of training images shown.
        recipe: TOML file, or its content.
        options: further keys as on the command line, e.g. `{"arch.z_dim": 64, "train.batch": 16}`.
        runs: folder of the numbered runs.
        reporter: object with `update(done, **facts)` and `say(text)`; default silent.

    Returns:
        The run's folder, model file and newest preview.

    Raises:
        UsageError: unknown name, key or value.
        NoInputError: no usable picture.
        Stopped: interrupted, after saving; go on with `ganstyle train --run FOLDER`.
        DivergedError, EnvironmentProblem: as their names say.
    """
    from pathlib import Path

    from ganstyle.config import config_to_dict, resolve, validate
    from ganstyle.engine.run import Run
    from ganstyle.engine.training import fit
    from ganstyle.registry import default_registry

    registry = default_registry()
    place = None if data is None else str(data)
    flags = {"arch": arch, "loss": loss, "data": place, "train.images": images, **(options or {})}
    given = {key: value for key, value in flags.items() if value is not None}
    source = recipe if recipe is None or isinstance(recipe, Mapping) else Path(recipe)
    config = resolve(registry, recipe=source, flags=given)
    validate(config, registry)
    run = Run.create(Path(runs), config_to_dict(config), config.arch.name)
    with run.lock():
        return fit(config, registry=registry, run=run, reporter=reporter)


def generate(
    source: AnyPath, *, count: int = 16, seed: int = 0, style: str | None = None, device: str = "auto"
) -> Tensor:
    """Sample pictures from a run or a model file.

    Args:
        source: run folder or model file.
        count: how many pictures.
        seed: equal seeds give equal pictures.
        style: a label by name, for conditional models.
        device: auto, cpu, cuda or mps.

    Returns:
        uint8 (count, 3, H, W) on the CPU.

    Raises:
        NoInputError: no model there.
        ModelError: an unsafe, damaged or foreign file.
    """
    from ganstyle.engine.device import choose_device
    from ganstyle.engine.generation import generate as sample
    from ganstyle.registry import default_registry

    place = choose_device(device)
    return sample(source, registry=default_registry(), count=count, seed=seed, style=style, device=place)


def components(kind: str) -> list[Component]:
    """Return the components of a kind: arch, loss, regularizer, metric, data, task or callback.

    Raises:
        UsageError: there is no such kind.
    """
    from ganstyle.registry import default_registry

    return default_registry().components(kind)


def styles() -> list[str]:
    """Return the names of the stored styles: the shipped ones and the user's own."""
    from ganstyle.style.bank import StyleBank

    return StyleBank().names()
