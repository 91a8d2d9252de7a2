"""Style transfer by optimising the pixels themselves: slow, and what a fast model is measured by.

Paper: Gatys, Ecker and Bethge 2016, "Image style transfer using convolutional neural networks". Original code: none
used. Other than in the paper: any registered backbone, EfficientNet-Lite0 unless VGG-19 is asked for; distances divided
by their targets' norms, channel moments beside Gram matrices, and a pyramid, from a small picture to the full one, so
that large strokes come first (Gatys et al. 2017, arXiv:1611.07865, section 6). Adam replaces L-BFGS because the pixel
grid moves between steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from ganstyle.api import BackboneLike
from ganstyle.functional.style import content_distance, gram_matrix, moments_of, relative_distance, total_variation

from .backbones import named_backbone
from .crops import as_input, resized

Progress = Callable[[int, int], object]

COARSE_SIDE = 192  # long side of the smallest picture of the pyramid
# Rows and columns left out at the top left (of 3 that are left out in all): a strided backbone sees some pixels more
# than others; with a fixed grid that shows as dots. Four places: the photograph has its maps computed once for each.
SHIFTS = ((0, 0), (1, 2), (2, 1), (3, 3))


@dataclass(frozen=True)
class OptimiseOptions:
    """How pixels are optimised.

    Attributes:
        content: weight of the photograph's layout; infinite gives the photograph back.
        style: weight of Gram matrices and moments.
        moments: weight of the moments beside the Gram matrices.
        variation: weight of total variation, times the strength up to 1.
        lr: Adam's rate in the range [-1, 1]; falls to a quarter along each level.
        limit: long side in pixels up to which a photograph is optimised at its full size.
    """

    content: float = 0.5
    style: float = 5.0
    moments: float = 3.0
    variation: float = 0.5
    lr: float = 0.05
    limit: int = 1024


@dataclass(frozen=True)
class Optimised:
    """A painted picture and how its loss fell.

    Attributes:
        image: uint8 (3, H, W), the size of the photograph.
        losses: the weighted loss of every step; levels follow each other, the smallest first.
        worked_at: (height, width) of the largest picture that was optimised.
    """

    image: Tensor
    losses: tuple[float, ...]
    worked_at: tuple[int, int]


@dataclass(frozen=True)
class Target:
    """What one level of the pyramid aims at; see `style_target`."""

    content: Sequence[Mapping[str, Tensor]]
    grams: Mapping[str, Tensor]
    moments: Mapping[str, Tensor]


def optimise_pixels(
    content: Tensor,
    works: Sequence[Tensor],
    *,
    steps: int = 150,
    seed: int = 0,
    strength: float = 1.0,
    options: OptimiseOptions | None = None,
    backbone: BackboneLike | None = None,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> Optimised:
    """Paint one photograph like some works, by gradient descent on its pixels.

    A photograph above `options.limit` is optimised at that size; what changed is scaled up and added to it.

    Args:
        content: uint8 (3, H, W), sides of at least 32.
        works: uint8 (3, h, w) each, sides of at least 32; their statistics are averaged.
        steps: over all levels; the small ones get more of them.
        seed: of the movements of the grid.
        strength: 0 returns the photograph, 1 aims at the works' statistics, above 1 beyond them.
        options: default `OptimiseOptions()`.
        backbone: a frozen network; None takes EfficientNet-Lite0.
        device: where the backbone runs.
        progress: called with (steps done, steps).

    Raises:
        ValueError: no work, a side below 32 pixels, or a negative number of steps.
    """
    options = options or OptimiseOptions()
    _check(content, works, steps)
    sizes = pyramid(content.shape[1:], options.limit)
    if strength == 0 or steps == 0 or options.content == float("inf"):
        return Optimised(content.clone(), (), sizes[-1])
    backbone = (backbone or named_backbone("efficientnet_lite0")).to(device)
    losses: list[float] = []
    generator = torch.Generator().manual_seed(seed)
    change = torch.zeros(1, 3, *sizes[0], device=device)
    for size, share in zip(sizes, shares(steps, len(sizes)), strict=True):
        photo = _scaled(as_input(content[None]).to(device), size)
        scaled_works = [resized(work, min(size)) for work in works]
        target = style_target(backbone, photo, scaled_works, strength=strength)
        start = (photo + _scaled(change, size)).clamp(-1, 1)
        level = _Level(
            backbone, target, start, options=replace(options, variation=options.variation * min(strength, 1))
        )
        for loss in level.descend(share, generator):
            losses.append(loss)
            if progress is not None:
                progress(len(losses), steps)
        change = level.image() - photo
    full = as_input(content[None]).to(device)
    painted = (full + _scaled(change, tuple(content.shape[1:]))).clamp(-1, 1)
    return Optimised(((painted + 1) * 127.5).round().byte()[0].cpu(), tuple(losses), sizes[-1])


def pyramid(size: Sequence[int], limit: int) -> list[tuple[int, int]]:
    """Return (height, width) of every level, each about twice the one before it.

    Args:
        size: height and width of the photograph.
        limit: long side of the last level at most.
    """
    long_side = min(max(size), limit)
    sides = [long_side]
    while sides[0] >= 1.5 * COARSE_SIDE:
        sides.insert(0, sides[0] // 2)
    return [tuple(max(32, round(s * side / max(size))) for s in size) for side in sides]  # type: ignore[misc]


def shares(steps: int, levels: int) -> list[int]:
    """Return the steps of every level: each gets 1.5 times those of the next one, which cost four times as much."""
    weights = [1.5 ** (levels - 1 - level) for level in range(levels)]
    ends = [round(steps * sum(weights[: level + 1]) / sum(weights)) for level in range(levels)]
    return [end - start for start, end in zip([0, *ends], ends)]


@torch.no_grad()
def style_target(backbone: BackboneLike, photo: Tensor, works: Sequence[Tensor], *, strength: float = 1.0) -> Target:
    """Return layout and statistics to aim at.

    Args:
        backbone: says which of its maps are style and which are layout.
        photo: float32 (1, 3, H, W) in [-1, 1].
        works: uint8 (3, h, w) each.
        strength: the statistics move from the photograph's own (0) to the works' mean (1).

    Returns:
        Maps of the photograph for each of `SHIFTS`; at the style taps Gram matrices float (1, C, C) and moments
        float (1, 2C).
    """
    # Cropped as the painting will be: a frozen backbone with zero padding answers to the parity of the sides.
    own = _statistics(backbone(cropped(photo, SHIFTS[0]), backbone.style_taps))
    inputs = [cropped(as_input(work[None]).to(photo.device), SHIFTS[0]) for work in works]
    of_works = [_statistics(backbone(image, backbone.style_taps)) for image in inputs]
    mixed = [
        {
            tap: torch.lerp(own[part][tap], torch.stack([w[part][tap] for w in of_works]).mean(0), strength)
            for tap in own[part]
        }
        for part in (0, 1)
    ]
    layouts = [backbone(cropped(photo, shift), backbone.content_taps) for shift in SHIFTS]
    return Target(layouts, mixed[0], mixed[1])


def cropped(images: Tensor, shift: tuple[int, int]) -> Tensor:
    """Return float (B, C, H - 3, W - 3) that starts at row and column `shift` of float (B, C, H, W)."""
    top, left = shift
    return images[:, :, top : images.shape[2] - 3 + top, left : images.shape[3] - 3 + left]


class _Level:
    """The changes of one level: a fine grid and a coarse one, which are added to the start."""

    def __init__(self, backbone: BackboneLike, target: Target, start: Tensor, *, options: OptimiseOptions) -> None:
        self.backbone, self.target, self.options = backbone, target, options
        self.size = (start.shape[2], start.shape[3])
        self.start = start
        self.fine = torch.zeros_like(start).requires_grad_()
        # Adam gives every number the same pace; a coarse grid lets colours of whole areas move at that pace too.
        coarse = [max(1, side // 16) for side in self.size]
        self.coarse = torch.zeros(1, 3, *coarse, device=start.device).requires_grad_()

    def picture(self) -> Tensor:
        """Return the picture with its graph, float32 (1, 3, H, W); colours may lie beyond [-1, 1]."""
        return self.start + _smoothed(self.fine) + _scaled(self.coarse, self.size)

    def image(self) -> Tensor:
        """Return the picture, float32 (1, 3, H, W) in [-1, 1]."""
        return self.picture().detach().clamp(-1, 1)

    def descend(self, steps: int, generator: torch.Generator) -> Iterator[float]:
        """Make steps of Adam; yield the loss of each."""
        adam = torch.optim.Adam([self.fine, self.coarse], lr=self.options.lr, betas=(0.9, 0.99))
        for step in range(steps):
            adam.param_groups[0]["lr"] = self.options.lr * (1 - 0.75 * step / steps)
            shift = int(torch.randint(len(SHIFTS), (), generator=generator))
            with torch.enable_grad():
                loss = self._loss(shift)
                adam.zero_grad()
                loss.backward()
            adam.step()
            with torch.no_grad():  # back to colours that exist
                picture = self.picture()
                self.fine += picture.clamp(-1, 1) - picture
            yield float(loss.detach())

    def _loss(self, shift: int) -> Tensor:
        picture = self.picture()
        taps, layout_taps = self.backbone.style_taps, self.backbone.content_taps
        maps = self.backbone(cropped(picture, SHIFTS[shift]), {*taps, *layout_taps})
        grams, moments = _statistics({tap: maps[tap] for tap in taps})
        options, target = self.options, self.target
        style = torch.stack([
            relative_distance(grams[tap], target.grams[tap])
            + options.moments * relative_distance(moments[tap], target.moments[tap])
            for tap in taps
        ]).mean()  # fmt: skip
        layout = content_distance(maps, target.content[shift], layout_taps).mean()
        return options.style * style + options.content * layout + options.variation * total_variation(picture) / 2


def _statistics(maps: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return Gram matrices and moments of each tap."""
    grams = {tap: gram_matrix(features) for tap, features in maps.items()}
    return grams, {tap: moments_of(maps[tap], gram) for tap, gram in grams.items()}


def _smoothed(images: Tensor) -> Tensor:
    """Return the means of 3 x 3 pixels, weighted 1, 2, 1 each way: the stem's stride lets single pixels run wild."""
    weights = images.new_tensor([0.25, 0.5, 0.25])
    kernel = (weights[:, None] * weights).expand(3, 1, 3, 3)
    return F.conv2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), kernel, groups=3)


def _scaled(images: Tensor, size: Sequence[int]) -> Tensor:
    """Return float (B, 3, *size)."""
    if tuple(images.shape[2:]) == tuple(size):
        return images
    return F.interpolate(images, size=tuple(size), mode="bilinear", antialias=images.shape[2] > size[0])


def _check(content: Tensor, works: Sequence[Tensor], steps: int) -> None:
    if not works:
        raise ValueError("optimising needs at least one work")
    small = [picture for picture in (content, *works) if min(picture.shape[1:]) < 32]
    if small:
        raise ValueError(f"optimising needs sides of at least 32 pixels, got {tuple(small[0].shape[1:])}")
    if steps < 0:
        raise ValueError(f"steps must not be negative, got {steps}")
