"""Motion between two frames, and how steadily a painted film follows its source: pure functions of frames."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ganstyle.functional.images import luma, resize

COARSEST = 16  # pixels of the shorter side of the coarsest level


def optical_flow(frame: Tensor, other: Tensor, *, reach: int = 7, warps: int = 6) -> Tensor:
    """Return where each pixel of a frame is found in another: other(x + flow(x)) looks like frame(x).

    Args:
        frame: float (1, 3, H, W) in [0, 1], sides of at least 16.
        other: the same shape.
        reach: the window that votes for a pixel's motion has `2 * reach + 1` pixels a side.
        warps: steps of each of the pyramid's levels, which halve the frame.

    Returns:
        float32 (1, 2, H, W): pixels to the right, pixels down.

    Source: Lucas and Kanade 1981 for dense windows: Le Besnerais and Champagnat 2005, "Dense optical flow by iterative
    local window registration", eqs. 4 to 6.
    """
    pyramid = [(luma(frame.float()), luma(other.float()))]
    while min(pyramid[-1][0].shape[2:]) >= 2 * COARSEST:
        size = [-(-side // 2) for side in pyramid[-1][0].shape[2:]]
        pyramid.append(tuple(resize(x, *size) for x in pyramid[-1]))  # type: ignore[arg-type]
    flow = torch.zeros(1, 2, *pyramid[-1][0].shape[2:]).to(pyramid[-1][0])
    for still, moving in reversed(pyramid):
        flow = scaled_flow(flow, *still.shape[2:])
        for _ in range(warps):
            flow = _registered(still, moving, flow, reach)
    return flow


def _registered(still: Tensor, moving: Tensor, flow: Tensor, reach: int) -> Tensor:
    """Return the flow that makes each window fit best, linearised about the present one."""
    warped = warp(moving, flow)
    padded = F.pad((warped + still) / 2, (1, 1, 1, 1), mode="replicate")
    across = (padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]) / 2
    down = (padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]) / 2
    wanted = across * flow[:, :1] + down * flow[:, 1:] - (warped - still)
    products = torch.cat([across * across, across * down, down * down, across * wanted, down * wanted], 1)
    for _ in range(2):  # two box means weigh the middle of a window more
        products = _box_mean(products, reach)
    xx, xy, yy, x, y = products.split(1, 1)
    # Where a window has no texture, the ridge keeps what coarser levels found.
    ridge = 1e-3 * (xx + yy).mean() + 1e-8
    x, y, xx, yy = x + ridge * flow[:, :1], y + ridge * flow[:, 1:], xx + ridge, yy + ridge
    determinant = xx * yy - xy * xy
    return torch.cat([yy * x - xy * y, xx * y - xy * x], 1) / determinant


def _box_mean(values: Tensor, reach: int) -> Tensor:
    for kernel in ((1, reach + 1 | 1), (reach + 1 | 1, 1)):
        padding = (kernel[0] // 2, kernel[1] // 2)
        values = F.avg_pool2d(values, kernel, stride=1, padding=padding, count_include_pad=False)
    return values


def scaled_flow(flow: Tensor, height: int, width: int) -> Tensor:
    """Return a flow (1, 2, h, w) for frames of another size, float (1, 2, height, width), in their pixels."""
    if flow.shape[2:] == (height, width):
        return flow
    scale = flow.new_tensor([width / flow.shape[3], height / flow.shape[2]]).view(1, 2, 1, 1)
    return F.interpolate(flow, (height, width), mode="bilinear", align_corners=False) * scale


def warp(other: Tensor, flow: Tensor) -> Tensor:
    """Return what a flow fetches: result(x) = other(x + flow(x)), bilinear; beyond the border its last pixel.

    Args:
        other: float (1, C, H, W).
        flow: float (1, 2, H, W), pixels to the right and down.
    """
    height, width = other.shape[2:]
    x = torch.arange(width).to(flow) + flow[:, 0]
    y = torch.arange(height).to(flow)[:, None] + flow[:, 1]
    grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], 3)
    return F.grid_sample(other, grid, mode="bilinear", padding_mode="border", align_corners=False)


def visible(flow: Tensor, back: Tensor) -> Tensor:
    """Return which pixels of a frame are also seen in the other frame.

    Args:
        flow: float (1, 2, H, W) from the frame to the other.
        back: the same from the other to the frame.

    Returns:
        bool (1, 1, H, W): the way there and back ends where it began, within the other frame, and the pixel is not at
        a border between motions.

    Source: Sundaram et al. 2010; the constants are those of Ruder et al. 2016 (arXiv:1604.08610), eqs. 5 and 6.
    """
    returned = warp(back, flow)
    lengths = flow.square().sum(1, keepdim=True) + returned.square().sum(1, keepdim=True)
    consistent = (flow + returned).square().sum(1, keepdim=True) <= 0.01 * lengths + 0.5
    height, width = flow.shape[2:]
    x = torch.arange(width).to(flow) + flow[:, :1]
    y = torch.arange(height).to(flow)[:, None] + flow[:, 1:]
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    steps = F.pad(flow, (0, 1, 0, 1), mode="replicate")
    slopes = (steps[:, :, 1:, :-1] - flow).square() + (steps[:, :, :-1, 1:] - flow).square()
    border = slopes.sum(1, keepdim=True) > 0.01 * flow.square().sum(1, keepdim=True) + 0.002
    return consistent & inside & ~border


def warp_error(frame: Tensor, before: Tensor, flow: Tensor, *, seen: Tensor) -> Tensor:
    """Return the mean squared difference of a frame and the frame before, moved along the flow, where both are seen.

    Args:
        frame: float (1, 3, H, W) in [0, 1].
        before: the same shape.
        flow: float (1, 2, H, W) from the frame to the one before, of the source film.
        seen: bool (1, 1, H, W), see `visible`.

    Returns:
        float scalar, NaN if nothing is seen in both.

    Source: Lai et al. 2018 (arXiv:1808.00449), eq. 9.
    """
    squares = (frame - warp(before, flow)).square().mean(1, keepdim=True)
    return squares[seen].mean()


def flicker(frame: Tensor, before: Tensor, source: Tensor, *, source_before: Tensor) -> Tensor:
    """Return how much more a film changes from frame to frame than its source does, pixel by pixel.

    Args:
        frame: float (1, 3, H, W) in [0, 1].
        before: the frame before.
        source: the source's frame.
        source_before: the source's frame before.

    Returns:
        float scalar: the mean over pixels of the change of colour beyond that of the source, never below 0 at any one.
    """
    mine, theirs = ((a - b).abs().mean(1) for a, b in ((frame, before), (source, source_before)))
    return (mine - theirs).clamp_min(0).mean()
