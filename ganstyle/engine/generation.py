"""Pictures from a trained run, checkpoint or model file, without the data set."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ganstyle.api import Batch, suggest
from ganstyle.data.writing import to_uint8
from ganstyle.engine.model import Model, load_model
from ganstyle.errors import NoInputError, UsageError
from ganstyle.registry import Registry

MODEL_FILE = "model.safetensors"
GROUP = 16  # pictures drawn from one generator; fixed, so that neither count nor memory changes them


def find_model(path: Path) -> Path:
    """Return the model file that a path means: the file itself, or that of a run's folder.

    Raises:
        NoInputError: there is none.
    """
    candidate = path / MODEL_FILE if path.is_dir() else path
    if candidate.is_file():
        return candidate
    raise NoInputError(
        f"no model at {str(path)!r}",
        where=str(candidate),
        hint="a run writes its model at every checkpoint; `ganstyle train` makes a run",
    )


def generate(
    path: Path | str,
    *,
    registry: Registry,
    count: int = 16,
    seed: int = 0,
    style: str | None = None,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Sample pictures; the first k of a seed are the same for every count.

    Args:
        path: a run's folder or a model file.
        registry: finds the architecture.
        count: how many pictures.
        seed: of the latents.
        style: a label by name, for conditional models.
        device: where to compute.

    Returns:
        uint8 (count, 3, H, W) on the CPU.

    Raises:
        NoInputError, ModelError: no or no usable model.
        UsageError: a style that the model does not know.
    """
    model = load_model(find_model(Path(path)), registry=registry, device=device)
    return sample_model(model, registry=registry, count=count, seed=seed, style=style)


@torch.inference_mode()
def sample_model(model: Model, *, registry: Registry, count: int, seed: int = 0, style: str | None = None) -> Tensor:
    """Sample a loaded model; see `generate`."""
    task = model.task(registry)
    device = next(iter(next(iter(model.networks.values())).parameters())).device
    pictures = []
    condition = _condition(model, style, device)
    for start in range(0, count, GROUP):
        generator = torch.Generator(device=device).manual_seed(seed * 1_000_003 + start)
        images = task.sample(model.networks, GROUP, generator=generator, batch=condition)
        pictures.append(to_uint8(images[: count - start]).cpu())
    return torch.cat(pictures)


def _condition(model: Model, style: str | None, device: torch.device) -> Batch | None:
    if style is None:
        return None
    if style not in model.card.styles:
        raise UsageError(
            f"this model has no style {style!r}; {suggest(style, model.card.styles)}", where="option --style"
        )
    return Batch({"labels": torch.full((GROUP,), model.card.styles.index(style), device=device)})
