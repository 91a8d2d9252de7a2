"""Pictures and weights whose effect on metrics is known."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from ganstyle.nn.trunks import BUILDERS


def state_of(net, seed=0):
    """Seeded weights in the published shapes; the classifiers, which no metric uses, take no memory."""
    generator = torch.Generator().manual_seed(seed)
    with torch.device("meta"):
        shapes = {name: value.shape for name, value in BUILDERS[net](weights=None).state_dict().items()}
    state = {}
    for name, shape in shapes.items():
        if name.startswith("classifier"):
            state[name] = torch.zeros(1).expand(shape)
        else:
            deviation = (2 / max(1, shape[1:].numel())) ** 0.5 if len(shape) > 1 else 0.05
            state[name] = torch.randn(shape, generator=generator) * deviation
    return state


def scene(seed=0, height=64, width=80):
    """A smooth picture with some edges, uint8 (3, height, width)."""
    generator = torch.Generator().manual_seed(seed)
    smooth = F.interpolate(torch.rand(1, 3, 5, 6, generator=generator), (height, width), mode="bicubic")[0]
    edges = F.interpolate(torch.rand(1, 1, 5, 6, generator=generator).round(), (height, width))[0]
    return (255 * (0.7 * smooth + 0.3 * edges)).clamp(0, 255).to(torch.uint8)


def noisy(picture, strength, seed=1):
    """The picture with seeded noise of a deviation of `strength` levels."""
    noise = torch.randn(picture.shape, generator=torch.Generator().manual_seed(seed)) * strength
    return (picture + noise).round().clamp(0, 255).to(torch.uint8)


def blurred(picture, radius):
    """Box-blurred twice."""
    images = picture.float()[None] if picture.ndim == 3 else picture.float()
    for _ in range(2):
        images = F.avg_pool2d(images, 2 * radius + 1, 1, radius, count_include_pad=False)
    return images.round().to(torch.uint8).view(picture.shape)


def hatched(seed=0, height=64, width=80, period=6):
    """A work of oblique strokes in two colours, uint8 (3, height, width)."""
    generator = torch.Generator().manual_seed(seed)
    colours = torch.rand(2, 3, 1, 1, generator=generator)
    slope = 1 if seed % 2 else -1
    lines = (torch.arange(height)[:, None] + slope * torch.arange(width)) % period < period / 2
    jitter = 0.08 * torch.randn(1, height, width, generator=generator)
    return (255 * (torch.where(lines, *colours) + jitter)).clamp(0, 255).to(torch.uint8)
