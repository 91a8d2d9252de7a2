"""What a frozen backbone says about a painted picture: its layout and its style."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from ganstyle.api import BackboneLike
from ganstyle.functional.artefacts import lattice_share
from ganstyle.functional.luma import REC_601
from ganstyle.functional.style import content_distance, style_distance, total_variation

from .windows import windowed_style_distance

AREA = 16  # pixels
MOST_CONTRAST = 2.0
EVEN, CALMEST = 0.05, 0.25  # change of colour between squares of an even photo; the share of a work that is calm
LATTICE = {4: 8, 8: 4}  # period: cells; windows of 32 pixels, as lattices come and go with the texture under them
COLOUR_AXES = (
    *((1, 0, 0), (0, 1, 0), (0, 0, 1)),  # the cube's sides
    *((1, 1, 0), (1, 0, 1), (0, 1, 1), (1, -1, 0), (1, 0, -1), (0, 1, -1)),  # diagonals of its faces
    *((1, 1, 1), (1, 1, -1), (1, -1, 1), (-1, 1, 1)),  # and of the whole
)


def perceptual_parts(
    backbone: BackboneLike,
    painted: Tensor,
    *,
    content_maps: Mapping[str, Tensor],
    style_maps: Mapping[str, Tensor],
    moments: float = 3.0,
    matching: Tensor | None = None,
) -> dict[str, Tensor]:
    """Return the parts of the perceptual loss, each the mean over the batch.

    Args:
        backbone: says which of its maps are style and which are layout.
        painted: float32 (B, 3, H, W) in [-1, 1].
        content_maps: maps of the photos at the backbone's `content_taps`.
        style_maps: maps of the works at its `style_taps`, batch B or 1.
        moments: weight of channel moments beside the Gram matrices.
        matching: from `matched_windows`, compares windows; None compares whole pictures.

    Returns:
        `style`, `content` and `variation`, scalars of at least 0; `variation` is that of
        pictures in [0, 1].
    """
    maps = backbone(painted, {*backbone.style_taps, *backbone.content_taps})
    if matching is None:
        style = style_distance(maps, style_maps, moments=moments)
    else:
        grid = math.isqrt(matching.shape[1])
        style = windowed_style_distance(maps, style_maps, matching, grid=grid, moments=moments)
    return {
        "style": style.mean(),
        "content": content_distance(maps, content_maps, backbone.content_taps).mean(),
        "variation": total_variation(painted) / 2,
    }


def light_distance(painted: Tensor, photos: Tensor, works: Tensor) -> Tensor:
    """Return how far the paintings' light and dark areas are from the photos', a scalar in the range's unit.

    Squares of 16 pixels are compared: strokes may do as they like, areas may not. The work says how strong contrasts
    are, up to twice the photo's, the photo where they lie: what is even, such as a sky, is to stay even. Without this,
    texture that a work has everywhere came out as blotches of the stroke noise.

    Args:
        painted: float (B, 3, H, W) in [-1, 1], sides of at least 16.
        photos: float (B, 3, H, W) in [-1, 1].
        works: float (B, 3, h, w) in [-1, 1].
    """
    mine, layout, theirs = (_areas(images) for images in (painted, photos, works))
    contrast = theirs.std((1, 2, 3), keepdim=True, correction=0) / (
        layout.std((1, 2, 3), keepdim=True, correction=0) + 0.02
    )
    return (mine - layout * contrast.clamp(max=MOST_CONTRAST)).abs().mean()


def _areas(images: Tensor) -> Tensor:
    """Return the luma of squares around its mean, float (B, 1, h, w)."""
    luma = (images * images.new_tensor(REC_601)[:, None, None]).sum(1, keepdim=True)
    areas = avg_pool2d(luma, AREA)
    return areas - areas.mean((1, 2, 3), keepdim=True)


def unrest_distance(painted: Tensor, photos: Tensor, works: Tensor) -> Tensor:
    """Return how much the paintings' colours change from place to place where the photos' don't, in the range's unit.

    Neighbouring squares of 16 pixels are compared in all three channels: blotches of two colours that are equally light
    escape `light_distance`. Where a photo is even, a painting may change as much as a work does in its calmest quarter.

    Args:
        painted: float (B, 3, H, W) in [-1, 1], sides of at least 32.
        photos: float (B, 3, H, W) in [-1, 1].
        works: float (B, 3, h, w) in [-1, 1], of any such size.
    """
    mine, layout, theirs = (_neighbour_changes(images) for images in (painted, photos, works))
    even = torch.exp(-layout / EVEN)
    return (even * torch.relu(mine - theirs.quantile(CALMEST))).sum() / even.sum()


def _neighbour_changes(images: Tensor) -> Tensor:
    """Return the mean differences of colour between squares and those below and to the right, float (N,)."""
    areas = avg_pool2d(images, AREA)
    changes = (areas[:, :, 1:] - areas[:, :, :-1], areas[..., 1:] - areas[..., :-1])
    return torch.cat([change.abs().mean(1).flatten() for change in changes])


def colour_distance(painted: Tensor, works: Tensor) -> Tensor:
    """Return how far two sets of pictures are apart in the distribution of their colours, taken together; a scalar.

    The sets are compared, not the pictures, so that a painting keeps its light and dark parts, and greyish colours,
    the average of many works, are far from all of them.

    Args:
        painted: float (B, 3, H, W) in [-1, 1].
        works: float (A, 3, H, W) in [-1, 1].

    Source: sliced Wasserstein distance, Rabin et al. 2011; here along 13 fixed axes of the colour cube.
    """
    axes = torch.tensor(COLOUR_AXES, dtype=painted.dtype, device=painted.device)
    axes = axes / axes.norm(dim=1, keepdim=True)
    shares = torch.linspace(0.01, 0.99, 50, device=painted.device)
    mine, theirs = (torch.quantile((axes @ colours_of(images)).float(), shares, dim=1) for images in (painted, works))
    return (mine - theirs).abs().mean()


def colours_of(images: Tensor) -> Tensor:
    """Return float (3, N): the colours of all pictures float (B, 3, H, W), averaged over squares of 4 pixels."""
    return avg_pool2d(images, 4).permute(1, 0, 2, 3).flatten(1)


def lattice_loss(painted: Tensor) -> Tensor:
    """Return the share of the fine structure that repeats with the painter's shuffles, a scalar of at least 0.

    Shares below 0, which textures of other wavelengths have, count as 0: a painter that was paid for them laid bricks.
    """
    shares = [lattice_share(painted, period, cells=cells) for period, cells in LATTICE.items()]
    return torch.relu(torch.stack(shares)).sum(0).mean()
