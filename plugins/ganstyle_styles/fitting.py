"""Fit a style to its works: the generator is frozen, only the numbers of the code and of an adapter move."""

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
from .groups import Groups, grouped_distance, grouped_style, window_groups
from .parts import random_crops, split_photos, split_works
from .perceptual import colour_distance, lattice_loss, light_distance, unrest_distance
from .rival import Contest
from .windows import windows

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
        style: weight of Gram matrices and moments, see `grouped_distance`.
        light: weight of light and dark areas staying where they are, see `light_distance`.
        unrest: weight of colours that change from place to place where the photo's don't, see `unrest_distance`.
        colour: weight of the distance between the colours of all paintings and of all works of a step.
        variation: weight of total variation.
        adversarial: weight of the rival's opinion, once it has learned.
        lattice: weight of fine structure that repeats with the layers; free kernels would find it.
        lr: Adam's rate for the code at the start; it falls to a tenth along half a cosine.
        adapter_lr: for the adapter, whose kernels have deviations of 0.1.
        rival_lr: of the rival.
        ramp: shares of the budget between which the adversarial weight rises.
        batch: crops of photos painted per step, and of works that they are compared with.
        crop: side of a crop in pixels.
        work_side: range of the short side that works are scaled to.
        photo_side: range of the short side that photos are scaled to; large ones teach strokes in flat areas.
        groups: of windows whose style is compared: parts from calm to busy, and of each from dark to light.
        aimed: crops of works that the style to come close to is measured on.
        scored: crops of photos, and as many of works for colours, that a score is measured on.
    """

    content: float = 1.6
    style: float = 25.0
    light: float = 5.0
    unrest: float = 10.0
    colour: float = 8.0
    variation: float = 0.3
    adversarial: float = 0.7
    lattice: float = 10.0
    lr: float = 1e-2
    adapter_lr: float = 1.5e-3
    rival_lr: float = 4e-4
    ramp: tuple[float, float] = (0.05, 0.25)
    batch: int = 4
    crop: int = 128
    work_side: tuple[float, float] = (176.0, 416.0)
    photo_side: tuple[float, float] = (176.0, 640.0)
    groups: tuple[int, int] = (4, 2)
    aimed: int = 48
    scored: int = 8


class Fitting:
    """A style on its way to the works of one hand; equal seeds give equal numbers on a CPU.

    Args:
        stylizer: not changed.
        works: uint8 (3, H, W) each; of many some are held back for `score`, see `split_works`.
        photos: uint8 (3, H, W) each, what is painted meanwhile; some are held back.
        code: float32 (D,), or with an adapter (D + A,), to start from.
        adapter: fit the adapter as well; otherwise it stays as it is.
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
        adapter: bool = False,
        loss: LossLike | None = None,
        seed: int = 0,
        options: FitOptions | None = None,
    ) -> None:
        if not works or not photos:
            raise ValueError(f"fitting needs works and photos, got {len(works)} and {len(photos)}")
        self.stylizer, self.options, self.seed, self.steps = stylizer.eval(), options or FitOptions(), seed, 0
        self.device = device_of(stylizer)
        self.backbone = named_backbone("efficientnet_lite0").to(self.device)
        self._begin(code.detach().to(self.device).float().reshape(1, -1).clone(), adapter)
        rate = self.options.rival_lr
        self._contest = Contest(loss, device=self.device, lr=rate, seed=seed) if loss is not None else None
        self._works, held_works = split_works(works)
        self._photos, held_photos = split_photos(photos)
        self._examine(held_works, held_photos)
        self._generator = torch.Generator().manual_seed(seed)
        self._aims = self._measured(self._works)

    @property
    def code(self) -> Tensor:
        """Return a copy of the present numbers on the CPU, float32 (D,) or (D + A,), the adapter rounded to float16."""
        code, adapter = (part.detach()[0].cpu() for part in (self._code, self._adapter))
        return torch.cat([code, adapter.half().float()])

    def step(self, fraction: float) -> dict[str, float]:
        """Take one gradient step.

        Args:
            fraction: share of the budget that is done, in [0, 1]; sets the rate and the rival's weight.

        Returns:
            The parts of the loss before the step.
        """
        for group in self._adam.param_groups:
            group["lr"] = group["first"] * rate_at(fraction)
        photos = self._crops(self._photos, self.options.photo_side, self.options.batch)
        works = self._crops(self._works, self.options.work_side, self.options.batch)
        with frozen(self.stylizer), torch.enable_grad():
            numbers = torch.cat([self._code, self._adapter], 1)
            painted = self.stylizer.stylize(photos, numbers, seed=self.seed + self.steps)
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
        """Return how a style does on works and photos that it isn't fitted to; always the same crops.

        Args:
            code: float32 (D,) or (D + A,).

        Returns:
            `style`, `content`, `light`, `unrest`, `colour`, `lattice` and `total`, which weighs them as fitting does;
            lower is better.
        """
        painted = self.stylizer.stylize(self._exam, code.to(self.device)[None], seed=SCORE_SEED)
        maps = self.backbone(painted, {*self.backbone.style_taps, *self.backbone.content_taps})
        parts = {
            "style": float(grouped_distance(self._grouped(maps, self._exam), self._exam_aims)),
            "content": float(content_distance(maps, self._exam_layout, self.backbone.content_taps).mean()),
            "light": float(light_distance(painted, self._exam, self._exam_works)),
            "unrest": float(unrest_distance(painted, self._exam, self._exam_works)),
            "colour": float(colour_distance(painted, self._exam_works)),
            "lattice": float(lattice_loss(windows(painted, self._grid))),
        }
        return parts | {"total": sum(getattr(self.options, name) * part for name, part in parts.items())}

    def _begin(self, numbers: Tensor, adapter: bool) -> None:
        """Part float32 (1, D) or (1, D + A) into code and adapter, and make the optimiser of what moves."""
        length = self.stylizer.code_length
        self._code, self._adapter = numbers[:, :length].requires_grad_(), numbers[:, length:]
        moving = [{"params": [self._code], "first": self.options.lr}]
        if adapter:
            whole = torch.zeros(1, self.stylizer.adapter_length, device=self.device)
            whole[:, : self._adapter.shape[1]] = self._adapter
            self._adapter = whole.requires_grad_()
            moving.append({"params": [self._adapter], "first": self.options.adapter_lr})
        self._adam = torch.optim.Adam(moving, lr=self.options.lr, betas=(0.9, 0.99))

    def _examine(self, works: Sequence[Tensor], photos: Sequence[Tensor]) -> None:
        """Draw the crops that scores are measured on."""
        self._generator = torch.Generator().manual_seed(SCORE_SEED)
        self._exam = self._crops(photos, self.options.photo_side, self.options.scored)
        self._exam_works = self._crops(works, self.options.work_side, self.options.scored)
        with torch.no_grad():
            self._exam_layout = self.backbone(self._exam, self.backbone.content_taps)
        self._exam_aims = self._measured(works)

    @torch.no_grad()
    def _measured(self, works: Sequence[Tensor]) -> dict[str, Groups]:
        """Return the style of works, of many crops."""
        crops = self._crops(works, self.options.work_side, self.options.aimed)
        return self._grouped(self.backbone(crops, self.backbone.style_taps), crops)

    def _parts(self, painted: Tensor, photos: Tensor, works: Tensor) -> dict[str, Tensor]:
        with torch.no_grad():
            layout = self.backbone(photos, self.backbone.content_taps)
        maps = self.backbone(painted, {*self.backbone.style_taps, *self.backbone.content_taps})
        return {
            "style": grouped_distance(self._grouped(maps, photos), self._aims),
            "content": content_distance(maps, layout, self.backbone.content_taps).mean(),
            "light": light_distance(painted, photos, works),
            "unrest": unrest_distance(painted, photos, works),
            "colour": colour_distance(painted, works),
            "variation": total_variation(painted) / 2,
            "lattice": lattice_loss(windows(painted, self._grid)),  # or busy parts would hide a sky's
        }

    def _grouped(self, maps: Maps, images: Tensor) -> dict[str, Groups]:
        """Return the style of maps by groups of windows: which one is calm, the images say that were painted."""
        groups = window_groups(images, self._grid, groups=self._parted)
        return grouped_style(maps, groups, self.backbone.style_taps, grid=self._grid)

    @property
    def _parted(self) -> tuple[int, int]:
        """Return the options' `groups`, fewer where there are too few windows for them."""
        fewest = min(self.options.batch, self.options.scored, self.options.aimed) * self._grid**2
        busy = min(self.options.groups[0], fewest)
        return busy, min(self.options.groups[1], fewest // busy)

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
