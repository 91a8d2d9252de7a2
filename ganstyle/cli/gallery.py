"""What `ganstyle generate` writes: samples, edits along a direction, tables of mixtures, moving loops."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganstyle.cli.output import Output
from ganstyle.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from ganstyle.engine.generation import Sampler
    from ganstyle.engine.latents import Latents, Pick
    from ganstyle.engine.model import Model

GRID = 64  # pictures on the grid of a large count
CELL = 256  # longest side of a picture on a grid, in pixels


@dataclass(frozen=True)
class Wish:
    """What the options ask for, checked as far as it goes without a model."""

    seed: int
    count: int
    seeds: list[int] | None = None
    codes: list[Path] = field(default_factory=list)
    styles: dict[str, float] | None = None
    truncation: float | None = None
    layers: list[int] | None = None
    direction: int | None = None
    strengths: list[float] = field(default_factory=list)
    table: tuple[int, int] | None = None
    keys: int | None = None
    frames: int = 24
    fps: float = 24.0
    suffix: str = ".png"
    grid: bool = True

    @property
    def name(self) -> str:
        """The middle of file names."""
        if self.codes:
            return self.codes[0].name.partition(".")[0]
        return f"seed{self.seed}" if self.seeds is None else f"seeds{_short(self.seeds)}"

    @property
    def mode(self) -> str:
        """One of samples, edits, mix, loop."""
        chosen = {"loop": self.keys, "mix": self.table, "edits": self.direction}
        return next((mode for mode, value in chosen.items() if value), "samples")


def _short(seeds: Sequence[int]) -> str:
    consecutive = len(seeds) > 2 and list(seeds) == list(range(seeds[0], seeds[-1] + 1))
    return f"{seeds[0]}-{seeds[-1]}" if consecutive else "_".join(map(str, seeds[:8]))


def _picks(wish: Wish, count: int | None = None) -> list[Pick]:
    from ganstyle.engine.latents import Pick

    if wish.seeds is not None:
        return [Pick(seed) for seed in wish.seeds]
    return [Pick(wish.seed, index) for index in range(wish.count if count is None else count)]


def _sampler(model: Model, wish: Wish) -> Sampler:
    from ganstyle.engine.generation import Sampler

    return Sampler(model, style=wish.styles, truncation=wish.truncation)


def _latents(sampler: Sampler, wish: Wish, count: int | None = None) -> Latents:
    from ganstyle.engine.codes import code_latents, joined

    if wish.codes:
        return joined([code_latents(path, sampler) for path in wish.codes])
    return sampler.latents(_picks(wish, count))


def _samples(model: Model, wish: Wish, folder: Path, output: Output) -> tuple[list[Path], Path | None]:
    from ganstyle.data.writing import save_image

    _check_pictures(wish, model)
    names, pictures = _named_pictures(model, wish)
    written: list[Path] = []
    shown: list[Tensor] = []
    with output.progress("writing", len(names)) as progress:
        for name, picture in zip(names, pictures, strict=True):
            settings = _provenance(model, wish, name)
            written.append(save_image(picture, folder / f"{name}{wish.suffix}", provenance=settings))
            if wish.grid and len(shown) < GRID:
                shown.append(_small(picture))
            progress.advance(1)
    labels = [f"seed {seed}" for seed in wish.seeds[:GRID]] if wish.seeds else None
    sheet = _page(shown, model, wish, folder / f"grid-{wish.name}.png", labels=labels) if len(shown) > 1 else None
    return written, sheet


def _check_pictures(wish: Wish, model: Model) -> None:
    """Refuse an extension before anything is made.

    Raises:
        UsageError: it is unknown, or can't hold pictures of this size.
    """
    from ganstyle.data.writing import check_target

    check_target(f"picture{wish.suffix}", (model.image.width, model.image.height))


def _named_pictures(model: Model, wish: Wish) -> tuple[list[str], Iterator[Tensor]]:
    from ganstyle.engine.generation import has_latents, sample_model
    from ganstyle.registry import default_registry

    if wish.codes:
        sampler = _sampler(model, wish)
        names = [path.name.partition(".")[0] for path in wish.codes]
        return names, _one_by_one(sampler.render(_latents(sampler, wish)))
    picks = _picks(wish)
    names = [f"seed{pick.seed}-{pick.index:05d}" for pick in picks]
    if has_latents(model):
        return names, _one_by_one(_sampler(model, wish).pictures(picks))
    styles = next(iter(wish.styles)) if wish.styles and len(wish.styles) == 1 else wish.styles
    pictures = sample_model(model, registry=default_registry(), count=wish.count, seed=wish.seed, style=styles)
    return names, iter(pictures)


def _one_by_one(groups: Iterator[Tensor]) -> Iterator[Tensor]:
    for group in groups:
        yield from group


def _edits(model: Model, wish: Wish, folder: Path, output: Output) -> tuple[list[Path], Path | None]:
    from ganstyle.data.writing import save_image
    from ganstyle.engine.directions import edited

    _check_pictures(wish, model)
    sampler, number = _sampler(model, wish), wish.direction or 1
    strengths = wish.strengths
    layers = _checked_layers(sampler, wish)
    latents = edited(sampler.space, _latents(sampler, wish), number=number, strengths=strengths, layers=layers)
    with output.progress("making", len(latents)) as progress:
        pictures = list(_counted(sampler.render(latents), progress))
    if len(strengths) > 1:
        labels = [f"{strength:+.3g}" if strength else "0" for strength in strengths]
        path = folder / f"direction{number}-{wish.name}.png"
        return [_page(pictures, model, wish, path, labels=labels, columns=len(strengths))], None
    names = [f"{wish.name}-{index:05d}-direction{number}{strengths[0]:+.3g}" for index in range(len(pictures))]
    return [
        save_image(picture, folder / f"{name}{wish.suffix}", provenance=_provenance(model, wish, name))
        for name, picture in zip(names, pictures, strict=True)
    ], None


def _mix(model: Model, wish: Wish, folder: Path, output: Output) -> tuple[list[Path], Path | None]:
    from ganstyle.engine.latents import Latents, Pick

    sampler = _sampler(model, wish)
    rows, columns = wish.table or (1, 1)
    layers = _checked_layers(sampler, wish)
    coarse = range(sampler.space.shape[0] // 2) if layers is None else layers
    sources = sampler.latents([Pick(wish.seed, index) for index in range(rows + columns)])
    mixed = sampler.space.mixed(sources[:rows], sources[rows:], list(coarse))
    every = Latents(_stacked(sources.codes, mixed.codes))
    with output.progress("making", len(every)) as progress:
        made = list(_counted(sampler.render(every), progress))
    # On top the sources of the columns' layers, on the left those of all else.
    corner = made[0].new_full(made[0].shape, 250)
    page = [corner, *made[rows : rows + columns]]
    for row in range(rows):
        start = rows + columns + row * columns
        page += [made[row], *made[start : start + columns]]
    path = folder / f"mix-{wish.name}.png"
    return [_page(page, model, wish, path, columns=columns + 1)], None


def _stacked(*parts: Tensor) -> Tensor:
    import torch

    return torch.cat(parts)


def _checked_layers(sampler: Sampler, wish: Wish) -> list[int] | None:
    count = sampler.space.shape[0]
    if wish.layers and max(wish.layers) >= count:
        raise UsageError(
            f"there is no layer {max(wish.layers)}; this generator has layers 0 to {count - 1}", where="--layers"
        )
    return wish.layers


def _loop(model: Model, wish: Wish, folder: Path, output: Output) -> tuple[list[Path], Path | None]:
    from ganstyle.data.animation import check_animation, save_animation

    sampler, keys = _sampler(model, wish), wish.keys or 2
    path = folder / f"loop-{wish.name}{wish.suffix}"
    size = (model.image.width, model.image.height)
    check_animation(path, frames=keys * wish.frames, size=size)
    latents = _latents(sampler, wish, keys)
    path_through = sampler.space.loop(latents, wish.frames)
    with output.progress("making", len(path_through)) as progress:
        frames = _counted(sampler.render(path_through), progress)
        settings = _provenance(model, wish, wish.name)
        return [save_animation(frames, path, fps=wish.fps, provenance=settings)], None


_Mode = Callable[["Model", Wish, Path, Output], tuple[list[Path], Path | None]]
MODES: dict[str, _Mode] = {"samples": _samples, "edits": _edits, "mix": _mix, "loop": _loop}


def _counted(groups: Iterator[Tensor], progress: Any) -> Iterator[Tensor]:
    for picture in _one_by_one(groups):
        progress.advance(1)
        yield picture


def _provenance(model: Model, wish: Wish, name: str) -> dict[str, Any]:
    facts: dict[str, Any] = {"arch": model.card.arch.name, "weights_sha256": model.weights_sha256, "picture": name}
    wanted = {
        "style": wish.styles,
        "truncation": wish.truncation,
        "layers": wish.layers,
        "direction": wish.direction,
        "strengths": wish.strengths or None,
        "frames": wish.frames if wish.keys else None,
        "codes": [path.name for path in wish.codes] or None,
        "seed": None if wish.codes or wish.seeds else wish.seed,
        "seeds": wish.seeds if wish.seeds and len(wish.seeds) <= GRID else None,
    }
    return facts | {key: value for key, value in wanted.items() if value is not None}


def _small(picture: Tensor) -> Tensor:
    """Return what a grid shows of a picture, so that 64 large ones still fit into memory."""
    from ganstyle.functional.images import resize

    height, width = picture.shape[1:]
    if max(height, width) <= CELL:
        return picture
    scale = CELL / max(height, width)
    sides = max(1, round(height * scale)), max(1, round(width * scale))
    return resize(picture[None].float(), *sides)[0].round().clamp(0, 255).byte()


def _page(
    pictures: list[Tensor],
    model: Model,
    wish: Wish,
    path: Path,
    *,
    columns: int | None = None,
    labels: list[str] | None = None,
) -> Path:
    from ganstyle.data.sheets import contact_sheet
    from ganstyle.data.writing import save_image

    columns = columns or max(1, round(len(pictures) ** 0.5))
    zoom = max(1, 96 // max(pictures[0].shape[1:]))
    sheet = contact_sheet([_small(picture) for picture in pictures], columns=columns, labels=labels, zoom=zoom)
    return save_image(sheet, path, provenance=_provenance(model, wish, path.stem))
