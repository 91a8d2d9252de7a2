"""ganstyle: learn, store and apply image styles with GANs. Importing it imports no torch.

>>> import ganstyle
>>> result = ganstyle.train(arch="dcgan", loss="bce", images=2000)     # doctest: +SKIP
>>> pictures = ganstyle.generate(result.folder, count=16, seed=0)      # doctest: +SKIP
>>> painting = ganstyle.transfer("photo.jpg", style="monet")           # doctest: +SKIP
>>> scores = ganstyle.evaluate(pictures, "photos/", metrics=["fid"])   # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from ganstyle.api import Component
    from ganstyle.data.reading import ImageLike
    from ganstyle.engine.evaluation import Score
    from ganstyle.engine.projection import Found
    from ganstyle.engine.training import FitResult, Reporter
    from ganstyle.style.bank import Style

__version__ = "0.1.0"
__all__ = ["__version__", "components", "evaluate", "generate", "project", "styles", "train", "transfer"]

AnyPath = str | PathLike[str]


def train(
    *,
    arch: str | None = None,
    loss: str | None = None,
    data: AnyPath | None = None,
    preset: str | None = None,
    images: int | None = None,
    time: str | float | None = None,
    init_from: AnyPath | None = None,
    recipe: AnyPath | Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    runs: AnyPath = "runs",
    reporter: Reporter | None = None,
) -> FitResult:
    """Train networks in a new run.

    Args:
        arch: architecture, default dcgan; `components("arch")` lists them.
        loss: adversarial loss, default bce.
        data: folder, zip file or name of a data set; default the embedded paintings.
        preset: budget and size by a word: quick, good or best.
        images: budget of training images shown.
        time: budget as seconds or as text, e.g. "1h30m"; becomes a count of images, by measuring.
        init_from: run, checkpoint or model file of the same architecture whose weights are the start.
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

    from ganstyle.config import config_to_dict, parse_duration, resolve, validate
    from ganstyle.engine.automatic import settle
    from ganstyle.engine.reporting import Silent
    from ganstyle.engine.run import Run
    from ganstyle.engine.training import fit
    from ganstyle.registry import default_registry

    registry = default_registry()
    place = None if data is None else str(data)
    start = None if init_from is None else str(init_from)
    flags = {"arch": arch, "loss": loss, "data": place, "train.images": images, "train.init_from": start}
    flags |= options or {}
    given = {key: value for key, value in flags.items() if value is not None}
    source = recipe if recipe is None or isinstance(recipe, Mapping) else Path(recipe)
    config = resolve(registry, preset=preset, recipe=source, flags=given)
    validate(config, registry)
    config, lines = settle(config, registry, seconds=parse_duration(time) if isinstance(time, str) else time)
    for line in lines:
        (reporter or Silent()).say(line)
    run = Run.create(Path(runs), config_to_dict(config), config.arch.name)
    with run.lock():
        return fit(config, registry=registry, run=run, reporter=reporter)


def generate(
    source: AnyPath,
    *,
    count: int = 16,
    seed: int = 0,
    style: str | Mapping[str, float] | None = None,
    truncation: float | None = None,
    device: str = "auto",
) -> Tensor:
    """Sample pictures from a run, a checkpoint or a model file.

    Args:
        source: folder of a run or a checkpoint, or a model file.
        count: how many pictures.
        seed: equal seeds give equal pictures.
        style: a label by name, or weights by name, for conditional models.
        truncation: psi; below 1 fewer odd pictures and less variety, for generators with a mean code.
        device: auto, cpu, cuda or mps.

    Returns:
        uint8 (count, 3, H, W) on the CPU.

    Raises:
        NoInputError: no model there.
        ModelError: an unsafe, damaged or foreign file.
    """
    from pathlib import Path

    from ganstyle.engine.device import choose_device
    from ganstyle.engine.generation import generate as sample
    from ganstyle.registry import default_registry

    place = choose_device(device)
    return sample(
        Path(source),
        registry=default_registry(),
        count=count,
        seed=seed,
        style=style,
        truncation=truncation,
        device=place,
    )


