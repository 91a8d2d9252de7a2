"""Fit a style code to its works: the generator is frozen, only the code's numbers move."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganstyle.api import LossLike
from ganstyle.functional.style import content_distance, total_variation
from ganstyle.nn.modules import device_of, frozen

from .backbones import named_backbone
from .crops import as_input
from .parts import random_crops, split_photos, split_works
from .perceptual import CONTENT_TAPS, GRAM_TAPS, colour_distance, light_distance
from .rival import Contest
from .windows import matched_windows, windowed_style_distance

if TYPE_CHECKING:
    from .adastyle import Stylizer

SCORE_SEED = 20_240_501
WINDOW = 64  # pixels; as in training
Maps = Mapping[str, Tensor]


@dataclass(frozen=True)
class FitOptions:
    """How a code is fitted and scored.

    Attributes:
        content: weight of the photo's layout.
        style: weight of Gram matrices and moments.
        light: weight of light and dark areas staying where they are, see `light_distance`.
        colour: weight of the distance between the colours of all paintings and of all works of a step.
        variation: weight of total variation.
        adversarial: weight of the rival's opinion, once it has learned.
        lr: Adam's rate at the start; it falls to a tenth along half a cosine.
        rival_lr: of the rival.
        ramp: shares of the budget between which the adversarial weight rises.
        batch: crops of photos painted per step, and of works that they are compared with.
        crop: side of a crop in pixels.
        work_side: range of the short side that works are scaled to.
        photo_side: range of the short side that photos are scaled to; large ones teach strokes in flat areas.
        scored: crops of photos, and as many of works, that a score is measured on.
    """

    content: float = 1.0
    style: float = 5.0
    light: float = 5.0
    colour: float = 3.0
    variation: float = 0.3
    adversarial: float = 0.7
    lr: float = 1e-2
    rival_lr: float = 4e-4
    ramp: tuple[float, float] = (0.05, 0.25)
    batch: int = 4
    crop: int = 128
    work_side: tuple[float, float] = (176.0, 416.0)
    photo_side: tuple[float, float] = (176.0, 640.0)
    scored: int = 8


class Fitting:
    """A code on its way to the works of one hand; equal seeds give equal codes on a CPU.

    Args:
        stylizer: not changed.
        works: uint8 (3, H, W) each; of many some are held back for `score`, see `split_works`.
        photos: uint8 (3, H, W) each, what is painted meanwhile; some are held back.
        code: float32 (D,) to start from.
        loss: adversarial loss of a rival that learns the works; `None` does without.
        seed: of the crops, the order of works and the rival.
        options: default `FitOptions()`.

    Raises:
        ValueError: no work or no photo.
    """

    def __init__(
        self,
        stylizer: Stylizer,
        works: Sequence[Tensor],
        photos: Sequence[Tensor],
        *,
        code: Tensor,
        loss: LossLike | None = None,
        seed: int = 0,
        options: FitOptions | None = None,
    ) -> None:
        if not works or not photos:
            raise ValueError(f"fitting needs works and photos, got {len(works)} and {len(photos)}")
        self.stylizer, self.options, self.seed, self.steps = stylizer.eval(), options or FitOptions(), seed, 0
        self.device = device_of(stylizer)
        self.backbone = named_backbone("efficientnet_lite0").to(self.device)
        self._code = code.detach().to(self.device).float().reshape(1, -1).clone().requires_grad_()
        self._adam = torch.optim.Adam([self._code], lr=self.options.lr, betas=(0.9, 0.99))
        rate = self.options.rival_lr
        self._contest = Contest(loss, device=self.device, lr=rate, seed=seed) if loss is not None else None
        self._works, held_works = split_works(works)
        self._photos, held_photos = split_photos(photos)
        self._examine(held_works, held_photos)
        self._generator = torch.Generator().manual_seed(seed)

    @property
    def code(self) -> Tensor:
        """Return a copy of the present code, float32 (D,), on the CPU."""
        return self._code.detach()[0].cpu().clone()

    def step(self, fraction: float) -> dict[str, float]:
        """Take one gradient step.

        Args:
            fraction: share of the budget that is done, in [0, 1]; sets the rate and the rival's weight.

        Returns:
            The parts of the loss before the step.
        """
        self._adam.param_groups[0]["lr"] = self.options.lr * rate_at(fraction)
        photos = self._crops(self._photos, self.options.photo_side, self.options.batch)
        works = self._crops(self._works, self.options.work_side, self.options.batch)
        with frozen(self.stylizer), torch.enable_grad():
            painted = self.stylizer.stylize(photos, self._code, seed=self.seed + self.steps)
            parts = self._parts(painted, photos, works)
            loss = sum((getattr(self.options, name) * part for name, part in parts.items()), photos.new_zeros(()))
            if self._contest is not None:
                self._contest.learn(works, painted)
                parts["adversarial"] = self._contest.judge(works, painted)
                loss = loss + self.options.adversarial * self._ramp(fraction) * parts["adversarial"]
            self._adam.zero_grad()
            loss.backward()
            self._adam.step()
        self.steps += 1
        return {name: float(part.detach()) for name, part in parts.items()}

    @torch.no_grad()
    def score(self, code: Tensor) -> dict[str, float]:
        """Return how a code does on works and photos that it isn't fitted to; always the same crops.

        Args:
            code: float32 (D,).

        Returns:
            `style`, `content`, `light`, `colour` and `total`, which weighs them as fitting does; lower is better.
        """
        painted = self.stylizer.stylize(self._exam, code.to(self.device)[None], seed=SCORE_SEED)
        maps = self.backbone(painted, {*GRAM_TAPS, *CONTENT_TAPS})
        parts = {
            "style": float(self._style(maps, self._exam_aims, self._exam_matching)),
            "content": float(content_distance(maps, self._exam_layout, CONTENT_TAPS).mean()),
            "light": float(light_distance(painted, self._exam, self._exam_works)),
            "colour": float(colour_distance(painted, self._exam_works)),
        }
        return parts | {"total": sum(getattr(self.options, name) * part for name, part in parts.items())}

    def _examine(self, works: Sequence[Tensor], photos: Sequence[Tensor]) -> None:
        """Draw the crops that scores are measured on."""
        self._generator = torch.Generator().manual_seed(SCORE_SEED)
        self._exam = self._crops(photos, self.options.photo_side, self.options.scored)
        self._exam_works = self._crops(works, self.options.work_side, self.options.scored)
        with torch.no_grad():
            self._exam_layout = self.backbone(self._exam, CONTENT_TAPS)
            self._exam_aims = self.backbone(self._exam_works, GRAM_TAPS)
            self._exam_matching = matched_windows(self._exam, self._exam_works, self._grid, together=True)

    def _parts(self, painted: Tensor, photos: Tensor, works: Tensor) -> dict[str, Tensor]:
        with torch.no_grad():
            layout = self.backbone(photos, CONTENT_TAPS)
            aims = self.backbone(works, GRAM_TAPS)
        maps = self.backbone(painted, {*GRAM_TAPS, *CONTENT_TAPS})
        return {
            "style": self._style(maps, aims, matched_windows(photos, works, self._grid, together=True)),
            "content": content_distance(maps, layout, CONTENT_TAPS).mean(),
            "light": light_distance(painted, photos, works),
            "colour": colour_distance(painted, works),
            "variation": total_variation(painted) / 2,
        }

    def _style(self, maps: Maps, aims: Maps, matching: Tensor) -> Tensor:
        """Return how far the windows of all paintings are from those of all works that are as calm and as light.

        Each from the nearest was tried: no part of a work may be left out then, and skies got the marks of its crowds.
        """
        target = {tap: aims[tap] for tap in GRAM_TAPS}
        return windowed_style_distance(maps, target, matching, grid=self._grid).mean()

    @property
    def _grid(self) -> int:
        return max(1, self.options.crop // WINDOW)

    def _ramp(self, fraction: float) -> float:
        start, end = self.options.ramp
        return min(max((fraction - start) / max(end - start, 1e-6), 0.0), 1.0)

    def _crops(self, parts: Sequence[Tensor], sides: tuple[float, float], count: int) -> Tensor:
        crops = random_crops(parts, sides, count=count, size=self.options.crop, generator=self._generator)
        return as_input(crops).to(self.device)


def rate_at(fraction: float) -> float:
    """Return the share of the first rate: from 1 to a tenth along half a cosine."""
    return 0.1 + 0.45 * (1 + math.cos(math.pi * min(fraction, 1.0)))
