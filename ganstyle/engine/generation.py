"""Pictures from a trained run, checkpoint or model file, without the data set, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from ganstyle.api import Batch, ImageSpec
from ganstyle.engine.latents import GROUP, SEED_STRIDE, CodeSpace, Latents, Pick, label_shares
from ganstyle.engine.model import Model
from ganstyle.engine.opening import MODEL_FILE, find_model, open_model
from ganstyle.errors import UsageError
from ganstyle.functional.images import to_bytes
from ganstyle.nn.modules import device_of
from ganstyle.registry import Registry

__all__ = [
    "GROUP",
    "MODEL_FILE",
    "Sampler",
    "find_model",
    "generate",
    "group_size",
    "has_latents",
    "open_model",
    "sample_model",
]

GROUP_PIXELS = 1 << 20  # of the pictures that are made at once: 16 of 256 pixels, 1 of 1024

Styles = str | Mapping[str, float]
"""A label by name, or weights by name."""


def generate(
    path: Path | str,
    *,
    registry: Registry,
    count: int = 16,
    seed: int = 0,
    style: Styles | None = None,
    truncation: float | None = None,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Sample pictures; the first k of a seed are the same for every count.

    Args:
        path: the folder of a run or a checkpoint, or a model file.
        registry: finds the architecture.
        count: how many pictures.
        seed: of the latents.
        style: a label by name or weights by name, for conditional models.
        truncation: psi, see `CodeSpace.truncated`.
        device: where to compute.

    Returns:
        uint8 (count, 3, H, W) on the CPU.

    Raises:
        NoInputError, ModelError: no or no usable model.
        UsageError: a style that the model does not know, or truncation that it does not have.
    """
    model = open_model(Path(path), registry=registry, device=device)
    return sample_model(model, registry=registry, count=count, seed=seed, style=style, truncation=truncation)


def sample_model(
    model: Model,
    *,
    registry: Registry,
    count: int,
    seed: int = 0,
    style: Styles | None = None,
    truncation: float | None = None,
) -> Tensor:
    """Sample a loaded model; see `generate`."""
    if not has_latents(model):
        return _sampled_by_task(model, registry, count=count, seed=seed, style=style)
    picks = [Pick(seed, index) for index in range(count)]
    return torch.cat(list(Sampler(model, style=style, truncation=truncation).pictures(picks)))


def has_latents(model: Model) -> bool:
    """Tell whether a model has a generator that makes pictures from latents alone."""
    return isinstance(getattr(model.networks.get("generator"), "z_dim", None), int)


class Sampler:
    """Pictures of a model with a latent space, a few at a time.

    Attributes:
        model: loaded.
        space: codes of its generator.
        truncation: psi, or None.
    """

    def __init__(self, model: Model, *, style: Styles | None = None, truncation: float | None = None) -> None:
        """Check what is wanted of a model.

        Raises:
            UsageError: no latents, an unknown style, or truncation without a mean code.
        """
        network = model.networks.get("generator", nn.Identity())
        self.model, self.space, self.truncation = model, CodeSpace(network), truncation
        self._shares = None if style is None else label_shares(weights_of(style), model.card.styles)
        self._size = group_size(model.image)
        if truncation is not None:
            self.latents([Pick(0)])

    @torch.inference_mode()
    def latents(self, picks: Sequence[Pick]) -> Latents:
        """Return the latents of picks, with the style and truncation that were asked for."""
        found = self.space.latents(picks, shares=self._shares)
        return found if self.truncation is None else self.space.truncated(found, self.truncation)

    def pictures(self, picks: Sequence[Pick]) -> Iterator[Tensor]:
        """Yield uint8 (b, 3, H, W) on the CPU, in the order of the picks; memory does not grow with their number."""
        for start in range(0, len(picks), GROUP):
            yield from self.render(self.latents(picks[start : start + GROUP]))

    @torch.inference_mode()
    def render(self, latents: Latents) -> Iterator[Tensor]:
        """Yield the pictures of any latents likewise."""
        for start in range(0, len(latents), self._size):
            part = latents[start : start + self._size]
            # Always as many at once: kernels that depend on the batch would give other last bits.
            rows = torch.arange(self._size, device=part.codes.device).clamp(max=len(part) - 1)
            yield _rgb(to_bytes(self.space.render(part[rows])[: len(part)])).cpu()


def group_size(image: ImageSpec) -> int:
    """Return how many pictures are made at once: the same for every count, fewer the larger they are."""
    return max(1, min(GROUP, GROUP_PIXELS // (image.height * image.width)))


def weights_of(style: Styles) -> Mapping[str, float]:
    """Return weights by name, also of a single name."""
    return {style: 1.0} if isinstance(style, str) else style


def _rgb(images: Tensor) -> Tensor:
    return images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images


@torch.inference_mode()
def _sampled_by_task(model: Model, registry: Registry, *, count: int, seed: int, style: Styles | None) -> Tensor:
    """Sample networks that only their task knows how to use."""
    task = model.task(registry)
    device = device_of(next(iter(model.networks.values())))
    condition = _condition(model, style, device)
    pictures = []
    for start in range(0, count, GROUP):
        generator = torch.Generator(device=device).manual_seed(seed * SEED_STRIDE + start)
        images = task.sample(model.networks, GROUP, generator=generator, batch=condition)
        pictures.append(to_bytes(images[: count - start]).cpu())
    return torch.cat(pictures)


def _condition(model: Model, style: Styles | None, device: torch.device) -> Batch | None:
    if style is None:
        return None
    shares = label_shares(weights_of(style), model.card.styles)
    if shares.max() < 1:
        raise UsageError(f"{model.card.arch.name} can't blend styles", where="option --style")
    return Batch({"labels": torch.full((GROUP,), int(shares.argmax()), device=device)})
