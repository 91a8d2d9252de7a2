"""What a painting did to a photograph, without any network: recolouring, edges, dots, borders, palette and texture.

Pure functions of pictures, float (B, 3, H, W) in [-1, 1]; those of two pictures want equal batches.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ganstyle.functional.luma import REC_709

LATTICE = 8  # grids of dots come from strides and shuffles by 2, 4 and 8
QUANTILES = 512
SAMPLES = 1 << 14  # values of which quantiles are taken; sorting all of a photograph's takes seconds
FLAT = 0.01  # deviation of luma, of a range of 1, below which a window of a photograph is flat
WINDOW = 9
ORDINARY, SEGMENT = 2.0, 32
EDGE, SMOOTH = 0.25, 0.08  # steps of luma between neighbours, of a range of 2: outlines, and what is none


def recoloured_share(photo: Tensor, painted: Tensor) -> Tensor:
    """Return the share of the painting's variance that the best quadratic map of the photograph's colours explains.

    Args:
        photo: float (B, 3, H, W).
        painted: the same shape as `photo`.

    Returns:
        float64 (B,) in [0, 1]: 1 for a mere recolouring; 0 where colours say nothing about the photograph's.
    """
    shares = []
    for source, result in zip(photo.double().flatten(2).mT, painted.double().flatten(2).mT, strict=True):
        pairs = [source[:, i] * source[:, j] for i in range(3) for j in range(i, 3)]
        terms = torch.cat([torch.ones_like(source[:, :1]), source, torch.stack(pairs, 1)], 1)
        # Normal equations, with a ridge far below any weight that matters: photographs in grey are singular.
        normal = terms.T @ terms / len(terms) + 1e-9 * torch.eye(10).to(terms)
        weights = torch.linalg.solve(normal, terms.T @ result / len(terms))
        rest = (result - terms @ weights).square().sum()
        shares.append(1 - rest / (result - result.mean(0)).square().sum().clamp_min(1e-12))
    return torch.stack(shares).clamp(0, 1)


def edge_agreement(photo: Tensor, painted: Tensor) -> Tensor:
    """Return the correlation of the two pictures' gradient magnitudes, at half of their size.

    Args:
        photo: float (B, 3, H, W), sides of at least 8.
        painted: the same shape as `photo`.

    Returns:
        float (B,) in [-1, 1]; 1 for equal pictures, 0 for unrelated ones.
    """
    a, b = (_slopes(F.avg_pool2d(_luma(images), 2)).flatten(1) for images in (photo, painted))
    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
    return (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1)).clamp_min(1e-12)


def lattice_peak(images: Tensor) -> Tensor:
    """Return how far the strongest peak of the luma's spectrum on the lattice of periods 2, 4 and 8 px stands out.

    Args:
        images: float (B, 3, H, W), sides of at least 64.

    Returns:
        float (B,) in dB above the median of its surroundings: some 5 for noise, tens for a grid of dots.
    """
    height, width = (side // LATTICE * LATTICE for side in images.shape[2:])
    luma = _luma(images)[:, 0, :height, :width]
    window = torch.hann_window(height).to(luma)[:, None] * torch.hann_window(width).to(luma)
    power = torch.fft.fft2((luma - luma.mean((1, 2), keepdim=True)) * window).abs().square() + 1e-9
    found = []
    for row in range(LATTICE // 2 + 1):
        for column in range(LATTICE):
            if row or column:
                around = _around(power, row * height // LATTICE, column * width // LATTICE)
                found.append(around[:, 1:-1, 1:-1].amax((1, 2)) / around.flatten(1).median(1).values)
    return 10 * torch.stack(found).amax(0).log10()


def lattice_share(images: Tensor, period: int, *, cells: int = 8) -> Tensor:
    """Return the share of the fine structure that repeats with a period, window by window.

    Fine structure is what is left of a picture without its mean over squares of `period`. Where it repeats, its mean
    over all cells of a window stays, of anything else a cell count's share; this share is taken off, so that noise
    has 0. It can be differentiated, and nothing has to be known about the repeated pattern.

    Args:
        images: float (B, C, H, W), sides above 3 periods.
        period: in pixels; its halves and quarters are found as well.
        cells: side of a window, in periods; less for small pictures.

    Returns:
        float (B,), 1 for a perfect lattice, about 0 for noise (below 0 by chance), some hundredths for photographs.
    """
    images = images.contiguous()  # pooling three channels is four times slower where they are last
    box = F.avg_pool2d(images, period, 1)
    rows, columns = (slice(period // 2, period // 2 + side) for side in box.shape[2:])
    fine = images[:, :, rows, columns] - box
    cells = min(cells, *(side // period for side in fine.shape[2:]))
    height, width = (side // (cells * period) * cells * period for side in fine.shape[2:])
    fine = fine[:, :, :height, :width]
    power = fine.square().flatten(1).mean(1)
    repeated = F.avg_pool2d(F.pixel_unshuffle(fine, period), cells).square().flatten(1).mean(1)
    return (cells**2 * repeated - power) / ((cells**2 - 1) * power.clamp_min(1e-12))


def _around(power: Tensor, row: int, column: int, *, reach: int = 2) -> Tensor:
    """Return the bins about one, (B, 5, 5); the spectrum wraps."""
    return power.roll((reach - row, reach - column), (1, 2))[:, : 2 * reach + 1, : 2 * reach + 1]


def border_excess(photo: Tensor, painted: Tensor, *, width: int = 8) -> Tensor:
    """Return how much busier the painting's border is than its inside, over the same of the photograph.

    Args:
        photo: float (B, 3, H, W), sides above `4 * width`.
        painted: the same shape as `photo`.
        width: of the border in pixels.

    Returns:
        float (B,): 1 if the border is as the photograph's, above 1 if it is marked.
    """
    mine, theirs = (_border_ratio(_slopes(_luma(images)), width) for images in (painted, photo))
    return mine / theirs.clamp_min(1e-6)


def _border_ratio(slopes: Tensor, width: int) -> Tensor:
    inside = slopes[:, width:-width, width:-width].flatten(1)
    total, count = slopes.flatten(1).sum(1), slopes[0].numel() - inside.shape[1]
    return (total - inside.sum(1)) / count / inside.mean(1).clamp_min(1e-6)


def flat_texture(photo: Tensor, painted: Tensor) -> Tensor:
    """Return the painting's grain where the photograph is flat.

    Args:
        photo: float (B, 3, H, W), sides above 9.
        painted: the same shape as `photo`.

    Returns:
        float (B,): deviation of luma about its means of 9 x 9 pixels, of a range of 1; NaN without flat areas. Strokes
        count as much as artefacts do: compare it with the work's own grain.
    """
    flat = _grain(photo) < FLAT
    grain = _grain(painted)
    return torch.stack([
        g[f].square().mean().sqrt() if f.float().mean() > 0.005 else g.new_tensor(torch.nan)
        for g, f in zip(grain, flat, strict=True)
    ])  # fmt: skip


def _grain(images: Tensor) -> Tensor:
    """Return the local deviation of luma, (B, H - 8, W - 8), of a range of 1."""
    luma = (_luma(images) + 1) / 2
    mean, square = (F.avg_pool2d(x, WINDOW, stride=1) for x in (luma, luma.square()))
    return (square - mean.square()).clamp_min(0).sqrt()[:, 0]


def palette(images: Tensor, *, directions: int = 32, seed: int = 0) -> Tensor:
    """Return the quantiles of a picture's colours along random directions of the colour space.

    Args:
        images: float (B, 3, H, W).
        directions: random directions.
        seed: of the directions.

    Returns:
        float (B, directions, 512). The mean of several works' is that of their barycentre along each direction.
    """
    axes = _directions(directions, 3, seed).to(images)
    return _quantiles(axes @ images.flatten(2))


def palette_difference(x: Tensor, y: Tensor) -> Tensor:
    """Return the sliced Wasserstein distance of two `palette`s, float (B,), of a range of 1.

    Source: Rabin et al. 2011, "Wasserstein barycenter and its application to texture mixing", section 2.2.
    """
    return (x - y).abs().mean((1, 2)) / 2


def palette_distance(x: Tensor, y: Tensor, *, directions: int = 32, seed: int = 0) -> Tensor:
    """Return the sliced Wasserstein distance of two pictures' colours.

    Args:
        x: float (B, 3, H, W).
        y: float (B, 3, h, w), of any size.
        directions: random directions of the colour space.
        seed: of the directions.

    Returns:
        float (B,), of a range of 1: the mean shift of a colour along a direction.
    """
    return palette_difference(*(palette(images, directions=directions, seed=seed) for images in (x, y)))


def texture_distance(x: Tensor, y: Tensor, *, filters: int = 24, size: int = 7, seed: int = 0) -> Tensor:
    """Return the sliced Wasserstein distance of the two pictures' small patches, without their mean colours.

    Args:
        x: float (B, 3, H, W), sides of at least `8 * size`.
        y: float (B, 3, h, w), of any such size.
        filters: random filters, the directions of the space of patches.
        size: side of a patch in pixels; patches of half and a quarter of the picture's size are compared as well.
        seed: of the filters.

    Returns:
        float (B,): distance of the responses' distributions over `y`'s deviation, mean of filters and three scales.

    Source: Karras et al. 2018 (arXiv:1710.10196), section 5, with free filters for its patches' directions.
    """
    bank = _directions(filters, 3 * size * size, seed).view(filters, 3, size, size)
    bank = (bank - bank.mean((2, 3), keepdim=True)).to(x)
    distances = []
    for _ in range(3):
        a, b = (_quantiles(F.conv2d(images, bank).flatten(2)) for images in (x, y))
        distances.append(((a - b).abs().mean(2) / b.std(2).clamp_min(1e-6)).mean(1))
        x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
    return torch.stack(distances).mean(0)


def _directions(count: int, width: int, seed: int) -> Tensor:
    """Return unit vectors, float32 (count, width)."""
    drawn = torch.randn(count, width, generator=torch.Generator().manual_seed(seed))
    return drawn / drawn.norm(dim=1, keepdim=True)


def _quantiles(values: Tensor) -> Tensor:
    """Return (B, C, QUANTILES) of (B, C, N), of a fixed draw where N is large."""
    if values.shape[2] > SAMPLES:
        places = torch.randint(values.shape[2], (SAMPLES,), generator=torch.Generator().manual_seed(0))
        values = values[:, :, places.to(values.device)]
    ordered = values.sort(2).values
    places = (torch.arange(QUANTILES, device=values.device) + 0.5) / QUANTILES * ordered.shape[2]
    return ordered[:, :, places.long()]


def _luma(images: Tensor) -> Tensor:
    """Return (B, 1, H, W), in the range of the pictures."""
    return (images * images.new_tensor(REC_709)[:, None, None]).sum(1, keepdim=True)


def _slopes(luma: Tensor) -> Tensor:
    """Return gradient magnitudes, (B, H - 1, W - 1), of (B, 1, H, W)."""
    down = luma[:, 0, 1:, :-1] - luma[:, 0, :-1, :-1]
    across = luma[:, 0, :-1, 1:] - luma[:, 0, :-1, :-1]
    return (down.square() + across.square()).sqrt()


def seam_peak(photo: Tensor, painted: Tensor, *, reach: int = 8) -> Tensor:
    """Return how far the strongest straight line from side to side stands out, where the photograph has none.

    Args:
        photo: float (B, 3, H, W), sides of at least 64.
        painted: the same shape as `photo`.
        reach: lines to each side that a line is compared with.

    Returns:
        float (B,) in dB, at least 0: steps across a line between rows or columns, as tiles that don't fit leave them,
        over the steps across the lines beside it. Lines that the photograph has count as 0.
    """
    levels = []
    for turned in (False, True):
        mine, theirs = (_line_steps(_luma(x.mT if turned else x)[:, 0], reach) for x in (painted, photo))
        levels.append(torch.where(theirs > ORDINARY, 1, mine / theirs.clamp_min(1)).amax(1))
    return 20 * torch.stack(levels).amax(0).clamp_min(1).log10()


def _line_steps(luma: Tensor, reach: int) -> Tensor:
    """Return (B, W - 1): the mean step across each line between columns over the third largest about it.

    Steps are averaged with their sign over 32 pixels of the line, which texture does not survive and a seam does, even
    if its sign changes on the way. A seam is one line, or two where it is soft; a grid of dots is many.
    """
    steps = (luma[:, :, 1:] - luma[:, :, :-1])[:, : luma.shape[1] // SEGMENT * SEGMENT]
    steps = steps.unflatten(1, (-1, SEGMENT)).mean(2).abs().mean(1) + FLAT / 2
    around = F.pad(steps[:, None], (reach, reach), mode="reflect")[:, 0].unfold(1, 2 * reach + 1, 1)
    return steps / around.kthvalue(2 * reach - 1, 2).values


def halo_excess(photo: Tensor, painted: Tensor, *, reach: int = 8) -> Tensor:
    """Return how much busier the painting is beside strong edges of the photograph than far from them.

    Args:
        photo: float (B, 3, H, W), sides above `2 * reach`.
        painted: the same shape as `photo`.
        reach: pixels from an edge that count as beside it.

    Returns:
        float (B,) in dB, at least 0, over the same of the photograph; both are looked at only where the photograph is
        smooth. Glowing or dark rims along outlines raise it; NaN if the photograph has no smooth places of both kinds.
    """
    slopes = F.pad(_slopes(_luma(photo)), (0, 1, 0, 1))
    edge = (slopes > EDGE).float()[:, None]
    touched = F.max_pool2d(edge, 5, stride=1, padding=2)[:, 0] > 0
    beside = F.max_pool2d(edge, 2 * reach + 1, stride=1, padding=reach)[:, 0] > 0
    smooth = ~touched & (slopes < SMOOTH)
    mine = F.pad(_slopes(_luma(painted)), (0, 1, 0, 1))
    found = []
    for place, rest, a, b in zip(smooth & beside, smooth & ~beside, mine, slopes, strict=True):
        ratios = [(x[place].mean() + SMOOTH / 4) / (x[rest].mean() + SMOOTH / 4) for x in (a, b)]
        found.append(ratios[0] / ratios[1])  # NaN where a mean is of nothing
    return 20 * torch.stack(found).clamp_min(1).log10()