def project(
    picture: ImageLike,
    source: AnyPath,
    *,
    steps: int = 300,
    seed: int = 0,
    style: str | None = None,
    device: str = "auto",
) -> Found:
    """Find the code whose picture is most like a given one.

    Args:
        picture: path, PIL image, array or tensor; its largest centred crop of the model's shape is taken.
        source: folder of a run or a checkpoint, or a model file.
        steps: of the search.
        seed: equal seeds find equal codes.
        style: a label by name; default the one that fits best.
        device: auto, cpu, cuda or mps.

    Returns:
        Its latents, its picture uint8 (3, H, W), the PSNR and the loss after each step.

    Raises:
        InputError: the picture can't be read.
        NoInputError, ModelError: no or no usable model.
    """
    from pathlib import Path

    from ganstyle.data.reading import as_tensor
    from ganstyle.engine.device import choose_device
    from ganstyle.engine.opening import open_model
    from ganstyle.engine.projection import Search, fitted
    from ganstyle.engine.projection import project as look_for
    from ganstyle.registry import default_registry

    pixels = as_tensor(picture)
    model = open_model(Path(source), registry=default_registry(), device=choose_device(device))
    styles = None if style is None else {style: 1.0}
    return look_for(model, fitted(pixels, model), search=Search(steps=steps, seed=seed), style=styles)


def transfer(
    photo: ImageLike, style: Style | ImageLike | None = None, *, device: str = "auto", **options: Any
) -> Image | Tensor:
    """Paint a photograph in a style.

    Args:
        photo: path, PIL image, array (H, W, 3|4) or tensor (3, H, W); uint8, or floats in [0, 1].
        style: name of a stored style, mixture (`"monet:0.6,van_gogh:0.4"`), or any picture; None with a `model` that
            translates to one kind of picture.
        device: auto, cpu, cuda or mps.
        options: strength, preserve_color, seed, max_size, model, ... of `ganstyle.style.transfer.transfer`.

    Returns:
        A tensor uint8 (3, H, W) for a tensor, else a PIL image, RGBA if the photograph has transparency.

    Raises:
        UsageError: an unknown style, or a value out of range.
        InputError: a picture that can't be used.
        ModelError: a style or model file that is damaged or foreign.
    """
    from ganstyle.style.transfer import transfer as paint

    return paint(photo, style, device=device, **options)


def evaluate(
    fake: Any,
    real: Any = None,
    *,
    metrics: Sequence[str] = ("fid",),
    options: Mapping[str, Any] | None = None,
    pairs: Iterable[tuple[Any, ...]] | None = None,
    styles: Mapping[str, Sequence[Tensor]] | None = None,
    device: str = "auto",
) -> list[Score]:
    """Score generated pictures.

    Args:
        fake: uint8 (N, 3, H, W), batches of it, paths, or the place of pictures: a folder, a zip, a data set by name.
        real: the pictures to compare with, likewise, or a `.npz` file of statistics; some metrics need none.
        metrics: names of evaluators.
        options: their options, e.g. `{"metric.fid.images": 1000}`.
        pairs: (picture, reference) for paired metrics, or (picture, reference, style); without it they compare
            generated pictures with one another.
        styles: the works of each style that pairs name: style -> its pictures, uint8 (3, H, W).
        device: auto, cpu, cuda or mps.

    Returns:
        At least one score for each metric, in order; one that failed has an error and no value.

    Raises:
        UsageError: unknown metric or option.
        NoInputError: no picture.
    """
    from ganstyle.config import resolve
    from ganstyle.engine.device import choose_device
    from ganstyle.engine.evaluation import evaluate as score
    from ganstyle.engine.sources import picture_set, reference_set
    from ganstyle.registry import default_registry

    registry, place = default_registry(), choose_device(device)
    fake = picture_set(fspath(fake), registry=registry) if isinstance(fake, str | PathLike) else fake
    real = reference_set(fspath(real), registry=registry) if isinstance(real, str | PathLike) else real
    chosen = resolve(registry, flags={"metric": ",".join(metrics), **(options or {})}).metric
    return score(chosen, registry=registry, fake=fake, real=real, pairs=pairs, styles=styles, device=place)


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
