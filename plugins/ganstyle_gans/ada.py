"""Adaptive discriminator augmentation: Karras et al. 2020, arXiv:2006.06676. Written from the paper; no code copied.

Note:
    The transforms are the paper's groups "pixel blitting", "general geometric" and "color" (app. B), composed into one
    affine resampling and one affine map of colours, which is what makes them fast on a CPU. Resampling is bilinear at
    the pictures' own resolution: without the paper's twofold oversampling a turned picture is a little softer, real and
    generated ones alike. Turns by 90 degrees are turns by 180 where height and width differ. Draws are torch's global
    ones; nothing waits for the device.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from ganstyle.nn.ranks import mean_over_ranks, world_size
from ganstyle_gans.schedules import cosine

GROUPS = ("blit", "geom", "color")
INTERVAL = 4
STRONGEST = 0.8
COLLAPSE_RAISES = 0.1


class Ada:
    """The transforms, and the controller that chooses how likely each is (section 3.1).

    Every INTERVAL steps p moves by (pictures shown / speed) up or down, so that r, the mean sign of D's logits at real
    pictures, stays at the target; p stays in [0, STRONGEST].

    Attributes:
        p: scalar float32 on the pictures' device.
    """

    def __init__(
        self,
        *,
        groups: Sequence[str] = GROUPS,
        p: float = 0.0,
        final: float | None = None,
        target: float = 0.6,
        speed_images: int = 500_000,
    ) -> None:
        """Start the controller.

        Args:
            groups: of GROUPS.
            p: probability at the start.
            final: if given there is no controller: p goes to it along half a cosine over the budget.
            target: of r.
            speed_images: pictures in which p can go from 0 to 1.
        """
        self.groups, self.start, self.final = frozenset(groups), p, final
        self.target, self.speed_images = target, speed_images
        self.p, self.signs = torch.tensor(p), torch.zeros(2)  # signs: their sum and the pictures they are of

    def __call__(self, images: Tensor) -> Tensor:
        """Distort pictures differentiably, each on its own.

        Args:
            images: float (B, C, H, W) in [-1, 1], C 1 or 3.

        Returns:
            float32 (B, C, H, W); colours may leave [-1, 1].
        """
        self.p = self.p.to(images.device)  # sync: once, at the first pictures on a GPU
        with torch.autocast(images.device.type, enabled=False):
            images = images.float()
            if self.groups & {"blit", "geom"}:
                images = resample(images, geometry(images, self.p, groups=self.groups))
            if "color" in self.groups:
                images = recolour(images, *colours(images, self.p))
        return images

    def observe(self, sign: Tensor, count: int) -> None:
        """Note the mean sign of D's logits at `count` real pictures; float, scalar."""
        sign = sign.detach().float()
        self.signs = self.signs.to(sign.device) + torch.stack([sign * count, torch.full_like(sign, count)])

    def begin(self, step: int) -> None:
        """Move p if the controller is due; every rank moves it alike, by the mean over ranks."""
        if self.final is not None or step % INTERVAL:
            return
        total, count = self.signs.unbind()
        r = mean_over_ranks(total / count)
        moved = self.p.to(r) + (r - self.target).sign() * (count * world_size() / self.speed_images)
        # Nothing seen yet, or a logit that wasn't finite: r is not a number, and p stays.
        self.p = torch.where(r.isfinite(), moved.clamp(0.0, STRONGEST), self.p.to(r))
        self.signs = torch.zeros_like(self.signs)

    @property
    def follows_budget(self) -> bool:
        """Whether p follows the share of the budget done instead of D."""
        return self.final is not None

    def progress(self, fraction: float) -> None:
        """Set p for a share of the budget done, unless the controller does it."""
        if self.final is not None:
            self.p = torch.full_like(self.p, cosine(self.start, self.final, fraction=fraction))

    def strengthen(self, level: int, *, since: int) -> str:
        """Raise p by a tenth for each collapse that the present state does not know of; return what was done.

        Args:
            level: collapses so far.
            since: those before the present state was saved, p included.
        """
        if self.final is not None or level == since:
            return ""  # then p follows the budget alone, or is as it was saved
        self.p = (self.p + COLLAPSE_RAISES * (level - since)).clamp(0.0, STRONGEST)
        return f"ADA's p +{COLLAPSE_RAISES * (level - since):.1f}"

    def state_tensors(self) -> dict[str, Tensor]:
        """Return p and what the controller has seen since its last move."""
        return {"p": self.p, "signs": self.signs}

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Go back to what `state_tensors` returned; absent keys leave their value."""
        self.p = tensors.get("p", self.p).to(self.p.device).clone()
        self.signs = tensors.get("signs", self.signs).to(self.signs.device).clone()


def geometry(images: Tensor, p: Tensor, *, groups: frozenset[str]) -> Tensor:
    """Draw an affine map for each picture.

    Flip, turn and whole shift (blit), then scale, rotation, stretch, rotation and shift (geom), each with probability
    p; the two rotations together, so that each has 1 - sqrt(1 - p).

    Args:
        images: float (B, C, H, W); only shape, device and dtype count.
        p: scalar.
        groups: any of "blit" and "geom".

    Returns:
        float (B, 2, 3): from places (x, y) in the result to places in the picture, in pixels from the centre.
    """
    count, _, height, width = images.shape
    size = _size(images)[:, None]
    uniform = torch.rand(8, count, device=images.device, dtype=images.dtype)
    on = torch.rand(8, count, device=images.device, dtype=images.dtype)
    linear = torch.eye(2, device=images.device, dtype=images.dtype).expand(count, 2, 2)
    shift = images.new_zeros(2, count)
    if "geom" in groups:
        normal = torch.randn(4, count, device=images.device, dtype=images.dtype)
        rotated = (on[:2] < 1.0 - (1.0 - p).sqrt()) * (uniform[:2] * 2.0 - 1.0) * math.pi
        scale, stretch = torch.exp2(0.2 * normal[:2] * (on[2:4] < p))
        ratio = torch.stack([scale * stretch, scale / stretch])
        linear = _rotation(rotated[0]) @ (ratio.T[:, :, None] * _rotation(rotated[1]))
        shift = _apply(linear, 0.125 * normal[2:] * size * (on[4] < p))
    if "blit" in groups:
        turn = torch.floor(uniform[2] * 4.0) if height == width else 2.0 * torch.floor(uniform[2] * 2.0)
        turned = _rotation(turn * (on[5] < p) * (math.pi / 2)).round()  # exact: whole pixels stay whole
        side = torch.where((on[6] < p) & (uniform[3] < 0.5), -1.0, 1.0)
        turned = torch.stack([turned[:, 0] * side[:, None], turned[:, 1]], 1)
        whole = torch.round((uniform[4:6] - 0.5) * 0.25 * size) * (on[7] < p)
        linear, shift = turned @ linear, _apply(turned, shift + whole)
    return torch.cat([linear, shift.T[:, :, None]], 2)


def resample(images: Tensor, maps: Tensor) -> Tensor:
    """Move pixels, bilinearly; what lies outside is the picture mirrored at its edges.

    Args:
        images: float (B, C, H, W).
        maps: float (B, 2, 3), as `geometry` returns them.

    Returns:
        float (B, C, H, W), twice differentiable in the pictures.
    """
    size = _size(images)
    # In the units of grid_sample the picture reaches from -1 to 1 on both axes.
    linear = maps[:, :, :2] * (size[None, :] / size[:, None])
    grid = F.affine_grid(torch.cat([linear, maps[:, :, 2:] * (2.0 / size[:, None])], 2), images.shape, False)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def colours(images: Tensor, p: Tensor) -> tuple[Tensor, Tensor]:
    """Draw an affine map of colours for each picture.

    Brightness N(0, .2), contrast 2^N(0, .5), luma flip, hue U(-pi, pi), saturation 2^N(0, 1), each with probability p.
    Along the grey axis v only contrast and flip act, across it only contrast, hue and saturation: the product of the
    paper's five matrices in closed form.

    Args:
        images: float (B, C, H, W); only shape, device and dtype count.
        p: scalar.

    Returns:
        float (B, 3, 3) and the offset of every channel, float (B,).
    """
    count = len(images)
    uniform = torch.rand(7, count, device=images.device, dtype=images.dtype)
    normal = torch.randn(3, count, device=images.device, dtype=images.dtype)
    on = uniform[:5] < p
    brightness = 0.2 * normal[0] * on[0]
    contrast, saturation = torch.exp2(0.5 * normal[1] * on[1]), torch.exp2(normal[2] * on[2])
    flip = torch.where(on[3] & (uniform[5] < 0.5), -1.0, 1.0)
    hue = (uniform[6] * 2.0 - 1.0) * math.pi * on[4]
    eye, gray = torch.eye(3, device=images.device, dtype=images.dtype), images.new_full((3, 3), 1.0 / 3.0)
    across, turn = eye - gray, (eye.roll(1, 0) - eye.roll(-1, 0)) / 3.0**0.5  # turn is the cross product with v
    weights = torch.stack([flip * contrast, contrast * saturation * hue.cos(), contrast * saturation * hue.sin()], 1)
    return torch.einsum("bk,kij->bij", weights, torch.stack([gray, across, turn])), flip * contrast * brightness


def recolour(images: Tensor, maps: Tensor, offsets: Tensor) -> Tensor:
    """Map the colour of every pixel.

    Args:
        images: float (B, C, H, W), C 3; or 1, taken as three equal channels whose results are averaged.
        maps: float (B, 3, 3).
        offsets: float (B,).

    Returns:
        float (B, C, H, W).
    """
    if images.shape[1] == 1:
        maps = maps.sum((1, 2))[:, None, None] / 3.0
    mapped = torch.einsum("bij,bjhw->bihw", maps, images)
    return mapped + offsets[:, None, None, None]


def _size(images: Tensor) -> Tensor:
    """Return (W, H) on the device, filled in there: a copy from the host would be waited for."""
    return torch.cat([images.new_full((1,), side) for side in (images.shape[3], images.shape[2])])


def _rotation(angle: Tensor) -> Tensor:
    cosine, sine = angle.cos(), angle.sin()
    return torch.stack([torch.stack([cosine, -sine], 1), torch.stack([sine, cosine], 1)], 1)


def _apply(linear: Tensor, places: Tensor) -> Tensor:
    """Map places (2, B) by (B, 2, 2)."""
    return torch.einsum("bij,jb->ib", linear, places)
