"""Fit a style code to its works: the generator is frozen, only the code's numbers move."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganstyle.nn.encoders import EfficientNetLite0, load_backbone
from ganstyle.nn.modules import device_of, frozen

from .crops import as_input, log_uniform, random_crop
from .perceptual import CONTENT_TAPS, GRAM_TAPS, LAST_BLOCK, perceptual_parts

if TYPE_CHECKING:
    from .adastyle import Stylizer

Progress = Callable[[int, int], object]


@dataclass(frozen=True)
class FitOptions:
    """How a code is fitted.

    Attributes:
        content: weight of the photo's layout.
        style: weight of Gram matrices and moments.
        variation: weight of total variation.
        lr: Adam's rate at the start; it falls to a tenth along half a cosine.
        batch: photos painted per step.
        crop: side of a crop in pixels.
        short_side: range of the short side that works and photos are scaled to.
    """

    content: float = 0.5
    style: float = 5.0
    variation: float = 0.3
    lr: float = 1e-2
    batch: int = 4
    crop: int = 160
    short_side: tuple[float, float] = (176.0, 416.0)


@dataclass(frozen=True)
class FittedCode:
    """A code and how its loss fell.

    Attributes:
        code: float32 (D,).
        losses: the weighted loss of every step.
    """

    code: Tensor
    losses: tuple[float, ...]


def fit_code(
    stylizer: Stylizer,
    works: Sequence[Tensor],
    photos: Sequence[Tensor],
    *,
    code: Tensor | None = None,
    steps: int = 200,
    seed: int = 0,
    options: FitOptions | None = None,
    progress: Progress | None = None,
) -> FittedCode:
    """Fit one code to works of one style; equal seeds give equal codes on a CPU.

    Every step aims at one work: the average of many works is a bland style.

    Args:
        stylizer: not changed.
        works: uint8 (3, H, W) each.
        photos: uint8 (3, H, W) each, what is painted meanwhile.
        code: float32 (D,) to start from; `None` takes the mean of the works' own codes.
        steps: gradient steps.
        seed: of the crops and the order of works.
        options: default `FitOptions()`.
        progress: called with (steps done, steps).

    Raises:
        ValueError: no work or no photo.
    """
    if not works or not photos:
        raise ValueError(f"fitting needs works and photos, got {len(works)} and {len(photos)}")
    options = options or FitOptions()
    device = device_of(stylizer)
    backbone = load_backbone("efficientnet-lite0", last_block=LAST_BLOCK).to(device)
    start = code if code is not None else _mean_code(stylizer, works)
    found = start.detach().to(device).float().reshape(1, -1).clone().requires_grad_()
    adam = torch.optim.Adam([found], lr=options.lr, betas=(0.9, 0.99))
    generator = torch.Generator().manual_seed(seed)
    losses: list[Tensor] = []
    with frozen(stylizer.eval()), torch.enable_grad():
        for step in range(steps):
            adam.param_groups[0]["lr"] = options.lr * _rate(step / steps)
            content = _photo_crops(photos, options, generator=generator).to(device)
            work = _crop(_pick(works, generator), options, generator=generator)[None]
            maps = _target_maps(backbone, content, as_input(work).to(device))
            painted = stylizer.stylize(content, found, seed=seed + step)
            parts = perceptual_parts(backbone, painted, content_maps=maps[0], style_maps=maps[1])
            loss = sum((getattr(options, name) * part for name, part in parts.items()), found.new_zeros(()))
            adam.zero_grad()
            loss.backward()
            adam.step()
            losses.append(loss.detach())
            if progress is not None:
                progress(step + 1, steps)
    return FittedCode(found.detach()[0].cpu(), tuple(float(loss) for loss in losses))


def _rate(fraction: float) -> float:
    """Return the share of the first rate: from 1 to a tenth along half a cosine."""
    return 0.1 + 0.45 * (1 + math.cos(math.pi * fraction))


@torch.no_grad()
def _mean_code(stylizer: Stylizer, works: Sequence[Tensor]) -> Tensor:
    """Return the mean of the codes of all works."""
    device = device_of(stylizer)
    return torch.cat([stylizer.encode(as_input(work[None]).to(device)) for work in works]).mean(0)


@torch.no_grad()
def _target_maps(backbone: EfficientNetLite0, content: Tensor, work: Tensor) -> tuple[dict[str, Tensor], ...]:
    """Return the photos' maps and the work's maps that the painting is compared with."""
    return backbone(content, CONTENT_TAPS), backbone(work, GRAM_TAPS)


def _pick(images: Sequence[Tensor], generator: torch.Generator) -> Tensor:
    """Return one of the pictures."""
    return images[int(torch.randint(len(images), (), generator=generator))]


def _crop(image: Tensor, options: FitOptions, *, generator: torch.Generator) -> Tensor:
    """Return a random square of the picture, uint8 (3, crop, crop)."""
    side = log_uniform(options.short_side, generator)
    return random_crop(image, options.crop, short_side=side, generator=generator)


def _photo_crops(photos: Sequence[Tensor], options: FitOptions, *, generator: torch.Generator) -> Tensor:
    """Return random photo crops, float32 (batch, 3, crop, crop) in [-1, 1]."""
    crops = [_crop(_pick(photos, generator), options, generator=generator) for _ in range(options.batch)]
    return as_input(torch.stack(crops))
